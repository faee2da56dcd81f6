"""The reader of the log that all subscribers of a workspace share."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.domain import log_subscriber
from app.domain.errors import Unauthenticated
from app.domain.log import LogEvent
from app.domain.log_subscriber import AccessLost, Subscriber, SubscriberTooSlow
from app.models import Role
from tests.harness.people import Person
from tests.harness.server import Server
from tests.live import until
from tests.live_process import Process, new_process


@pytest.fixture
async def process(server: Server, redis_url: str) -> AsyncIterator[Process]:
    async with new_process(server, redis_url) as one:
        await until(lambda: one.wakeups.connected)
        yield one


@pytest.fixture
async def other_process(server: Server, redis_url: str) -> AsyncIterator[Process]:
    async with new_process(server, redis_url) as one:
        await until(lambda: one.wakeups.connected)
        yield one


async def take(subscriber: Subscriber, count: int) -> list[int]:
    seqs = []
    async with asyncio.timeout(20):
        for _ in range(count):
            event = await anext(subscriber)
            assert isinstance(event, LogEvent)
            seqs.append(event.seq)
    return seqs


def reader_tasks() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("log-reader-")]


async def test_a_thousand_subscribers_cost_one_read_per_wake(process: Process, person: Person) -> None:
    viewer = await process.viewer_of(person)
    (workspace_id,) = viewer.workspace_ids
    subscribers = [await process.follow(viewer) for _ in range(1_000)]
    await asyncio.sleep(0.5)  # the confirmation of the channel is a wake-up of its own
    process.statements.clear()
    for _ in range(5):
        seq = await process.append(workspace_id)
        assert await asyncio.gather(*(take(subscriber, 1) for subscriber in subscribers)) == [[seq]] * 1_000
    assert process.statements == {"Log.events": 5, "Log.access": 5}
    assert len(process.readers) == len(reader_tasks()) == 1
    for subscriber in subscribers:
        subscriber.close()
    await until(lambda: not reader_tasks())
    assert len(process.readers) == 0
    assert process.wakeups.channels == 0


async def test_readers_of_many_workspaces_share_their_statements(process: Process, person: Person) -> None:
    for _ in range(30):
        await person.workspace()
    viewer = await process.viewer_of(person)

    async def follow_one(workspace_id: UUID) -> Subscriber:
        return await process.readers.follow(viewer, [workspace_id], wants=lambda _: True)

    subscribers = await asyncio.gather(*map(follow_one, viewer.workspace_ids))
    assert len(process.readers) == 31
    await until(lambda: process.statements["Log.events"] > 0)
    assert process.statements["Log.seqs"] == 1
    await asyncio.sleep(0.5)  # the confirmations of the channels are wake-ups too
    assert process.statements["Log.events"] < 10

    seqs = {workspace_id: await process.append(workspace_id, 2) for workspace_id in viewer.workspace_ids}
    for workspace_id, subscriber in zip(viewer.workspace_ids, subscribers, strict=True):
        assert await take(subscriber, 2) == [seqs[workspace_id] - 1, seqs[workspace_id]]
        subscriber.close()


async def test_whoever_joins_sees_each_event_from_there_on_once(
    process: Process, other_process: Process, person: Person
) -> None:
    viewer = await process.viewer_of(person)
    (workspace_id,) = viewer.workspace_ids
    stopped = asyncio.Event()

    async def write() -> None:
        while not stopped.is_set():
            await other_process.append(workspace_id)

    async def join(delay: float) -> tuple[Subscriber, int]:
        await asyncio.sleep(delay)
        subscriber = await process.follow(viewer)
        return subscriber, await other_process.append(workspace_id)

    writers = [asyncio.create_task(write()) for _ in range(3)]
    joined = await asyncio.gather(*(join(number * 0.02) for number in range(40)))
    stopped.set()
    await asyncio.gather(*writers)
    last = await process.append(workspace_id)
    for subscriber, seen_at_latest in joined:
        first = (await take(subscriber, 1))[0]
        # Committed after `follow` returned, so it must be seen; without a gap and none twice up to the end.
        assert first <= seen_at_latest
        assert await take(subscriber, last - first) == list(range(first + 1, last + 1))
        subscriber.close()


async def test_a_slow_subscriber_is_ended_and_the_others_go_on(
    process: Process, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_subscriber, "QUEUE_LIMIT", 100)
    viewer = await process.viewer_of(person)
    (workspace_id,) = viewer.workspace_ids
    slow, quick = await process.follow(viewer), await process.follow(viewer)
    received: list[int] = []
    for _ in range(6):
        await process.append(workspace_id, 50)
        received += await take(quick, 50)
    with pytest.raises(SubscriberTooSlow):
        await take(slow, 1)
    assert received == list(range(received[0], received[0] + 300))
    quick.close()
    await until(lambda: not reader_tasks())


async def test_a_burst_of_many_pages_arrives_in_order(process: Process, person: Person) -> None:
    viewer = await process.viewer_of(person)
    (workspace_id,) = viewer.workspace_ids
    subscriber = await process.follow(viewer)
    last = await process.append(workspace_id, 1_700)
    assert await take(subscriber, 1_700) == list(range(last - 1_699, last + 1))
    subscriber.close()


async def test_nothing_is_missed_while_postgresql_breaks_every_connection(
    process: Process, other_process: Process, person: Person, sql: asyncpg.Pool
) -> None:
    viewer = await process.viewer_of(person)
    (workspace_id,) = viewer.workspace_ids
    subscriber = await process.follow(viewer)
    committed: list[int] = []
    for round_number in range(60):
        if round_number % 15 == 5:
            await _terminate_connections(sql)
        try:
            committed.append(await other_process.append(workspace_id))
        except Exception:
            await asyncio.sleep(0.1)
    last = await sql.fetchval("SELECT seq FROM workspace_counters WHERE workspace_id = $1", workspace_id)
    first = (await take(subscriber, 1))[0]
    assert first <= committed[0]
    assert await take(subscriber, last - first) == list(range(first + 1, last + 1))
    subscriber.close()


async def test_access_that_ends_is_told_instead_of_what_still_waits(
    process: Process, person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    await person.add_member(stranger, "GUEST")
    viewer = await process.viewer_of(stranger)
    workspace_id = UUID(person.workspace_id)
    subscriber = await process.readers.follow(viewer, [workspace_id], wants=lambda _: True)
    await process.append(workspace_id, 3)
    await asyncio.sleep(0.3)
    await sql.execute(
        "UPDATE memberships SET removed_at = now() WHERE user_id = $1 AND workspace_id = $2",
        viewer.user_id,
        workspace_id,
    )
    await process.append(workspace_id)
    await until(lambda: not subscriber.follows(workspace_id))
    assert await anext(subscriber) == AccessLost(workspace_id)
    assert workspace_id not in subscriber.viewer.roles
    with pytest.raises(StopAsyncIteration):
        await anext(subscriber)
    await until(lambda: not reader_tasks())


async def test_a_role_that_changes_changes_the_viewer(
    process: Process, person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    await person.add_member(stranger, "GUEST")
    viewer = await process.viewer_of(stranger)
    workspace_id = UUID(person.workspace_id)
    subscriber = await process.readers.follow(viewer, [workspace_id], wants=lambda _: True)
    await sql.execute(
        "UPDATE memberships SET role = 'ADMIN' WHERE user_id = $1 AND workspace_id = $2",
        viewer.user_id,
        workspace_id,
    )
    await process.append(workspace_id)
    await take(subscriber, 1)
    assert subscriber.viewer.role_in(workspace_id) is Role.ADMIN
    subscriber.close()


async def test_a_session_or_a_user_that_ends_is_unauthenticated(
    process: Process, person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    by_session, by_user = await process.viewer_of(person), await process.viewer_of(stranger)
    subscribers = [await process.follow(viewer) for viewer in (by_session, by_user)]
    await sql.execute("UPDATE sessions SET revoked_at = now() WHERE id = $1", by_session.session_id)
    await sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", by_user.user_id)
    for viewer, subscriber in zip((by_session, by_user), subscribers, strict=True):
        await process.append(viewer.workspace_ids[0])
        with pytest.raises(Unauthenticated):
            await take(subscriber, 1)
    await until(lambda: not reader_tasks())


async def test_a_token_that_expires_ends_what_waits_on_nothing(process: Process, person: Person) -> None:
    viewer = await process.viewer_of(person)
    subscriber = await process.follow(viewer, expires_at=datetime.now(UTC) + timedelta(seconds=0.3))
    started = time.monotonic()
    with pytest.raises(Unauthenticated):
        await take(subscriber, 1)
    assert 0.2 < time.monotonic() - started < 2
    assert len(process.readers) == 0


async def test_who_leaves_while_joining_leaves_nothing_behind(process: Process, person: Person) -> None:
    viewer = await process.viewer_of(person)
    for delay in (0.0, 0.0005, 0.001, 0.002, 0.005):
        joining = [asyncio.create_task(process.follow(viewer)) for _ in range(20)]
        await asyncio.sleep(delay)
        for task in joining:
            task.cancel()
        for result in await asyncio.gather(*joining, return_exceptions=True):
            if isinstance(result, Subscriber):
                result.close()
    await until(lambda: not reader_tasks())
    assert len(process.readers) == 0
    assert process.wakeups.channels == 0


async def _terminate_connections(sql: asyncpg.Pool) -> None:
    await sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'taskflow'"
    )
