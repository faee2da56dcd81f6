"""Server processes behind nginx that are replaced, killed and told to end, under load."""

import asyncio
import socket
from collections import Counter

import pytest

from tests.deploy.conftest import REPLICA_ADDRESSES
from tests.faults.cluster import Clock, Cluster
from tests.faults.conftest import Figures
from tests.faults.load import Load, assert_written_once, going_on, write_all
from tests.harness.nginx import NAMES_VALID
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.sockets import SubscriptionClosed
from tests.live import follow, until

pytestmark = [pytest.mark.nginx, pytest.mark.postgresql]


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
async def test_a_rolling_restart_fails_no_request(
    cluster: Cluster, writer: Person, figures: Figures, rounds: int
) -> None:
    """Each replica ends on SIGTERM, with its name still known, and only then is another one started."""
    load, clock = Load(cluster.api, writer), Clock()
    async with going_on(load):
        for _ in range(rounds):
            for number in range(len(cluster.replicas)):
                await asyncio.to_thread(cluster.replicas[number].stop)
                await cluster.start_again(number).wait_ready()
    assert load.reads.failed == Counter(), load.reads.messages
    assert load.writes.failed == Counter(), load.writes.messages
    async with cluster.sql() as sql:
        await assert_written_once(load, sql, exactly=True)
    figures(reads=load.reads, writes=load.writes, seconds=clock.seconds)


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_no_acknowledged_write_is_lost_or_doubled_when_servers_are_killed(
    cluster: Cluster, writer: Person, figures: Figures, count: int
) -> None:
    load, clock = Load(cluster.api, writer), Clock()
    writing = asyncio.create_task(write_all(load, count))
    for number in range(3):
        await load.wait_acknowledged(count * (number + 1) // 4)
        await asyncio.to_thread(cluster.replicas[number].kill)
        cluster.start_again(number)
    await writing
    assert len(load.acknowledged) == count
    async with cluster.sql() as sql:
        await assert_written_once(load, sql, exactly=True)
    assert set(load.writes.failed) <= {"503 SERVICE_UNAVAILABLE"}
    figures(acknowledged=len(load.acknowledged), answers=load.writes, seconds=clock.seconds)


async def test_sigterm_lets_slow_requests_finish_and_sends_sockets_elsewhere(
    cluster: Cluster, writer: Person, figures: Figures
) -> None:
    load, leaving = Load(cluster.api, writer), cluster.replicas[0]
    await _known(cluster, leaving.host)
    async with cluster.socket(writer) as opened, cluster.sql() as sql:
        subscription = await follow(opened, writer, writer.project_id)
        async with cluster.writes_wait(writer):
            slow = [asyncio.create_task(load.write()) for _ in range(3)]
            await until(lambda: cluster.waiting_writes(sql, 3))
            await _known(cluster, *REPLICA_ADDRESSES)
            leaving.process.terminate()
            with pytest.raises(SubscriptionClosed) as closed:
                await subscription.next()
            assert closed.value.args[0]["code"] == 1012
            await until(lambda: _refuses_connections(leaving))
            clock = Clock()
            others = [await load.read(by_get=False) for _ in range(30)]
            assert leaving.running
        answers = await asyncio.gather(*slow)
        assert answers == ["200"] * 3
        assert others == ["200"] * 30
        assert await asyncio.to_thread(leaving.process.wait, 20) == 0
        await assert_written_once(load, sql, exactly=True)
    async with cluster.socket(writer) as again:
        await follow(again, writer, writer.project_id)
    cluster.start_again(0)
    figures(slow=load.writes, meanwhile=load.reads, ended_after_seconds=clock.seconds)


async def _known(cluster: Cluster, *addresses: str) -> None:
    """Returns when nginx passes requests on to these replicas, and to no others."""
    cluster.nginx.names.addresses = list(addresses)
    # Each of its processes asks for itself; the requests below come by one connection, so to one of them.
    await asyncio.sleep(NAMES_VALID + 1)  # by a clock of whole seconds
    await until(lambda: _pass_to(cluster, set(addresses)))


async def _pass_to(cluster: Cluster, addresses: set[str]) -> bool:
    answers = [await cluster.api.http.get("/health") for _ in range(20)]
    entries = [cluster.nginx.entry(answer.headers["x-request-id"]) for answer in answers]
    return {entry["upstream"].rpartition(":")[0] for entry in entries} == addresses


def _refuses_connections(server: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((server.host, server.port)) != 0
