"""Answers that come in the moment in which their client leaves."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import strawberry
from structlog.testing import capture_logs

from app.web.answers import Answer
from app.web.errors import SERVICE_UNAVAILABLE, format_error
from app.web.graphql_ws import GraphQLSockets
from tests.harness.sockets import PROTOCOL

QUERY = {"id": "1", "type": "subscribe", "payload": {"query": "{ here }"}}
COMPLETE = {"id": "1", "type": "complete"}
LEAVE = {"type": "websocket.disconnect", "code": 1006}


@strawberry.type
class Query:
    here: str


class Refusing:
    """Operations that are all refused once `allowed`, also when they are stopped at the same time."""

    def __init__(self) -> None:
        self.begun, self.allowed = asyncio.Event(), asyncio.Event()
        self._numbers = itertools.count(1)

    async def admit(self, *_: object) -> Answer:
        number = next(self._numbers)
        self.begun.set()
        with suppress(asyncio.CancelledError):  # as where a wait has ended already, by its time limit
            await self.allowed.wait()
        return Answer(errors=[format_error(SERVICE_UNAVAILABLE, f"Refusal {number}.", "the-request")])


class Client:
    """Another end of a socket, without a server between."""

    def __init__(self, operations: Refusing) -> None:
        state = {"operations": operations, "request_id": "the-request", "headers": {}}
        state["services"] = SimpleNamespace(access_tokens=None, database=SimpleNamespace(fetch=len))
        self._scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": [],
            "subprotocols": [PROTOCOL],
            "client": ("192.0.2.1", 1),
            "state": state,
        }
        self._incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.received: list[Any] = []
        self.say({"type": "websocket.connect"})
        self.send({"type": "connection_init"})

    async def run(self) -> None:
        sockets = GraphQLSockets(strawberry.Schema(Query), allowed_origins=())
        await sockets(self._scope, self._incoming.get, self._receive)

    def say(self, message: Any) -> None:
        self._incoming.put_nowait(message)

    def send(self, message: Any) -> None:
        self.say({"type": "websocket.receive", "text": orjson.dumps(message).decode()})

    async def _receive(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.received.append(orjson.loads(message["text"]))


def leave(client: Client) -> None:
    client.say(LEAVE)


def complete_and_leave(client: Client) -> None:
    client.send(COMPLETE)
    client.say(LEAVE)


@pytest.mark.parametrize("go", [leave, complete_and_leave])
async def test_nothing_is_said_and_nothing_logged(go: Callable[[Client], None]) -> None:
    operations = Refusing()
    client = Client(operations)
    with capture_logs() as logs:
        running = asyncio.create_task(client.run())
        client.send(QUERY)
        await asyncio.wait_for(operations.begun.wait(), 5)
        go(client)
        await asyncio.sleep(0.05)
        operations.allowed.set()
        await asyncio.wait_for(running, 5)
    assert [message["type"] for message in client.received] == ["connection_ack"]
    assert [entry for entry in logs if entry["log_level"] != "info"] == []


async def test_an_id_that_is_used_again_is_not_answered_twice() -> None:
    operations = Refusing()
    client = Client(operations)
    running = asyncio.create_task(client.run())
    client.send(QUERY)
    await asyncio.wait_for(operations.begun.wait(), 5)
    client.send(COMPLETE)
    client.send(QUERY)
    await asyncio.sleep(0.05)
    operations.allowed.set()
    await asyncio.sleep(0.05)
    client.say(LEAVE)
    await asyncio.wait_for(running, 5)
    _, error = client.received
    assert (error["type"], error["payload"][0]["message"]) == ("error", "Refusal 2.")
