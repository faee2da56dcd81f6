"""Live changes while the stores go away and come back, and while clients do."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.infra.embedded import EmbeddedServers
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.own_redis import OwnRedis
from tests.harness.people import Person
from tests.harness.people import sign_up as sign_up_person
from tests.harness.server import Server
from tests.live import CREATED, follow, socket_of, until

ApiOf = Callable[[Server], Api]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    started = OwnRedis(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedServers]:
    with EmbeddedServers(tmp_path / "own", with_redis=False) as started:
        yield started


async def test_nothing_is_missed_or_doubled_while_redis_restarts_and_stays_away(
    start_server: StartServer, api_of: ApiOf, own_redis: OwnRedis, person: Person
) -> None:
    writing, reading = await asyncio.gather(*(start_server(REDIS_URL=own_redis.url) for _ in range(2)))
    writer = Person(**{**vars(person), "api": api_of(writing)})
    titles: list[str] = []
    async with socket_of(reading, person) as socket:
        subscription = await follow(socket, writer, person.project_id)

        async def write() -> None:
            while not stopped.is_set():
                titles.append(f"task {len(titles)}")
                await writer.task(titles[-1])
                await asyncio.sleep(0.01)

        stopped = asyncio.Event()
        task = asyncio.create_task(write())
        for _ in range(2):
            await asyncio.sleep(0.3)
            own_redis.kill()
            await asyncio.sleep(0.2)
            own_redis.start()
        await asyncio.sleep(0.5)
        own_redis.hang()
        await asyncio.sleep(1)
        own_redis.resume()
        await asyncio.sleep(0.3)
        own_redis.stop()
        await asyncio.sleep(1.5)
        stopped.set()
        await task
        received = [(await subscription.data())["taskCreated"]["title"] for _ in titles]
        assert received == titles
        await subscription.nothing(1.5)


async def test_leaving_frees_the_workspaces_channel(
    start_server: StartServer, api_of: ApiOf, own_redis: OwnRedis
) -> None:
    server = await start_server(REDIS_URL=own_redis.url)
    person = await sign_up_person(api_of(server))
    async with socket_of(server, person) as first, socket_of(server, person) as second:
        by_complete = await follow(first, person, person.project_id)
        await follow(second, person, person.project_id)
        assert own_redis.channels() == {person.workspace_id}
        await by_complete.stop()
        await asyncio.sleep(0.2)
        assert own_redis.channels() == {person.workspace_id}
    await until(lambda: own_redis.channels() == set())
    for _ in range(5):
        async with socket_of(server, person) as socket:
            await socket.subscribe(CREATED)
            socket.connection.transport.abort()
    await until(lambda: own_redis.channels() == set())


@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=pytest.mark.soak)])
async def test_nothing_is_missed_or_doubled_while_postgresql_is_killed(
    start_server: StartServer, api_of: ApiOf, own_postgres: EmbeddedServers, rounds: int
) -> None:
    url = own_postgres.database_url
    writing, reading = await asyncio.gather(*(start_server(DATABASE_URL=url) for _ in range(2)))
    writer = await sign_up_person(api_of(writing))
    titles: list[str] = []
    async with socket_of(reading, writer) as socket:
        subscription = await follow(socket, writer, writer.project_id)
        for round_number in range(rounds):
            for number in range(10):
                titles.append(f"task {round_number}.{number}")
                await writer.task(titles[-1])
            # Committed, and most of them not sent yet.
            kill(own_postgres)
            await asyncio.sleep(0.5)
            own_postgres.revive()
            await writing.wait_ready()
            await reading.wait_ready()
        received = [(await subscription.data(20))["taskCreated"]["title"] for _ in titles]
        assert received == titles
        await subscription.nothing(1.5)


def kill(postgres: EmbeddedServers) -> None:
    (pid,) = postgres.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
