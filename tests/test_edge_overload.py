"""More requests at once than connections: each is answered, by 200 or by 503 with a code."""

import asyncio
from collections.abc import Callable
from itertools import islice

import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.world import World, make_world

CLIENTS = 200
POOL = 8
# With the fields that ask for several statements at once, one for all rows.
DOCUMENT = """
{
  tasks(first: 20) {
    totalCount
    nodes {
      identifier isBlocked commentCount subtasksSummary { total completed } assignee { name }
      labels { totalCount nodes { name } } subtasks { nodes { identifier isBlocked } }
      blockedBy { nodes { identifier subtasksSummary { total } } }
    }
  }
  more: tasks(first: 5, sort: [{field: DUE_DATE}]) { nodes { isBlocked subtasksSummary { total } } }
}"""


@pytest.fixture
async def world(person: Person, stranger: Person) -> World:
    return await make_world(person, stranger)


@pytest.fixture
async def api(start_server: StartServer, api_of: Callable[[Server], Api]) -> Api:
    return api_of(await start_server(DB_POOL_SIZE=str(POOL)))


async def test_a_crowd_is_served(world: World, api: Api) -> None:
    person = world.owner
    expected = (await person.run(DOCUMENT, api=api)).data

    async def client() -> list[Answer]:
        return [await person.run(DOCUMENT, api=api) for _ in range(3)]

    async with asyncio.timeout(60):
        answers = [
            answer for some in await asyncio.gather(*(client() for _ in range(CLIENTS))) for answer in some
        ]
    assert len(answers) == 3 * CLIENTS
    _assert_served_or_refused(answers)
    served = [answer for answer in answers if answer.status == 200]
    assert len(served) > len(answers) / 2
    assert all(answer.data == expected for answer in served)
    await _assert_well(person, api)


async def test_a_crowd_behind_a_lock_is_refused_in_time(world: World, api: Api, sql: asyncpg.Pool) -> None:
    person = world.owner
    await person.run(DOCUMENT, api=api)
    async with sql.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        waiting = [asyncio.create_task(person.run(DOCUMENT, api=api)) for _ in range(CLIENTS)]
        # All but those who hold a connection are answered while the lock is held; a client waits for 30 s.
        refused = [await one for one in islice(asyncio.as_completed(waiting), CLIENTS - POOL)]
        assert {answer.status for answer in refused} == {503}
    answers = await asyncio.gather(*waiting)
    _assert_served_or_refused(answers)
    await _assert_well(person, api)


def _assert_served_or_refused(answers: list[Answer]) -> None:
    for answer in answers:
        if answer.status == 200:
            assert not answer.errors, answer.errors
        else:
            assert answer.status == 503
            assert {error["extensions"]["code"] for error in answer.errors} == {"SERVICE_UNAVAILABLE"}
            assert answer.headers["retry-after"]


async def _assert_well(person: Person, api: Api) -> None:
    assert (await api.http.get("/health/ready")).status_code == 200
    answers = await asyncio.gather(*(person.run(DOCUMENT, api=api) for _ in range(POOL)))
    assert [answer.status for answer in answers] == [200] * POOL
