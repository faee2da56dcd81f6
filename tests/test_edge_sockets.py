"""/graphql over WebSocket: graphql-transport-ws, and nothing else."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.conftest import StartServer
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.sockets import PROTOCOL

Json = dict[str, Any]
INIT = {"type": "connection_init"}


def subscribe(query: object, **payload: object) -> Json:
    return {"id": "1", "type": "subscribe", "payload": {"query": query, **payload}}


async def close_code(connection: ClientConnection) -> int:
    await asyncio.wait_for(connection.wait_closed(), 5)
    assert connection.close_code is not None
    return connection.close_code


async def talk(server: Server, *messages: Json, answers: int) -> list[Json]:
    """What comes after connection_ack."""
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        for message in (INIT, *messages):
            await connection.send(json.dumps(message))
        received = [await asyncio.wait_for(connection.recv(), 5) for _ in range(answers + 1)]
    # Text frames: graphql-ws does not read binary ones.
    assert all(isinstance(text, str) for text in received)
    first, *others = map(json.loads, received)
    assert first == {"type": "connection_ack"}
    return others


async def test_queries_and_mutations_run_too(server: Server) -> None:
    answer, complete = await talk(server, subscribe("{ __typename }"), answers=2)
    assert answer["payload"]["data"] == {"__typename": "Query"}
    assert complete == {"id": "1", "type": "complete"}
    mutation = "mutation { signOut { userErrors { code } } }"
    answer, complete = await talk(server, subscribe(mutation), answers=2)
    assert answer["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothingLikeIt }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($a: Boolean!) { __typename @include(if: $a) }", "BAD_USER_INPUT"),
        ("query A { __typename } query B { __typename }", "BAD_REQUEST"),
    ],
)
async def test_what_cannot_run_is_an_error_message(server: Server, query: str, code: str) -> None:
    (error,) = await talk(server, subscribe(query), answers=1)
    assert (error["type"], error["id"]) == ("error", "1")
    assert error["payload"][0]["extensions"]["code"] == code
    assert error["payload"][0]["extensions"]["requestId"]


@pytest.mark.parametrize("key", ["authorization", "Authorization"])
async def test_connection_init_signs_in(server: Server, person: Person, key: str) -> None:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps({**INIT, "payload": {key: f"Bearer {person.token}"}}))
        await connection.send(json.dumps(subscribe("{ viewer { id } }")))
        await connection.recv()
        answer = json.loads(await connection.recv())
        assert answer["payload"]["data"] == {"viewer": {"id": person.id}}


async def test_a_token_is_looked_at_again_for_each_operation(server: Server, person: Person) -> None:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps({**INIT, "payload": {"authorization": f"Bearer {person.token}"}}))
        await connection.recv()
        await person.run("mutation { signOut { userErrors { code } } }")
        await connection.send(json.dumps(subscribe("{ workspaces { nodes { id } } }")))
        answer = json.loads(await connection.recv())
        assert answer["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("authorization", ["Bearer broken", "broken", "", 5, None, ["Bearer x"]])
async def test_a_broken_token_closes_the_socket(server: Server, authorization: object) -> None:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps({**INIT, "payload": {"authorization": authorization}}))
        assert await close_code(connection) == 4403


@pytest.mark.parametrize("protocols", [["graphql-ws"], ["something"], None])
async def test_no_other_protocol(server: Server, protocols: list[str] | None) -> None:
    """CVE-2026-35523 and CVE-2026-107727 are of the older protocol, graphql-ws."""
    offered = [Subprotocol(name) for name in protocols] if protocols else None
    async with connect(server.websocket_url, subprotocols=offered) as connection:
        assert await close_code(connection) == 4406


async def test_nothing_before_connection_init(server: Server) -> None:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps(subscribe("{ __typename }")))
        assert await close_code(connection) == 4401


RUBBISH: dict[str, str | bytes] = {
    "no JSON": "{",
    "binary": b"{}",
    "a list": "[1]",
    "a number": "5",
    "null": "null",
    "40,000 deep": "[" * 40_000,
    "no type": "{}",
    "another type": '{"type": "start"}',
    "a type that is a list": '{"type": []}',
    "no id": '{"type": "subscribe", "payload": {"query": "{ __typename }"}}',
    "an id that is a number": '{"id": 1, "type": "subscribe", "payload": {"query": "{ __typename }"}}',
    "no payload": '{"id": "1", "type": "subscribe"}',
    "a payload that is text": '{"id": "1", "type": "subscribe", "payload": "x"}',
    "a query that is a number": '{"id": "1", "type": "subscribe", "payload": {"query": 5}}',
    "variables that are a list": (
        '{"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }", "variables": []}}'
    ),
    "complete without an id": '{"type": "complete"}',
}


@pytest.mark.parametrize("name", RUBBISH)
async def test_rubbish_closes_the_socket(server: Server, name: str) -> None:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps(INIT))
        await connection.recv()
        await connection.send(RUBBISH[name])
        assert await close_code(connection) == 4400


async def test_a_message_is_limited(server: Server) -> None:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps(INIT))
        await connection.recv()
        await connection.send(json.dumps(subscribe("{ __typename }" + " " * 2**20)))
        assert await close_code(connection) == 1009


async def test_completing_what_has_not_begun_does_nothing(server: Server) -> None:
    answer, _ = await talk(
        server, {"id": "nothing", "type": "complete"}, subscribe("{ __typename }"), answers=2
    )
    assert answer["payload"]["data"] == {"__typename": "Query"}


async def test_subscriptions_of_one_socket_are_limited(server: Server, person: Person) -> None:
    subscription = "subscription { taskCreated { id } }"
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps({**INIT, "payload": {"authorization": f"Bearer {person.token}"}}))
        await connection.recv()
        for number in range(101):
            await connection.send(json.dumps({**subscribe(subscription), "id": str(number)}))
        refused = json.loads(await asyncio.wait_for(connection.recv(), 5))
        assert (refused["id"], refused["type"]) == ("100", "error")


async def test_the_handshake_tells_the_request_id(server: Server) -> None:
    headers = {"x-request-id": "from-the-proxy-1"}
    async with connect(
        server.websocket_url, subprotocols=[PROTOCOL], additional_headers=headers
    ) as connection:
        assert connection.response is not None
        assert connection.response.headers["x-request-id"] == "from-the-proxy-1"


async def test_pages_of_other_origins(start_server: StartServer) -> None:
    server = await start_server(CORS_ORIGINS="https://app.example.com")

    def connecting(origin: str) -> connect:
        headers = {"Origin": origin}
        return connect(server.websocket_url, subprotocols=[PROTOCOL], additional_headers=headers)

    async with connecting("https://app.example.com"), connect(server.websocket_url, subprotocols=[PROTOCOL]):
        pass  # who sends no Origin is no browser
    with pytest.raises(InvalidStatus, match="403"):
        await connecting("https://evil.example.com")
