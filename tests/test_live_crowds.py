"""Many who subscribe in one moment, as when a server has come back: all are let in, by a few statements."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import StartServer
from tests.fuzz.wire import Wire, message
from tests.harness.client import Api
from tests.harness.people import Person, sign_up
from tests.harness.server import Server
from tests.live import CREATED, until

ApiOf = Callable[[Server], Api]
EVERYWHERE = "subscription { taskCreated { id } }"
OPENED = 'taskflow_db_query_duration_seconds_count{statement="Log.seqs"}'
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'
"""


@pytest.mark.parametrize("number", [300, pytest.param(2_000, marks=pytest.mark.soak)])
async def test_many_at_once(start_server: StartServer, api_of: ApiOf, number: int) -> None:
    """Half of them by a project's id, which is looked up for each."""
    server = await start_server(MAX_CONNECTIONS_PER_ADDRESS="0")
    people = [await sign_up(api_of(server)) for _ in range(5)]
    wires = connect(server, people, number)
    for place, wire in enumerate(wires):
        person = people[place % len(people)]
        variables = {"projectId": person.project_id} if place % 2 else {}
        wire.send(subscribe("1", CREATED, **variables))
    await until(partial(figure_is, server, "taskflow_subscriptions", number), 60)
    for _ in range(20):  # the protocol does not tell when a subscription follows
        for person in people:
            await person.task()
        with suppress(AssertionError):
            await until(partial(all_have_heard, wires), 5)
            break
    assert all_have_heard(wires)
    assert {str(one["type"]) for wire in wires for one in wire.received} == {"connection_ack", "next"}
    drop(wires)


async def test_those_who_wait_leave_connections_to_requests(start_server: StartServer, api_of: ApiOf) -> None:
    server = await start_server(DB_POOL_SIZE="2")
    person = await sign_up(api_of(server))
    wires = connect(server, [person], 60)
    before = await figure(server, OPENED)
    holder, observer = [await asyncpg.connect(server.database_url) for _ in range(2)]
    async with holder.transaction():
        await holder.execute("LOCK TABLE workspace_counters IN ACCESS EXCLUSIVE MODE")
        for wire in wires:
            wire.send(subscribe("1", EVERYWHERE))

        async def waiting() -> bool:
            open_now = await figure(server, "taskflow_subscriptions")
            return open_now == len(wires) and bool(await observer.fetchval(WAITING))

        await until(waiting)
        assert await observer.fetchval(WAITING) == 1
        assert (await person.run("{ tasks(first: 1) { nodes { id } } }")).data["tasks"]["nodes"] == []
    await holder.close()
    await observer.close()

    async def opened() -> bool:
        return await figure(server, OPENED) - before == 2

    await until(opened)  # that of the first, and one for all others
    task = await person.task()
    for wire in wires:
        heard: Any = wire.receive(2)[1]
        assert heard["payload"]["data"] == {"taskCreated": {"id": task["id"]}}
    drop(wires)


def connect(server: Server, people: list[Person], number: int) -> list[Wire]:
    """So many sockets, acknowledged."""
    wires = [Wire(server) for _ in range(number)]
    for place, wire in enumerate(wires):
        authorization = f"Bearer {people[place % len(people)].token}"
        wire.send(message({"type": "connection_init", "payload": {"authorization": authorization}}))
    for wire in wires:
        assert [one["type"] for one in wire.receive(1)] == ["connection_ack"]
    return wires


def all_have_heard(wires: list[Wire]) -> bool:
    silent = [wire for wire in wires if len(wire.received) < 2]
    for wire in silent:
        wire.settle(0.001)
    return not silent


def subscribe(id: str, document: str, **variables: str) -> bytes:
    payload = {"query": document, "variables": variables}
    return message({"id": id, "type": "subscribe", "payload": payload})


def drop(wires: list[Wire]) -> None:
    for wire in wires:
        wire.drop()


async def figure_is(server: Server, name: str, value: float) -> bool:
    return await figure(server, name) == value


async def figure(server: Server, name: str) -> float:
    """A series' value; 0 while it is not there."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        text = (await client.get("/metrics")).text
    found = re.search(f"^{re.escape(name)} (.*)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
