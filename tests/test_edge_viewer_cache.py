"""Remembered viewers: used while they are true, dropped in every process by the write that changes them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.viewer import Viewer
from app.domain.viewer_cache import LEASE, MARK, ViewerCache
from app.infra.redis import Redis
from tests.harness.own_redis import OwnRedis


class Truth:
    """Stands for PostgreSQL: a user, a session and the workspaces they are in."""

    def __init__(self) -> None:
        self.user_id, self.session_id = uuid4(), uuid4()
        self.workspaces: set[UUID] | None = {uuid4()}
        self.reads = 0

    async def fetch(self, _label: str, _sql: str, _args: Sequence[object]) -> Sequence[Mapping[str, Any]]:
        self.reads += 1
        if self.workspaces is None:
            return []
        found = [{"workspace_id": workspace, "role": "MEMBER"} for workspace in self.workspaces]
        return found or [{"workspace_id": None, "role": None}]

    async def seen_by(self, cache: ViewerCache) -> Viewer | None:
        return await cache.load(self.fetch, self.user_id, self.session_id, await cache.look(self.user_id))

    async def is_remembered_by(self, cache: ViewerCache) -> bool:
        before = self.reads
        await self.seen_by(cache)
        return self.reads == before


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    yield server
    server.stop()


class Process:
    """What one of several servers has of its own: a connection to Redis, and what it remembers."""

    def __init__(self, url: str | None) -> None:
        self.redis = Redis(url)
        self.cache = ViewerCache(self.redis)

    async def warm(self, truth: Truth) -> None:
        for _ in range(100):
            if await truth.is_remembered_by(self.cache):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(self.redis.reason)


@pytest.fixture
async def processes(own: OwnRedis) -> AsyncIterator[tuple[Process, Process]]:
    async with AsyncExitStack() as stack:
        both = Process(own.url), Process(own.url)
        for process in both:
            stack.push_async_callback(process.redis.stop)
        yield both


Two = tuple[Process, Process]


def test_a_mark_outlasts_every_lease_and_a_commit() -> None:
    assert MARK > 10 + LEASE


async def test_a_viewer_is_loaded_once_a_lease(processes: Two) -> None:
    truth, (reader, _) = Truth(), processes
    await reader.warm(truth)
    started = time.monotonic()
    before = truth.reads
    while time.monotonic() - started < 1.5 * LEASE:
        await truth.seen_by(reader.cache)
        await asyncio.sleep(0.01)
    assert truth.reads == before + 1


async def test_each_session_is_remembered_apart(processes: Two) -> None:
    truth, other, (reader, _) = Truth(), Truth(), processes
    other.user_id = truth.user_id
    await reader.warm(truth)
    assert not await other.is_remembered_by(reader.cache)
    # A session is not another user's, whatever a token says.
    other.user_id, other.session_id = uuid4(), truth.session_id
    assert not await other.is_remembered_by(reader.cache)


async def test_it_is_bounded(processes: Two) -> None:
    cache = ViewerCache(processes[0].redis, size=3)
    everybody = [Truth() for _ in range(5)]
    for _ in range(2):
        for truth in everybody:
            await truth.seen_by(cache)
    assert len(cache._remembered) == 3


async def test_a_change_is_seen_at_once_everywhere(processes: Two) -> None:
    truth, (writer, reader) = Truth(), processes
    await writer.warm(truth)
    await reader.warm(truth)
    async with writer.cache.changing([truth.user_id]):
        truth.workspaces = set()
    for process in processes:
        viewer = await truth.seen_by(process.cache)
        assert viewer is not None
        assert viewer.roles == {}


async def test_the_moment_of_the_commit_counts_also_when_the_writer_is_killed_then(processes: Two) -> None:
    truth, (writer, reader) = Truth(), processes
    await reader.warm(truth)
    block = writer.cache.changing([truth.user_id])
    await block.__aenter__()
    assert not await truth.is_remembered_by(reader.cache)
    truth.workspaces = None  # the commit; nothing follows
    for _ in range(5):
        assert await truth.seen_by(reader.cache) is None
        await asyncio.sleep(0.1)


async def test_what_is_loaded_during_a_change_is_not_remembered(processes: Two) -> None:
    truth, (writer, reader) = Truth(), processes
    await reader.warm(truth)
    async with writer.cache.changing([truth.user_id]):
        for _ in range(3):
            assert not await truth.is_remembered_by(reader.cache)
    for _ in range(3):
        assert not await truth.is_remembered_by(reader.cache)


async def test_somebody_elses_change_does_not_matter(processes: Two) -> None:
    truth, other, (writer, reader) = Truth(), Truth(), processes
    await reader.warm(truth)
    async with writer.cache.changing([other.user_id]):
        pass
    assert await truth.is_remembered_by(reader.cache)


async def test_a_server_back_with_older_memory_revives_nothing(processes: Two, own: OwnRedis) -> None:
    truth, (writer, reader) = Truth(), processes
    await reader.warm(truth)
    own.save()
    async with writer.cache.changing([truth.user_id]):
        truth.workspaces = None
    own.kill()
    own.start()
    assert reader.redis.available
    assert await truth.seen_by(reader.cache) is None


async def test_a_lost_mark_is_set_again_after_the_commit(processes: Two, own: OwnRedis) -> None:
    truth, (writer, reader) = Truth(), processes
    async with writer.cache.changing([truth.user_id]):
        own.kill()
        own.start()  # without the first mark
        await reader.warm(truth)
        truth.workspaces = None
    assert await truth.seen_by(reader.cache) is None


@pytest.mark.parametrize("how", ["dead", "hung"])
async def test_a_writer_that_cannot_tell_waits_until_nobody_can_be_wrong(
    processes: Two, tmp_path: Path, how: str
) -> None:
    """The readers' Redis answers them all the time; the writer's does not."""
    (tmp_path / "apart").mkdir()
    apart = OwnRedis(tmp_path / "apart")
    writer = Process(apart.url)
    truth, (reader, _) = Truth(), processes
    await writer.redis.ping()
    apart.kill() if how == "dead" else apart.hang()
    stop = asyncio.Event()

    async def keep_reading() -> None:
        while not stop.is_set():
            await truth.seen_by(reader.cache)
            await asyncio.sleep(0.005)

    reading = asyncio.create_task(keep_reading())
    await asyncio.sleep(0.1)
    async with writer.cache.changing([truth.user_id]):
        truth.workspaces = None
    assert await truth.seen_by(reader.cache) is None
    stop.set()
    await reading
    await writer.redis.stop()
    apart.stop()


async def test_while_redis_is_away_everything_is_asked(processes: Two, own: OwnRedis) -> None:
    truth, (reader, _) = Truth(), processes
    await reader.warm(truth)
    own.hang()
    for _ in range(3):
        assert not await truth.is_remembered_by(reader.cache)
    truth.workspaces = None
    assert await truth.seen_by(reader.cache) is None
    own.resume()


async def test_without_redis_nobody_waits() -> None:
    truth, process = Truth(), Process(None)
    started = time.monotonic()
    async with process.cache.changing([truth.user_id]):
        pass
    assert time.monotonic() - started < LEASE / 2
    assert not await truth.is_remembered_by(process.cache)
