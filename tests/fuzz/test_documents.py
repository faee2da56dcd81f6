"""Documents that schemathesis makes of the schema which the running server tells, by somebody signed in.

TASKFLOW_FUZZ_SEED=<number> makes others. `make soak` sends ten times as many.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.generation import GenerationMode
from schemathesis.graphql import nodes
from schemathesis.specs.graphql.schemas import GraphQLSchema

from tests.conftest import StartServer
from tests.fuzz.aimed import Aim
from tests.fuzz.strategies import SEED, many
from tests.harness.leaks import leaks
from tests.harness.people import Person, unique
from tests.harness.server import Server
from tests.harness.taskflow import resident, worker_of
from tests.harness.world import World, make_world

# Bytes by which a second identical round may make the server grow: what it remembers is bounded.
FLAT = 6 * 2**20
OF_SERVER = ("INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT")

schemathesis.graphql.scalar("JSON", st.text(max_size=20).map(nodes.String))


@dataclass
class Round:
    """What came of some documents. `carried` are answers with a value out of a row."""

    sent: int = 0
    carried: int = 0
    refused: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def note(self, document: str, response: httpx.Response) -> None:
        self.sent += 1
        body = response.json()
        codes = [error["extensions"]["code"] for error in body.get("errors", ())]
        self.codes.update(codes)
        self.refused += bool(codes)
        self.carried += any(_values(body.get("data")))
        told = leaks(
            json.dumps([body.get("errors"), dict(response.headers)], ensure_ascii=False), sent=document
        )
        if response.status_code >= 500 or told or set(codes) & set(OF_SERVER):
            self.faults.append(f"{response.status_code} {told} {body.get('errors')}\n{document}")

    def __str__(self) -> str:
        codes = ", ".join(f"{code} {count}" for code, count in self.codes.most_common())
        return f"{self.sent} documents: {self.carried} carried data, {self.refused} had errors ({codes})"


@pytest.mark.parametrize("count", [300, pytest.param(3_000, marks=pytest.mark.soak)])
async def test_generated_documents(
    start_server: StartServer,
    person: Person,
    stranger: Person,
    sql: asyncpg.Pool,
    count: int,
    record_property: Callable[[str, object], None],
) -> None:
    world = await make_world(person, stranger)
    server = await start_server(LOG_LEVEL="error")
    schema = schemathesis.graphql.from_url(f"{server.url}/graphql")
    aim = Aim(schema.client_schema, await _ids(world, sql), SEED)
    documents = [aim.at_rows(one) for one in _documents(schema, count, GenerationMode.POSITIVE)]

    first = await _send_all(server, person, documents)
    before = resident(worker_of(server.process.pid))
    second = await _send_all(server, person, documents)
    grown = resident(worker_of(server.process.pid)) - before

    figures = f"seed {SEED}, {first}; again: {second}; grown by {grown / 2**20:.1f} MB"
    record_property("figures", figures)
    assert first.faults + second.faults == []
    assert first.sent >= count
    assert first.carried * 2 >= first.sent
    assert first.refused > 0, "the share that is wrong was not sent"
    assert grown <= FLAT
    assert "Traceback" not in server.output()


async def test_generated_documents_that_break_the_schema(
    start_server: StartServer, person: Person, record_property: Callable[[str, object], None]
) -> None:
    server = await start_server(LOG_LEVEL="error")
    schema = schemathesis.graphql.from_url(f"{server.url}/graphql")
    documents = _documents(schema, 60, GenerationMode.NEGATIVE)
    found = await _send_all(server, person, documents)
    record_property("figures", f"seed {SEED}, {found}")
    assert found.faults == []
    assert found.carried == 0
    assert found.refused == found.sent >= 40
    assert "Traceback" not in server.output()


def _documents(schema: GraphQLSchema, count: int, mode: GenerationMode) -> list[str]:
    """As many queries as mutations. NEGATIVE makes none where nothing can be wrong, as in `{ viewer }`."""
    queries, mutations = (list(schema[name].values()) for name in ("Query", "Mutation"))
    documents: list[str] = []

    @many(count)
    @given(
        st.one_of(st.sampled_from(queries), st.sampled_from(mutations)).flatmap(
            lambda operation: operation.as_strategy(generation_mode=mode)
        )
    )
    def collect(case: Case[Any]) -> None:
        if case.meta and case.meta.generation.mode is mode:
            documents.append(str(case.body))

    collect()
    return documents


async def _ids(world: World, sql: asyncpg.Pool) -> dict[str, list[str]]:
    for number in range(6):
        await world.owner.task(unique(f"Aim {number}"), world.project["id"])
    epoch = await sql.fetchval("SELECT sync_epoch::text FROM workspaces WHERE id = $1", world.workspace["id"])
    return {**await world.ids(sql), "Epoch": [epoch]}


async def _send_all(server: Server, person: Person, documents: Iterable[str]) -> Round:
    found = Round()
    headers = {"authorization": f"Bearer {person.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        for document in documents:
            found.note(document, await client.post("/graphql", json={"query": document}))
    return found


def _values(data: Any, name: str = "") -> Iterable[bool]:
    """True for each value that can only come out of a row."""
    match data:
        case dict():
            for key, value in data.items():
                if key not in ("pageInfo", "userErrors", "__typename"):
                    yield from _values(value, key)
        case list():
            for value in data:
                yield from _values(value, name)
        case None:
            return
        case _:
            yield not name.startswith(("totalCount", "has"))
