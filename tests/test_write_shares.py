"""One user's writes that wait for each other leave room for everybody else's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from app.graphql.mutation import TRIAL_READ_SECONDS
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person, sign_up
from tests.harness.server import Server

ApiOf = Callable[[Server], Api]
CREATE = """
mutation($input: TaskCreateInput!) { taskCreate(input: $input) { task { id } userErrors { code } } }
"""
TRY = """
mutation($input: TaskCreateInput!) {
  taskCreate(input: $input, validateOnly: true) { task { id comments { totalCount } } userErrors { code } }
}
"""


@pytest.fixture
async def small(start_server: StartServer, api_of: ApiOf) -> Api:
    """A server with two connections for writes."""
    return api_of(await start_server(DB_POOL_SIZE="4"))


@pytest.fixture
async def connection(server: Server) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(server.database_url)
    yield opened
    await opened.close()


async def create(api: Api, person: Person, document: str = CREATE) -> dict[str, Any]:
    given = {"input": {"projectId": person.project_id, "title": "One of many"}}
    answer = await api.run(document, given, token=person.token)
    return answer.body


async def test_a_users_waiting_writes_keep_nobody_else_out(
    small: Api, connection: asyncpg.Connection
) -> None:
    greedy, other = await sign_up(small), await sign_up(small)
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM projects WHERE id = $1 FOR UPDATE", greedy.project_id)
        waiting = [asyncio.create_task(create(small, greedy)) for _ in range(8)]
        await asyncio.sleep(0.3)
        for _ in range(3):
            answer = await create(small, other)
            assert "errors" not in answer
        assert not all(one.done() for one in waiting)
    written = [answer for answer in await asyncio.gather(*waiting) if "errors" not in answer]
    count = "SELECT count(*) FROM tasks WHERE project_id = $1 AND title = 'One of many'"
    assert await connection.fetchval(count, other.project_id) == 3
    assert await connection.fetchval(count, greedy.project_id) == len(written)


async def test_what_is_tried_holds_its_locks_for_a_moment(
    api: Api, person: Person, connection: asyncpg.Connection
) -> None:
    async with connection.transaction():
        # What the answer reads is locked, so that it cannot be read.
        await connection.execute("LOCK TABLE comments IN ACCESS EXCLUSIVE MODE")
        tried = asyncio.create_task(create(api, person, TRY))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(TRIAL_READ_SECONDS + 3):
            written = await create(api, person)
        assert "errors" not in written
        answer = await tried
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "validateOnly" in error["message"]
    assert (
        await connection.fetchval("SELECT count(*) FROM tasks WHERE project_id = $1", person.project_id) == 1
    )
