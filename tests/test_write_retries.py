"""The wrapper on its own: what PostgreSQL asks to be run again, and what ends in nothing."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from jose import jwt

from app.config import load_settings
from app.domain.errors import Unauthenticated, UserFault
from app.domain.perform import ATTEMPTS, perform
from app.domain.viewer import Viewer
from app.domain.write import Write
from app.infra.db import Database
from app.models import Role, Task
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.verbs import event_count, events_of


@pytest.fixture(scope="module")
async def database(server: Server) -> AsyncIterator[Database]:
    opened = Database(load_settings(database_url=server.database_url, db_pool_size=8))
    await opened.start()
    await opened.wait_ready(10)
    yield opened
    await opened.stop()


@pytest.fixture
def viewer(person: Person) -> Viewer:
    session_id = jwt.get_unverified_claims(person.token)["sid"]
    return Viewer(UUID(person.id), UUID(session_id), {UUID(person.workspace_id): Role.OWNER})


async def test_a_deadlock_is_run_again(
    database: Database, viewer: Viewer, person: Person, sql: asyncpg.Pool
) -> None:
    one, other = (await person.task())["id"], (await person.task())["id"]
    both_hold_one = asyncio.Barrier(2)
    runs = 0

    async def rename(first: str, second: str) -> None:
        async def verb(write: Write) -> UUID:
            nonlocal runs
            runs += 1
            tasks = [await write.lock(Task, first)]
            if runs <= 2:
                await both_hold_one.wait()
            tasks.append(await write.lock(Task, second))
            for task in tasks:
                task.title += "!"
                await write.save(task, "task.updated")
            return tasks[0].id

        await perform(database, viewer, "rename", {}, verb)

    await asyncio.gather(rename(one, other), rename(other, one))
    assert runs == 3
    for id_ in (one, other):
        title = await sql.fetchval("SELECT title FROM tasks WHERE id = $1", id_)
        assert title.endswith("!!")
        assert [event["entity_version"] for event in await events_of(sql, id_)] == [1, 2, 3]


async def test_it_is_not_run_again_for_ever(
    database: Database, viewer: Viewer, person: Person, sql: asyncpg.Pool
) -> None:
    before = await event_count(sql, person.workspace_id)
    runs = 0

    async def verb(write: Write) -> UUID | None:
        nonlocal runs
        runs += 1
        await write.fetch("fail", "DO $$ BEGIN RAISE serialization_failure; END $$")
        return None

    with pytest.raises(asyncpg.SerializationError):
        await perform(database, viewer, "fail", {}, verb, idempotency_key="key")
    assert runs == ATTEMPTS
    assert await event_count(sql, person.workspace_id) == before
    assert await sql.fetchval("SELECT count(*) FROM idempotency_keys WHERE user_id = $1", person.id) == 0


async def test_a_batch_has_one_event_each_and_a_common_id(
    database: Database, viewer: Viewer, person: Person, sql: asyncpg.Pool
) -> None:
    ids = [UUID((await person.task())["id"]) for _ in range(3)]

    async def verb(write: Write) -> None:
        for task in await write.lock_all(Task, ids):
            task.estimate = 1
            assert await write.save(task, "task.updated")
            assert not await write.save(task, "task.updated")

    outcome = await perform(database, viewer, "estimate", {}, verb)
    rows = await sql.fetch(
        "SELECT seq, batch_id FROM events WHERE entity_id = ANY($1) AND type = 'task.updated' ORDER BY seq",
        ids,
    )
    last = outcome.sync_seq or 0
    assert [row["seq"] for row in rows] == [last - 2, last - 1, last]
    assert len({row["batch_id"] for row in rows}) == 1
    assert rows[0]["batch_id"] is not None


async def test_a_write_given_up_leaves_nothing_open(
    database: Database, viewer: Viewer, person: Person, sql: asyncpg.Pool
) -> None:
    task = await person.task("Before")
    locked = asyncio.Event()

    async def verb(write: Write) -> None:
        held = await write.lock(Task, task["id"])
        held.title = "After"
        await write.save(held, "task.updated")
        locked.set()
        await asyncio.sleep(60)

    for _ in range(8):  # more often than the pool has connections
        running = asyncio.create_task(perform(database, viewer, "wait", {}, verb))
        await locked.wait()
        locked.clear()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert await sql.fetchval("SELECT title FROM tasks WHERE id = $1", task["id"]) == "Before"
    await sql.execute("UPDATE tasks SET title = 'Free' WHERE id = $1", task["id"])


async def test_without_a_viewer_nothing_is_seen(database: Database, person: Person) -> None:
    task = await person.task()

    async def find(write: Write) -> None:
        await write.find(Task, task["id"])

    async def ask(write: Write) -> None:
        assert write.viewer

    with pytest.raises(UserFault):
        await perform(database, None, "find", {}, find)
    with pytest.raises(Unauthenticated):
        await perform(database, None, "ask", {}, ask)
