"""Sockets of the hostile kind. Whatever one does, it costs a bounded amount and is over when it is over."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Opcode

from tests.fuzz.wire import Wire, fragments, frame, message
from tests.harness.people import Person
from tests.harness.server import Server, Servers
from tests.harness.sockets import PROTOCOL
from tests.harness.taskflow import resident, worker_of
from tests.live import until

Json = dict[str, Any]
FOLLOW = "subscription { taskCreated { id } }"
GAUGES = ("taskflow_active_connections", "taskflow_subscriptions")
MOST = 100
"""Operations of one socket."""


@pytest.fixture(scope="module")
async def own(servers: Servers, server: Server) -> AsyncIterator[Server]:
    """A server whose gauges nothing else moves, and which waits for clients only shortly."""
    env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    started = servers.start(env, module="tests.harness.impatient")
    await started.wait_ready()
    yield started
    started.stop()


async def test_ten_thousand_subscriptions_on_one_socket(own: Server, person: Person) -> None:
    async with _signed_in(own, person) as connection:
        sending = asyncio.create_task(_subscribe_often(connection, 10_000))
        refusals: list[Json] = []
        while len(refusals) < 10_000 - MOST:
            refusals.append(json.loads(await asyncio.wait_for(connection.recv(), 30)))
        await sending
        assert {refusal["type"] for refusal in refusals} == {"error"}
        assert {refusal["payload"][0]["extensions"]["code"] for refusal in refusals} == {
            "TOO_MANY_OPERATIONS"
        }
        assert len({refusal["id"] for refusal in refusals}) == 10_000 - MOST
        assert all(refusal["payload"][0]["extensions"]["requestId"] for refusal in refusals)

        await until(partial(_gauges_are, own, 1, MOST))
        await person.task("Heard by all that were let in")
        heard = [json.loads(await asyncio.wait_for(connection.recv(), 30)) for _ in range(MOST)]
        assert {one["type"] for one in heard} == {"next"}
        assert {one["id"] for one in heard} == {str(number) for number in range(MOST)}
    await until(partial(_gauges_are, own, 0, 0))


async def test_a_place_is_free_again_when_an_operation_ends(own: Server, person: Person) -> None:
    async with _signed_in(own, person) as connection:
        await _subscribe_often(connection, MOST)
        await connection.send(json.dumps({"id": "7", "type": "complete"}))
        await connection.send(_subscribe("again"))
        await connection.send(_subscribe("too many"))
        assert json.loads(await asyncio.wait_for(connection.recv(), 10))["id"] == "too many"


async def test_large_operations_that_wait_to_be_let_in(own: Server, person: Person) -> None:
    """The socket is not read meanwhile, so that they wait in its client's memory."""
    variables: Json = {"filter": {"or": [[]] * 255_000}}
    query = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    worker, highest = worker_of(own.process.pid), 0
    async with _signed_in(own, person) as connection:
        await connection.send(_subscribe("0", query, variables))  # what one takes, the server keeps
        assert json.loads(await asyncio.wait_for(connection.recv(), 30))["id"] == "0"
        before = resident(worker)
        large = [_subscribe(str(number), query, variables) for number in range(1, 20)]
        sending = asyncio.create_task(_send_all(connection, large))
        answers: list[Json] = []
        while len(answers) < len(large):
            answers.append(json.loads(await asyncio.wait_for(connection.recv(), 30)))
            highest = max(highest, resident(worker))
        await sending
    codes = {answer["payload"][0]["extensions"]["code"] for answer in answers}
    assert codes == {"TOO_MANY_VALUES"}
    assert highest - before < 100 * 2**20


async def test_a_client_that_never_reads(own: Server, person: Person) -> None:
    """It is sent what fits into the buffers, and nothing more; then it is closed and forgotten."""
    deaf = _deaf_socket(own, person)
    try:
        await until(partial(_gauges_are, own, 1, MOST))
        before = resident(worker_of(own.process.pid))

        async def overdue() -> bool:
            await person.task("x" * 500)
            return await _gauges_are(own, 0, 0)

        await until(overdue, 60)
        assert resident(worker_of(own.process.pid)) - before < 20 * 2**20
    finally:
        deaf.drop()


async def test_pings_whose_answers_nobody_reads(own: Server) -> None:
    """The server reads no more when nobody takes its pongs: they would fill its memory."""
    wire = Wire(own, receive_buffer=4096)
    before = resident(worker_of(own.process.pid))
    pings = frame(b"x" * 125, Opcode.PING) * 1_000
    sent = 0
    with suppress(TimeoutError):
        while sent < 64 * 2**20 and wire.send(pings, patience=1):
            sent += len(pings)
    assert sent < 64 * 2**20, "the server took everything"
    assert resident(worker_of(own.process.pid)) - before < 8 * 2**20
    await until(partial(_gauges_are, own, 0, 0), 30)
    wire.drop()


async def test_a_message_in_too_many_pieces(own: Server) -> None:
    wire = Wire(own)
    wire.send(message({"type": "connection_init"}))
    wire.send(fragments([b'{"type": ', *[b""] * 1_100, b'"ping"}']))
    assert wire.close_code() == 1009


async def test_a_message_in_pieces(own: Server) -> None:
    wire = Wire(own)
    wire.send(message({"type": "connection_init"}))
    wire.send(fragments([b'{"type":', b"", b' "ping"', b"}"]))
    assert [one["type"] for one in wire.receive(2)] == ["connection_ack", "pong"]
    wire.send(frame(struct.pack("!H", 1000), Opcode.CLOSE))
    assert wire.close_code() == 1000


async def test_no_connection_init(own: Server) -> None:
    async with connect(own.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await asyncio.wait_for(connection.wait_closed(), 10)
        assert connection.close_code == 4408
    await until(partial(_gauges_are, own, 0, 0))


async def test_a_socket_of_nobody_without_an_operation(own: Server, person: Person) -> None:
    """It is closed; one of somebody is not, and neither is one that is in use."""
    queries = (_subscribe(str(number), "{ __typename }") for number in count())
    in_use = connect(own.websocket_url, subprotocols=[PROTOCOL])
    async with _signed_in(own, person) as somebody, in_use as used:
        await used.send(json.dumps({"type": "connection_init"}))
        async with connect(own.websocket_url, subprotocols=[PROTOCOL]) as nobody:
            await nobody.send(json.dumps({"type": "connection_init"}))
            while nobody.close_code is None:
                await nobody.send(json.dumps({"type": "ping"}))
                await used.send(next(queries))
                with suppress(TimeoutError):
                    await asyncio.wait_for(nobody.wait_closed(), 0.2)
            assert (nobody.close_code, nobody.close_reason) == (4408, "No operation for too long")
        await used.send(next(queries))
        await used.send(json.dumps({"type": "ping"}))
        heard = set[str]()
        while "pong" not in heard:
            heard.add(json.loads(await asyncio.wait_for(used.recv(), 10))["type"])
        await somebody.send(json.dumps({"type": "ping"}))
        assert json.loads(await asyncio.wait_for(somebody.recv(), 10))["type"] == "pong"
        await asyncio.wait_for(used.wait_closed(), 20)
        assert used.close_code == 4408
    await until(partial(_gauges_are, own, 0, 0))


async def test_connection_init_twice(own: Server, person: Person) -> None:
    async with _signed_in(own, person) as connection:
        await connection.send(_subscribe("1"))
        await until(partial(_gauges_are, own, 1, 1))
        await connection.send(json.dumps({"type": "connection_init"}))
        await asyncio.wait_for(connection.wait_closed(), 10)
        assert connection.close_code == 4429
    await until(partial(_gauges_are, own, 0, 0))


async def test_an_id_that_is_in_use(own: Server, person: Person) -> None:
    async with _signed_in(own, person) as connection:
        await connection.send(_subscribe("1"))
        await connection.send(_subscribe("1"))
        await asyncio.wait_for(connection.wait_closed(), 10)
        assert connection.close_code == 4409
    await until(partial(_gauges_are, own, 0, 0))


@pytest.mark.parametrize("number", [40, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_sockets_that_break_off(own: Server, person: Person, number: int) -> None:
    """By a reset, without a close frame, with subscriptions open."""
    wires = [Wire(own) for _ in range(number)]
    for wire in wires:
        wire.send(frame(_init(person).encode()))
        wire.send(frame(_subscribe("1").encode()) + frame(_subscribe("2").encode()))
    await until(partial(_gauges_are, own, number, 2 * number), 60)
    for wire in wires:
        wire.reset()
    await until(partial(_gauges_are, own, 0, 0), 60)
    assert "Traceback" not in own.output()


@asynccontextmanager
async def _signed_in(server: Server, person: Person) -> AsyncIterator[ClientConnection]:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(_init(person))
        assert json.loads(await asyncio.wait_for(connection.recv(), 10))["type"] == "connection_ack"
        yield connection


def _deaf_socket(server: Server, person: Person) -> Wire:
    """It subscribes as often as it may, to what is long, and reads nothing any more."""
    wire = Wire(server, receive_buffer=4096)
    wire.send(frame(_init(person).encode()))
    long = " ".join(f"a{number}: title" for number in range(25))
    for number in range(MOST):
        wire.send(frame(_subscribe(str(number), f"subscription {{ taskCreated {{ {long} }} }}").encode()))
    return wire


async def _subscribe_often(connection: ClientConnection, times: int) -> None:
    await _send_all(connection, (_subscribe(str(number)) for number in range(times)))


async def _send_all(connection: ClientConnection, messages: Iterable[str]) -> None:
    for one in messages:
        await connection.send(one)


def _init(person: Person) -> str:
    return json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {person.token}"}})


def _subscribe(id: str, document: str = FOLLOW, variables: Json | None = None) -> str:
    payload = {"query": document, "variables": variables}
    return json.dumps({"id": id, "type": "subscribe", "payload": payload})


async def _gauges_are(server: Server, *expected: int) -> bool:
    async with httpx.AsyncClient(base_url=server.url) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if line.startswith(GAUGES))
    return tuple(float(found.get(name, 0)) for name in GAUGES) == expected
