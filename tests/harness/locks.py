"""Requests that wait in PostgreSQL behind a row or a table that a test has locked."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import asyncpg

from tests.live import until

T = TypeVar("T")


async def count_behind(sql: asyncpg.Pool, holder: asyncpg.Connection) -> int:
    """How many wait for what `holder` has locked, or for one of those who wait for it."""
    count: int = await sql.fetchval(_BEHIND, holder.get_server_pid())
    return count


async def until_behind(
    sql: asyncpg.Pool, holder: asyncpg.Connection, count: int, *requests: asyncio.Future[Any]
) -> None:
    """Returns once `count` wait behind `holder`.

    Raises AssertionError where one of `requests` is done instead, and where it takes too long: with what
    everybody waits for.
    """

    async def waits() -> bool:
        if await count_behind(sql, holder) >= count:
            return True
        for request in requests:
            assert not request.done(), f"it does not wait: {request.result()}"
        return False

    try:
        await until(waits)
    except AssertionError as error:
        everybody = "\n".join(str(dict(row)) for row in await sql.fetch(_EVERYBODY))
        raise AssertionError(f"{error}\n{requests}\n{everybody}") from error


async def sent_behind(sql: asyncpg.Pool, holder: asyncpg.Connection, work: Awaitable[T]) -> asyncio.Future[T]:
    """The request, once one more waits behind `holder`."""
    before = await count_behind(sql, holder)
    request = asyncio.ensure_future(work)
    await until_behind(sql, holder, before + 1, request)
    return request


_BEHIND = """
WITH RECURSIVE behind AS (
    SELECT $1::int AS pid
    UNION
    SELECT activity.pid
    FROM pg_stat_activity AS activity
    JOIN behind ON behind.pid = ANY(pg_blocking_pids(activity.pid))
    WHERE activity.wait_event_type = 'Lock'
)
SELECT count(*) - 1 FROM behind
"""
_EVERYBODY = """
SELECT pid, pg_blocking_pids(pid) AS behind, state, wait_event_type, wait_event,
    now() - state_change AS since, backend_type, application_name, query
FROM pg_stat_activity
WHERE datname = current_database()
"""
