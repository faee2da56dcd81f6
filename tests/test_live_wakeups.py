"""Wake-ups between processes, by a Redis that comes, goes and hangs."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.infra import wakeups as module
from app.infra.wakeups import PENDING_LIMIT, Wakeups
from tests.harness.own_redis import OwnRedis

Process = Callable[[str | None], Awaitable[Wakeups]]

BEFORE_IT_POLLS = module.POLL_FOR_SAFETY / 2  # who wakes by then was woken


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    started = OwnRedis(tmp_path)
    yield started
    started.stop()


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    """`await process(redis_url)`: the wake-ups of another process."""
    async with AsyncExitStack() as stack:

        async def start(redis_url: str | None) -> Wakeups:
            wakeups = Wakeups(redis_url)
            await wakeups.start()
            stack.push_async_callback(wakeups.stop)
            if redis_url:
                await until(lambda: wakeups.connected)
            return wakeups

        yield start


async def until(condition: Callable[[], bool], patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


async def confirmed(wakeups: Wakeups, workspace_id: UUID) -> None:
    await until(lambda: wakeups.poll_interval(workspace_id) == module.POLL_FOR_SAFETY)


async def test_a_publish_wakes_the_readers_of_that_workspace_in_another_process(
    own_redis: OwnRedis, process: Process
) -> None:
    here, there = await process(own_redis.url), await process(own_redis.url)
    workspace, other = uuid4(), uuid4()
    with closing(there.subscribe(workspace)) as subscription, closing(there.subscribe(other)) as elsewhere:
        await confirmed(there, workspace)
        await confirmed(there, other)
        await subscription.wait(0)  # its own confirmation
        await elsewhere.wait(0)
        here.publish(workspace, 7)
        await asyncio.wait_for(subscription.wait(6), BEFORE_IT_POLLS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(elsewhere.wait(6), 0.3)


async def test_what_a_reader_has_read_already_does_not_wake_it(own_redis: OwnRedis, process: Process) -> None:
    here = await process(own_redis.url)
    workspace = uuid4()
    with closing(here.subscribe(workspace)) as subscription:
        await confirmed(here, workspace)
        await subscription.wait(0)
        here.publish(workspace, 3)
        await asyncio.wait_for(subscription.wait(2), BEFORE_IT_POLLS)
        # The same news comes back by Redis; the reader is at 3 by now.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(subscription.wait(3), 0.5)


async def test_without_redis_the_same_process_is_woken_and_others_poll(process: Process) -> None:
    alone = await process(None)
    workspace = uuid4()
    with closing(alone.subscribe(workspace)) as subscription:
        alone.publish(workspace, 1)
        await asyncio.wait_for(subscription.wait(0), module.POLL_WHILE_AWAY / 2)
        started = time.monotonic()
        await asyncio.wait_for(subscription.wait(1), BEFORE_IT_POLLS)
        assert time.monotonic() - started > 0.9 * module.POLL_WHILE_AWAY


async def test_readers_poll_while_redis_is_away_and_are_woken_when_it_returns(
    own_redis: OwnRedis, process: Process
) -> None:
    here, there = await process(own_redis.url), await process(own_redis.url)
    workspace = uuid4()
    with closing(there.subscribe(workspace)) as subscription:
        await confirmed(there, workspace)
        await subscription.wait(0)
        own_redis.kill()
        await asyncio.wait_for(subscription.wait(0), 2)  # the loss itself
        assert not there.connected
        assert there.poll_interval(workspace) == module.POLL_WHILE_AWAY
        for seq in range(1, 101):
            here.publish(workspace, seq)
        own_redis.start()
        await confirmed(there, workspace)
        await asyncio.wait_for(subscription.wait(100), BEFORE_IT_POLLS)
        # What was announced while it was away is announced again.
        here.publish(workspace, 101)
        await asyncio.wait_for(subscription.wait(100), BEFORE_IT_POLLS)


async def test_a_redis_that_hangs_costs_neither_time_nor_memory(
    own_redis: OwnRedis, process: Process
) -> None:
    here = await process(own_redis.url)
    workspaces = [uuid4() for _ in range(100)]
    tasks_before = len(asyncio.all_tasks())
    own_redis.hang()
    started = time.monotonic()
    for seq in range(1, 101):
        for workspace in workspaces:
            here.publish(workspace, seq)
    assert time.monotonic() - started < 5
    assert len(asyncio.all_tasks()) == tasks_before
    await until(lambda: not here.connected)
    assert len(here._pending) <= len(workspaces)
    own_redis.resume()
    await until(lambda: here.connected and not here._pending)


async def test_the_wakeups_that_wait_are_bounded(own_redis: OwnRedis, process: Process) -> None:
    here = await process(own_redis.url)
    own_redis.kill()
    await until(lambda: not here.connected)
    for _ in range(PENDING_LIMIT + 500):
        here.publish(uuid4(), 1)
    await asyncio.sleep(1.2)
    assert len(here._pending) <= PENDING_LIMIT


async def test_channels_follow_the_readers(own_redis: OwnRedis, process: Process) -> None:
    here = await process(own_redis.url)
    workspaces = [uuid4() for _ in range(50)]
    subscriptions = [here.subscribe(workspace) for workspace in workspaces for _ in range(2)]
    await until(lambda: own_redis.channels() == {str(workspace) for workspace in workspaces})
    for subscription in subscriptions[:50]:
        subscription.close()
    await until(lambda: len(own_redis.channels()) == 25)
    for subscription in subscriptions:
        subscription.close()
    await until(lambda: own_redis.channels() == set())
    assert here.channels == 0


async def test_readers_come_and_go_while_redis_restarts(own_redis: OwnRedis, process: Process) -> None:
    here = await process(own_redis.url)
    kept = [here.subscribe(uuid4()) for _ in range(20)]
    for _ in range(3):
        own_redis.kill()
        gone = [here.subscribe(uuid4()) for _ in range(20)]
        own_redis.start()
        for subscription in gone:
            subscription.close()
    await until(lambda: own_redis.channels() == {str(one.workspace_id) for one in kept})
    for subscription in kept:
        subscription.close()
