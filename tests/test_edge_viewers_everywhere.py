"""Sign-out and removal from a workspace hold in every server process from the moment they are answered, and
most requests ask PostgreSQL nothing about who asks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.domain.viewer_cache import LEASE, MARK
from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.own_redis import OwnRedis
from tests.harness.people import Person
from tests.harness.server import Server, Servers

ApiOf = Callable[[Server], Api]

WORKSPACE = "query ($id: ID!) { workspace(id: $id) { id } }"
REMOVE = """
mutation ($id: ID!) { memberRemove(id: $id) { member { id } userErrors { code } } }"""
SIGN_OUT = "mutation { signOut(everywhere: true) { userErrors { code } } }"
LOADS = 'taskflow_db_query_duration_seconds_count{statement="Viewer.load"}'


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnRedis]:
    redis = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield redis
    redis.stop()


@pytest.fixture(scope="module")
async def pair(own: OwnRedis, server: Server, servers: Servers) -> AsyncIterator[tuple[Server, Server]]:
    env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    first, second = (servers.start({**env, "REDIS_URL": own.url}) for _ in range(2))
    yield first, second
    for one in (first, second):
        one.kill()


@pytest.fixture
async def two(own: OwnRedis, pair: tuple[Server, Server], api_of: ApiOf) -> tuple[Api, Api]:
    """On one Redis, which lives and is seen by both, whatever the test before did to it."""
    own.revive()
    first, second = pair
    await asyncio.gather(first.wait_ready(), second.wait_ready())
    return api_of(first), api_of(second)


@dataclass(frozen=True)
class Asked:
    """One request, with when it began and when its answer was there."""

    began: float
    ended: float
    answer: Answer


@dataclass
class Hammer:
    """Requests of one person to several servers, without a pause."""

    person: Person
    servers: tuple[Api, ...]
    workspace_id: str
    asked: list[Asked] = field(default_factory=list)
    answered: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def check(self, change: Awaitable[Answer]) -> None:
        """Makes the change between requests. All answered before it began are allowed, none asked after its
        answer is."""
        ended = asyncio.Event()
        async with asyncio.timeout(30), asyncio.TaskGroup() as asking:
            for api in self.servers * 4:
                asking.create_task(self._ask(api, ended))
            await self._until_asked(since=0)
            before = time.monotonic()
            answer = await change
            after = time.monotonic()
            await asyncio.sleep(0.5)  # what would come back comes within that
            await self._until_asked(since=after)
            ended.set()
        assert not answer.errors, answer.errors
        assert all(_is_allowed(asked.answer) for asked in self.asked if asked.ended < before)
        assert not any(_is_allowed(asked.answer) for asked in self.asked if asked.began > after)

    async def _until_asked(self, *, since: float) -> None:
        async with self.answered:
            await self.answered.wait_for(lambda: sum(asked.began > since for asked in self.asked) >= 16)

    async def _ask(self, api: Api, ended: asyncio.Event) -> None:
        while not ended.is_set():
            began = time.monotonic()
            answer = await self.person.run(WORKSPACE, {"id": self.workspace_id}, api=api)
            async with self.answered:
                self.asked.append(Asked(began, time.monotonic(), answer))
                self.answered.notify()


def _is_allowed(answer: Answer) -> bool:
    return bool((answer.body.get("data") or {}).get("workspace"))


@pytest.fixture
async def hammer(person: Person, stranger: Person, two: tuple[Api, Api]) -> Hammer:
    return Hammer(stranger, two, person.workspace_id)


def _disturb(own: OwnRedis, how: str) -> None:
    match how:
        case "dead":
            own.kill()
        case "hung":
            own.hang()
        case "forgetful":
            own.kill()
            own.start()


@pytest.mark.parametrize("redis_is", ["there", "dead", "hung", "forgetful"])
async def test_removal_holds_at_once(person: Person, hammer: Hammer, own: OwnRedis, redis_is: str) -> None:
    member = await person.add_member(hammer.person)
    _disturb(own, redis_is)
    await hammer.check(person.run(REMOVE, {"id": member["id"]}, api=hammer.servers[0]))


@pytest.mark.parametrize("redis_is", ["there", "hung"])
async def test_signing_out_holds_at_once(
    person: Person, hammer: Hammer, own: OwnRedis, redis_is: str
) -> None:
    await person.add_member(hammer.person)
    _disturb(own, redis_is)
    await hammer.check(hammer.person.run(SIGN_OUT, api=hammer.servers[0]))
    assert hammer.asked[-1].answer.code == "UNAUTHENTICATED"


async def test_redis_back_with_older_memory_gives_nothing_back(
    person: Person, hammer: Hammer, own: OwnRedis
) -> None:
    member = await person.add_member(hammer.person)
    own.save()

    async def remove() -> Answer:
        answer = await person.run(REMOVE, {"id": member["id"]}, api=hammer.servers[0])
        own.kill()
        own.start()
        return answer

    await hammer.check(remove())


async def test_a_writer_cut_off_from_redis_is_believed_all_the_same(
    person: Person, hammer: Hammer, start_server: StartServer, api_of: ApiOf, tmp_path: Path
) -> None:
    (tmp_path / "apart").mkdir()
    apart = OwnRedis(tmp_path / "apart")
    writer = api_of(await start_server(REDIS_URL=apart.url))
    member = await person.add_member(hammer.person)
    apart.kill()
    await hammer.check(person.run(REMOVE, {"id": member["id"]}, api=writer))


async def test_joining_is_seen_at_once(person: Person, stranger: Person, two: tuple[Api, Api]) -> None:
    variables = {"id": person.workspace_id}
    for api in two:
        assert not _is_allowed(await stranger.run(WORKSPACE, variables, api=api))
    person.api = two[0]
    await person.add_member(stranger)
    for api in two:
        assert _is_allowed(await stranger.run(WORKSPACE, variables, api=api))


async def test_a_warm_process_asks_postgresql_nothing_about_who_asks(
    person: Person, two: tuple[Api, Api]
) -> None:
    api, _ = two
    await person.run(WORKSPACE, {"id": person.workspace_id}, api=api)
    before, started = await _loads(api), time.monotonic()
    for _ in range(50):
        answer = await person.run(WORKSPACE, {"id": person.workspace_id}, api=api)
        assert answer.statements == ["Query.workspace"]
    assert await _loads(api) - before <= (time.monotonic() - started) / LEASE + 1


async def test_after_a_change_it_is_asked_until_the_mark_is_gone(
    person: Person, two: tuple[Api, Api]
) -> None:
    api, _ = two
    person.api = api
    started = time.monotonic()
    await person.workspace()
    before = await _loads(api)
    for _ in range(5):
        await person.run(WORKSPACE, {"id": person.workspace_id})
    assert time.monotonic() - started < MARK
    assert await _loads(api) == before + 5


async def test_without_redis_each_request_asks(
    person: Person, start_server: StartServer, api_of: ApiOf
) -> None:
    api = api_of(await start_server(REDIS_URL="unix:///nowhere/redis.sock", wait="/health/live"))
    for _ in range(100):
        if not (await person.run("{ viewer { id } }", api=api)).errors:
            break
        await asyncio.sleep(0.1)  # until it has found PostgreSQL
    before = await _loads(api)
    for _ in range(5):
        await person.run(WORKSPACE, {"id": person.workspace_id}, api=api)
    assert await _loads(api) == before + 5


async def _loads(api: Api) -> float:
    lines = (await api.http.get("/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(LOADS))
