"""What a migration does to tables that servers use meanwhile. docs/migrations.md says how to avoid each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

# Those that hold up writers, or readers too (the manual's table 13.2).
_HOLD_UP = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


@dataclass
class _Table:
    """One that was there before; how often it was read as a whole, and how many rows were changed."""

    name: str
    file: int
    scans: int
    changed: int


@dataclass
class _Watched:
    problems: list[str] = field(default_factory=list)


async def problems_of(
    connection: asyncpg.Connection, sql: str, *, in_transaction: bool = True, may_wait: bool = False
) -> list[str]:
    """
    Runs a migration on tables with rows and returns what would keep servers waiting, by table; it stays
    applied when there is nothing.

    in_transaction: its RUN_IN_TRANSACTION. may_wait: it need not set a lock_timeout.
    """
    try:
        async with _undone_on_problems(connection) as watched:
            before = await _tables(connection)
            await connection.execute(sql)
            watched.problems += await _problems(connection, before, may_wait=may_wait)
    except asyncpg.ActiveSQLTransactionError:
        return await _run_concurrently(connection, sql) if not in_transaction else [_NEEDS_NO_TRANSACTION]
    except asyncpg.PostgresError as error:
        return [f"It cannot be applied where there are rows: {error}"]
    return watched.problems


_NEEDS_NO_TRANSACTION = "It cannot run in a transaction: set RUN_IN_TRANSACTION = False."


class _Undo(Exception):
    pass


@asynccontextmanager
async def _undone_on_problems(connection: asyncpg.Connection) -> AsyncIterator[_Watched]:
    watched = _Watched()
    try:
        async with connection.transaction():
            yield watched
            if watched.problems:
                raise _Undo
    except _Undo:
        pass


async def _problems(
    connection: asyncpg.Connection, before: dict[int, _Table], *, may_wait: bool
) -> list[str]:
    after, held = await _tables(connection), await _held(connection)
    problems: list[str] = []
    for oid, old in before.items():
        new = after.get(oid, old)
        if new.file != old.file:
            problems.append(f"It writes all of {old.name} anew, and nobody reads or writes it meanwhile.")
        elif oid in held and new.scans > old.scans:
            problems.append(f"It reads all of {old.name}, and nobody writes to it meanwhile.")
        if new.changed > old.changed:
            problems.append(f"It changes rows of {old.name}, which stay locked until the end.")
    if held.intersection(before) and not may_wait and await connection.fetchval("SHOW lock_timeout") == "0":
        problems.append(
            "Everybody else queues behind it while it waits for its lock: SET LOCAL lock_timeout."
        )
    return problems


async def _run_concurrently(connection: asyncpg.Connection, sql: str) -> list[str]:
    await connection.execute(sql)
    invalid = await connection.fetch("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
    return [f"It leaves the index {row[0]} invalid." for row in invalid]


async def _tables(connection: asyncpg.Connection) -> dict[int, _Table]:
    rows = await connection.fetch(_TABLES)
    return {row["oid"]: _Table(row["name"], row["file"], row["scans"], row["changed"]) for row in rows}


async def _held(connection: asyncpg.Connection) -> set[int]:
    return {row["relation"] for row in await connection.fetch(_HELD, _HOLD_UP)}


# The statistics are this connection's own, and count the open transaction too.
_TABLES = """
SELECT c.oid, c.relname AS name, c.relfilenode::bigint AS file, coalesce(s.seq_scan, 0) AS scans,
    coalesce(s.n_tup_upd + s.n_tup_del, 0) AS changed
FROM pg_class c LEFT JOIN pg_stat_xact_user_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'aerich'"""
_HELD = (
    "SELECT relation FROM pg_locks WHERE pid = pg_backend_pid() AND mode = ANY($1) AND relation IS NOT NULL"
)
