"""Mutations over HTTP, whose only root field the engine runs itself, answer as graphql-core alone does."""

import base64
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from graphql import GraphQLObjectType, OperationType, get_named_type, parse

from tests.engine.payload_calls import validated_calls
from tests.engine.survey import SEED, World
from tests.harness.client import Answer, Api
from tests.harness.server import Server, Servers

PAYLOADS = 9
"""Selections of each mutation's payload."""
ANSWERED = 'taskflow_engine_operations_total{outcome="answered"}'

NO_LIMITS = dict.fromkeys(("MAX_ALIASES", "MAX_DIRECTIVES", "MAX_COST"), "0")

UPDATE = "mutation ($id: ID!, $input: TaskUpdateInput!, $yes: Boolean = true)"
CASES = {
    "an alias": "{ other: CALL { it: task { name: title title } userErrors { code } } }",
    "fragments": (
        "{ ...Root } fragment Root on Mutation { CALL { ...Payload ... on TaskPayload { task { id } } } }"
        " fragment Payload on TaskPayload { task { title ... on Node { id } } userErrors { code } }"
    ),
    "merged fields": "{ CALL { task { title } } ... { CALL { task { id project { key } } syncSeq } } }",
    "directives": (
        "{ CALL @include(if: $yes) { task @include(if: $yes) { title @skip(if: $yes) id } syncSeq } }"
    ),
    "nothing selected in the end": "{ CALL { task @skip(if: $yes) { title } } }",
    "left out by a directive": "{ CALL @skip(if: $yes) { task { title } } }",
    "the type's name": "{ __typename CALL { __typename task { __typename } } }",
    "a page that is refused": "{ CALL { task { id subtasks(first: 101) { nodes { id } } } } }",
    "a page that is refused in a list": (
        "{ CALL { task { project { tasks { nodes { id comments(last: 0) { totalCount } } } } } } }"
    ),
    "a cursor that is refused": '{ CALL { task { title labels(after: "nonsense") { nodes { id } } } } }',
    "an error beside what is fine": (
        "{ CALL { task { title comments(first: 0) { nodes { id } } } userErrors { code } syncSeq } }"
    ),
}


@pytest.fixture(scope="module")
async def api(world: World, server: Server, servers: Servers) -> AsyncIterator[Api]:
    """A server on the tenants' database, without the limits that generated documents would meet."""
    url = world.ways.services.settings.database_url or ""
    env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    started = servers.start({**env, **NO_LIMITS, "DATABASE_URL": url})
    await started.wait_ready()
    opened = Api(started.url)
    yield opened
    await opened.close()
    started.kill()


async def test_payloads_are_the_same(world: World, api: Api, tell: Callable[[str], None]) -> None:
    """Each validates only, so that both ways find the same rows."""
    counts, before = Counter[str](), await _answered(api)
    for name, calls in validated_calls(world.tenants).items():
        for number in range(PAYLOADS):
            field = f"{name}({calls.of(number)} validateOnly: true)"
            text, variables = _generated(world, name, field, number)
            answer, _ = await _compare(world, api, text, variables, calls.viewer)
            counts["payloads"] += 1
            counts["with errors"] += bool(answer.errors)
            [payload] = (answer.body.get("data") or {"": None}).values()
            counts["nothing to show"] += payload is None
    engine = await _answered(api) - before
    tell(f"payloads over HTTP, seed {SEED}: {dict(counts)}, {engine:.0f} by the engine")
    assert engine >= 0.95 * (counts["payloads"] - counts["with errors"])


@pytest.mark.parametrize("task", ["own", "unknown"])
@pytest.mark.parametrize("case", CASES)
async def test_each_construct_on_a_payload(world: World, api: Api, case: str, task: str) -> None:
    own = world.tenants.rows["tasks"][1]["id"]
    variables = {"id": own if task == "own" else "nonsense", "input": {"title": "Changed"}}
    call = "taskUpdate(id: $id, input: $input, validateOnly: true)"
    document = f"{UPDATE} {CASES[case].replace('CALL', call)}"
    if "$yes" not in CASES[case]:
        document = document.replace(", $yes: Boolean = true", "")
    answer, by_core = await _compare(world, api, document, variables, "alex")
    assert _places(answer.errors) == _places(by_core)
    refused = "refused" in case or "an error" in case
    # Of a task that is not found nothing is read, and so no page of it refused.
    assert bool(answer.errors) is (refused and task == "own")


@pytest.mark.parametrize(
    ("document", "variables", "viewer"),
    [
        ('mutation { taskComplete(id: "x", validateOnly: true) { task { id } } }', {}, "nobody"),
        ("mutation ($id: ID!) { taskComplete(id: $id) { task { id } } }", {}, "alex"),
        ("mutation ($id: ID!) { taskComplete(id: $id) { task { id } } }", {"id": None}, "alex"),
        ("mutation ($v: Int) { taskComplete(id: 5, expectedVersion: $v) { syncSeq } }", {"v": "x"}, "alex"),
    ],
)
async def test_what_fails_before_there_is_a_payload(
    world: World, api: Api, document: str, variables: dict[str, Any], viewer: str
) -> None:
    answer, by_core = await _compare(world, api, document, variables, viewer)
    assert _places(answer.errors) == _places(by_core) != []


def _generated(world: World, name: str, field: str, number: int) -> tuple[str, dict[str, Any]]:
    mutation = world.ways.schema._schema.mutation_type
    assert mutation is not None
    payload = get_named_type(mutation.fields[name].type)
    assert isinstance(payload, GraphQLObjectType)
    selection, around = world.documents(SEED).selection(number, payload, OperationType.MUTATION)
    return around.text.replace("{ payload }", f"{{ {field} {{ {selection} }} }}"), around.runs[0][0]


async def _compare(
    world: World, api: Api, text: str, variables: dict[str, Any], viewer: str
) -> tuple[Answer, list[dict[str, Any]]]:
    """The server's answer, whose data is graphql-core's, and graphql-core's errors.

    Of several errors that null one object either way tells the one that came first.
    """
    who, token = world.tenants.viewers[viewer], None
    if who is not None:
        token, _ = world.ways.services.access_tokens.issue(who.user_id, who.session_id, datetime.now(UTC))
    answer = await api.run(text, variables, token=token)
    by_core = (await world.ways.by_core(parse(text), variables, who)).json
    shown = f"seed {SEED}\n{text}\n{variables} as {viewer}\n{answer.body}\n{by_core}"
    assert _lasting(answer.body.get("data")) == _lasting(by_core["data"]), shown
    errors: list[dict[str, Any]] = by_core.get("errors", [])
    assert bool(answer.errors) == bool(errors), shown
    return answer, errors


def _lasting(data: Any) -> str:
    """As text, for the order of keys, without the ids and times that each of two runs gives anew."""
    text = re.sub(r'"(WzEs[\w-]+)"', lambda cursor: _read(cursor[1]), orjson.dumps(data).decode())
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "new id", text)
    return re.sub(rf"{datetime.now(UTC):%Y-%m}-\d\dT[0-9:.]+(Z|\+00:00)", "now", text)


def _read(cursor: str) -> str:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()


def _places(errors: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((repr(error.get("path")), error["message"]) for error in errors)


async def _answered(api: Api) -> float:
    lines = (await api.http.get("/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(ANSWERED))
