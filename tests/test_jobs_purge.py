"""What has expired goes, what lives stays, and nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.config import load_settings
from app.infra.db import Database
from app.jobs.purge import BATCH, purge, purge_for_ever
from app.main import create_app
from app.models.ids import first_id_at, new_id
from tests.harness.server import JWT_SECRET
from tests.live import until

DAY = timedelta(days=1)
NOTHING = dict.fromkeys(
    [
        *("idempotency keys", "refresh tokens", "sessions", "mailed tokens", "mails"),
        *("tasks of deleted workspaces", "events of deleted workspaces", "deleted workspaces"),
    ],
    0,
)


@pytest.fixture
async def url(new_database: Callable[..., Awaitable[str]]) -> str:
    return await new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(load_settings(database_url=url, db_pool_size=4))
    await opened.start()
    await opened.wait_ready(20)
    yield opened
    await opened.stop()


@pytest.fixture
async def connection(url: str, database: Database) -> AsyncIterator[Any]:
    opened = await asyncpg.connect(url)
    yield opened
    await opened.close()


@pytest.fixture
async def user_id(connection: Any) -> UUID:
    id_ = new_id()
    await connection.execute(
        "INSERT INTO users (id, email, name, password_hash, timezone, version, created_at, updated_at)"
        " VALUES ($1, 'robin@example.com', 'Robin', '', 'UTC', 1, now(), now())",
        id_,
    )
    return id_


async def add_keys(connection: Any, user_id: UUID, count: int, age: timedelta) -> None:
    """Keys claimed `age` ago, with ids made then."""
    moment = datetime.now(UTC) - age
    first = first_id_at(moment).int
    await connection.executemany(
        "INSERT INTO idempotency_keys (id, user_id, mutation, key, input_hash, outcome, created_at)"
        " VALUES ($1, $2, 'taskCreate', $3, '', '{}', $4)",
        [(UUID(int=first + n), user_id, f"{age}-{n}", moment) for n in range(count)],
    )


async def add_session(connection: Any, user_id: UUID, *, session: timedelta, token: timedelta) -> None:
    """A session and a token of it, with the time that each has left."""
    session_id = new_id()
    await connection.execute(
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at)"
        " VALUES ($1, $2, now(), now(), now() + $3::interval)",
        *(session_id, user_id, session),
    )
    await connection.execute(
        "INSERT INTO refresh_tokens (id, session_id, token_hash, created_at, expires_at)"
        " VALUES ($1, $2, $3, now(), now() + $4::interval)",
        *(new_id(), session_id, session_id.bytes, token),
    )


async def counts(connection: Any) -> tuple[int, int, int]:
    """Keys, sessions, refresh tokens."""
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM sessions),"
        " (SELECT count(*) FROM refresh_tokens)"
    )
    return row[0], row[1], row[2]


async def test_what_has_expired_goes_and_the_rest_stays(
    database: Database, connection: Any, user_id: UUID
) -> None:
    await add_keys(connection, user_id, 2 * BATCH + 7, 2 * DAY)
    await add_keys(connection, user_id, 3, DAY - timedelta(minutes=1))
    # Claimed again after its lifetime, it is as young as its last use.
    await connection.execute("UPDATE idempotency_keys SET created_at = now() WHERE key = $1", f"{2 * DAY}-5")
    await add_session(connection, user_id, session=DAY, token=DAY)
    await add_session(connection, user_id, session=DAY, token=-DAY)
    await add_session(connection, user_id, session=-DAY, token=-DAY)
    removed = await purge(database)
    assert removed == {
        **NOTHING,
        "idempotency keys": 2 * BATCH + 6,
        "refresh tokens": 2,
        "sessions": 1,
    }
    assert await counts(connection) == (4, 2, 1)
    assert await purge(database) == NOTHING


async def test_mails_that_are_done_with_or_too_old_go(
    database: Database, connection: Any, user_id: UUID
) -> None:
    mails = {  # finished how long ago, made how long ago
        "seen to lately": (6 * DAY, 6 * DAY),
        "seen to long ago": (8 * DAY, 8 * DAY),
        "waiting": (None, 0.9 * DAY),
        "waiting in vain": (None, 1.1 * DAY),
    }
    await connection.executemany(
        "INSERT INTO outbox_mails (id, kind, address, due_at, finished_at, created_at)"
        " VALUES ($1, 'PASSWORD_RESET', $2, now(), now() - $3::interval, now() - $4::interval)",
        [(new_id(), name, finished, made) for name, (finished, made) in mails.items()],
    )
    await connection.executemany(
        "INSERT INTO mailed_tokens (id, user_id, purpose, token_hash, address, expires_at)"
        " VALUES ($1, $2, 'PASSWORD_RESET', $3, '', now() + $4::interval)",
        [(new_id(), user_id, b"good", DAY), (new_id(), user_id, b"expired", -DAY)],
    )
    assert await purge(database) == {**NOTHING, "mailed tokens": 1, "mails": 2}
    left = await connection.fetch("SELECT address FROM outbox_mails")
    assert {row["address"] for row in left} == {"seen to lately", "waiting"}
    assert await connection.fetchval("SELECT token_hash FROM mailed_tokens") == b"good"


async def test_a_row_that_somebody_holds_is_left_to_the_next_round(
    database: Database, connection: Any, user_id: UUID
) -> None:
    await add_keys(connection, user_id, 5, 2 * DAY)
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM idempotency_keys WHERE key = $1 FOR UPDATE", f"{2 * DAY}-2")
        async with asyncio.timeout(2):
            assert (await purge(database))["idempotency keys"] == 4
    assert (await purge(database))["idempotency keys"] == 1


async def test_processes_share_the_work(database: Database, connection: Any, user_id: UUID) -> None:
    await add_keys(connection, user_id, 2 * BATCH, 2 * DAY)
    rounds = await asyncio.gather(purge(database), purge(database))
    assert sum(each["idempotency keys"] for each in rounds) == 2 * BATCH
    assert await counts(connection) == (0, 0, 0)


async def test_it_goes_on_after_the_database_was_away(url: str, connection: Any, user_id: UUID) -> None:
    late = Database(load_settings(database_url=url, db_pool_size=2))
    running = asyncio.create_task(purge_for_ever(late, first=0.01, every=0.02))
    try:
        await asyncio.sleep(0.1)
        await add_keys(connection, user_id, 3, 2 * DAY)
        await late.start()
        await until(lambda: no_keys(connection), patience=20)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])
        await late.stop()


async def test_every_process_does_it_while_it_serves(url: str) -> None:
    app = create_app(load_settings(database_url=url, redis_url=None, jwt_secret=JWT_SECRET))
    async with app.router.lifespan_context(app):
        assert purging()
    assert not purging()


async def no_keys(connection: Any) -> bool:
    return (await counts(connection))[0] == 0


def purging() -> bool:
    return any(task.get_name() == "purge" for task in asyncio.all_tasks())
