"""Operations under way: how many of one caller, and what becomes of them when their client goes away."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.mail import mail_is_done
from tests.harness.people import PASSWORD, TASK_CREATE, Person, sign_up
from tests.harness.server import Server
from tests.harness.sockets import Socket, open_socket
from tests.live import until

TASKS = "{ tasks(first: 1) { nodes { id } } }"
VIEWER = "{ viewer { id } }"
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken } }"
_LEFT = 'taskflow_http_requests_total{method="POST",path="/graphql",status="499"} 1.0'
BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'
"""


@dataclass
class Place:
    """A server with a database of its own, whose tables can be locked."""

    server: Server
    api: Api
    person: Person
    sql: asyncpg.Connection

    @asynccontextmanager
    async def locked(self, table: str = "tasks") -> AsyncIterator[None]:
        holder = await asyncpg.connect(self.server.database_url)
        try:
            async with holder.transaction():
                await holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                yield
        finally:
            await holder.close()

    async def wait_for_blocked(self, number: int) -> None:
        async def blocked() -> bool:
            return bool(await self.sql.fetchval(BLOCKED) == number)

        await until(blocked, 30)

    async def send(self, body: object, accept: str = "application/json") -> asyncio.StreamWriter:
        """Sends a request whose answer nobody reads."""
        _, writer = await asyncio.open_connection(self.server.host, self.server.port)
        content = json.dumps(body).encode()
        head = (
            "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.person.token}\r\nAccept: {accept}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await writer.drain()
        return writer

    async def wait_until_one_has_left(self) -> None:
        """As the metrics tell of requests that ended without an answer."""

        async def left() -> bool:
            return _LEFT in (await self.api.http.get("/metrics")).text

        await until(left, 30)

    def creation(self) -> dict[str, object]:
        """A mutation, as its client sends it and leaves."""
        created = {"projectId": self.person.project_id, "title": "Left behind"}
        return {"query": TASK_CREATE, "variables": {"input": created}}

    async def wait_for_creation(self) -> None:
        """Done, once, and told of in the log."""

        async def created() -> bool:
            return bool(await self.sql.fetchval("SELECT count(*) FROM tasks WHERE title = 'Left behind'"))

        await until(created, 30)
        logged = await self.sql.fetchval("SELECT count(*) FROM events WHERE type = 'task.created'")
        assert logged == 1
        assert (await self.person.run(TASKS)).data["tasks"]["nodes"]


@pytest.fixture
async def place(
    start_server: StartServer,
    api_of: Callable[[Server], Api],
    new_database: Callable[..., Awaitable[str]],
) -> AsyncIterator[Place]:
    server = await start_server(DATABASE_URL=await new_database(), MAX_CONCURRENT="2")
    api = api_of(server)
    person = await sign_up(api)
    sql = await asyncpg.connect(server.database_url)
    await mail_is_done(sql, person)
    yield Place(server, api, person, sql)
    await sql.close()


async def test_no_more_than_so_many_at_a_time(place: Place) -> None:
    other = await sign_up(place.api)
    async with place.locked():
        running = [asyncio.create_task(place.person.run(TASKS)) for _ in range(2)]
        await place.wait_for_blocked(2)

        refused = await place.person.run(VIEWER)
        assert (refused.status, refused.code) == (429, "TOO_MANY_CONCURRENT")
        assert refused.headers["retry-after"] == "1"
        assert "2 operations of yours are under way" in refused.error["message"]
        assert "data" not in refused.body
        assert (await other.run(VIEWER)).data["viewer"]["id"] == other.id

    for answer in await asyncio.gather(*running):
        assert answer.data["tasks"]["nodes"] == []
    assert (await place.person.run(VIEWER)).data["viewer"]["id"] == place.person.id


async def test_the_signed_out_count_by_their_network(place: Place) -> None:
    """As everywhere else: a host has as many IPv6 addresses as it likes."""

    async def run(address: str, document: str) -> Answer:
        variables = {"input": {"email": place.person.email, "password": PASSWORD}}
        headers = {"x-forwarded-for": address}
        return await place.api.run(document, variables if document == SIGN_IN else None, headers=headers)

    async with place.locked("users"):
        running = [asyncio.create_task(run(f"2001:db8:1:2::{number}", SIGN_IN)) for number in range(2)]
        await place.wait_for_blocked(2)
        assert (await run("2001:db8:1:2:ffff::1", VIEWER)).code == "TOO_MANY_CONCURRENT"
        assert (await run("2001:db8:1:3::1", VIEWER)).data["viewer"] is None
    for answer in await asyncio.gather(*running):
        assert answer.data["signIn"]["accessToken"]


async def test_a_client_that_goes_stops_its_query_and_not_its_mutation(place: Place) -> None:
    async with place.locked():
        query = await place.send({"query": TASKS})
        mutation = await place.send(place.creation())
        await place.wait_for_blocked(2)
        query.close()
        mutation.close()
        await place.wait_for_blocked(1)  # the query's statement is gone, while the table is still locked
        await place.wait_until_one_has_left()
    await place.wait_for_creation()


async def test_so_it_is_with_an_event_stream(place: Place) -> None:
    async with place.locked():
        query = await place.send({"query": TASKS}, "text/event-stream")
        mutation = await place.send(place.creation(), "text/event-stream")
        await place.wait_for_blocked(2)
        query.close()
        mutation.close()
        await place.wait_for_blocked(1)
    await place.wait_for_creation()


async def break_off(socket: Socket) -> None:
    socket.connection.transport.abort()


async def complete(socket: Socket) -> None:
    for operation in ("query", "mutation"):
        await socket.send({"id": operation, "type": "complete"})


async def complete_and_break_off(socket: Socket) -> None:
    await complete(socket)
    await break_off(socket)


@pytest.mark.parametrize("leave", [break_off, complete, complete_and_break_off])
async def test_so_it_is_with_a_socket(place: Place, leave: Callable[[Socket], Awaitable[None]]) -> None:
    async with open_socket(place.server.websocket_url, token=place.person.token) as socket:
        async with place.locked():
            await socket.send({"id": "query", "type": "subscribe", "payload": {"query": TASKS}})
            await socket.send({"id": "mutation", "type": "subscribe", "payload": place.creation()})
            await place.wait_for_blocked(2)
            await leave(socket)
            await place.wait_for_blocked(1)
        await place.wait_for_creation()


async def test_a_mutation_whose_client_leaves_at_once_is_done(place: Place) -> None:
    async with open_socket(place.server.websocket_url, token=place.person.token) as socket:
        await socket.send({"id": "1", "type": "subscribe", "payload": place.creation()})
    await place.wait_for_creation()
