"""Redis killed, restarted and away, behind three servers and nginx under load."""

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack

import httpx
import pytest

from app.infra.redis import ROOM_INTERVAL
from tests.faults.cluster import Clock, Cluster
from tests.faults.conftest import Figures
from tests.faults.load import Load, assert_written_once, going_on
from tests.harness.people import Person
from tests.harness.sockets import Subscription
from tests.live import follow, until

pytestmark = [pytest.mark.nginx, pytest.mark.postgresql]

RECOVERY_SECONDS = 5.0
SOCKETS = 6


@pytest.mark.parametrize("seconds", [5, pytest.param(20, marks=pytest.mark.soak)])
async def test_redis_killed_and_away(
    cluster: Cluster, writer: Person, figures: Figures, seconds: float
) -> None:
    """Nobody who reads or writes notices, and every subscription tells of each change once, in order."""
    load = Load(cluster.api, writer)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(cluster.socket(writer)) for _ in range(SOCKETS)]
        subscriptions = [await follow(socket, writer, writer.project_id) for socket in sockets]
        async with going_on(load, writers=1, pause=0.03):
            await load.wait_acknowledged(10)
            cluster.redis.kill()
            cluster.redis.start()
            await until(lambda: _all_say(cluster, 200), RECOVERY_SECONDS)
            cluster.redis.stop()
            await until(lambda: _all_say(cluster, 503), RECOVERY_SECONDS)
            await asyncio.sleep(seconds)
            cluster.redis.start()
            back = Clock()
            await until(lambda: _all_say(cluster, 200), RECOVERY_SECONDS)
            recovered = back.seconds
            await load.wait_acknowledged(len(load.acknowledged) + 10)
        received = [await _received(subscription, load) for subscription in subscriptions]
    assert load.reads.failed == Counter()
    assert load.writes.failed == Counter()
    assert received == [list(load.acknowledged)] * SOCKETS
    async with cluster.sql() as sql:
        await assert_written_once(load, sql, exactly=True)
    figures(
        reads=load.reads,
        writes=load.writes,
        slowest_read_seconds=load.reads.slowest["200"],
        slowest_write_seconds=load.writes.slowest["200"],
        events=f"{SOCKETS} x {len(load.acknowledged)}",
        recovered_after_seconds=recovered,
    )


async def test_redis_full(cluster: Cluster, writer: Person, figures: Figures) -> None:
    """It answers and takes no writes. People notice nothing; readiness and metrics say so all the time."""
    load = Load(cluster.api, writer)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(cluster.socket(writer)) for _ in range(SOCKETS)]
        subscriptions = [await follow(socket, writer, writer.project_id) for socket in sockets]
        async with going_on(load, writers=1, pause=0.03):
            await load.wait_acknowledged(10)
            cluster.redis.fill()
            full = Clock()
            await until(lambda: _all_say(cluster, 503), RECOVERY_SECONDS)
            noticed = full.seconds
            for _ in range(5):
                await asyncio.sleep(1)
                assert await _all_say(cluster, 503)
                assert await _metrics(cluster) == {0.0}
            cluster.redis.make_room()
            back = Clock()
            await until(lambda: _all_say(cluster, 200), ROOM_INTERVAL + RECOVERY_SECONDS)
            recovered = back.seconds
            await until(lambda: _has_metrics(cluster, 1.0))
        received = [await _received(subscription, load) for subscription in subscriptions]
    assert load.reads.failed == Counter()
    assert load.writes.failed == Counter()
    assert received == [list(load.acknowledged)] * SOCKETS
    for replica in cluster.replicas:
        assert replica.output().count("Redis refuses writes") == 1
    figures(
        reads=load.reads,
        writes=load.writes,
        slowest_read_seconds=load.reads.slowest["200"],
        slowest_write_seconds=load.writes.slowest["200"],
        noticed_after_seconds=noticed,
        recovered_after_seconds=recovered,
    )


async def _has_metrics(cluster: Cluster, value: float) -> bool:
    return await _metrics(cluster) == {value}


async def _metrics(cluster: Cluster) -> set[float]:
    """What the replicas tell Prometheus of Redis."""
    async with httpx.AsyncClient() as client:
        pages = [(await client.get(f"{replica.url}/metrics")).text for replica in cluster.replicas]
    found = [
        re.search(r'^taskflow_dependency_up{dependency="redis"} (\S+)$', page, re.MULTILINE) for page in pages
    ]
    return {float(one[1]) for one in found if one}


async def _all_say(cluster: Cluster, status: int) -> bool:
    answers = await asyncio.gather(*map(cluster.readiness, range(len(cluster.replicas))))
    overall = "ok" if status == 200 else "degraded"
    return all((code, body["status"]) == (status, overall) for code, body in answers)


async def _received(subscription: Subscription, load: Load) -> list[str]:
    """The titles of the load's tasks as the subscription told of them, up to the last one."""
    *_, last = load.acknowledged
    titles: list[str] = []
    while not titles or titles[-1] != last:
        title = (await subscription.data())["taskCreated"]["title"]
        if title.startswith(load.prefix):
            titles.append(title)
    await subscription.nothing(0.2)
    return titles
