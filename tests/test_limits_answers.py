"""What a short document may not grow into: a long answer, whoever gives it, or long errors."""

import asyncio
import json

import pytest
from graphql import GraphQLInputObjectType
from websockets.asyncio.client import connect

from app.graphql.schema import build_schema
from app.web.limits import MAX_ALIAS, MAX_INPUT_FIELDS, MAX_SUBSCRIPTION
from app.web.socket_messages import keep_authorization
from tests.harness.client import Answer, Api, Json
from tests.harness.events import open_events
from tests.harness.people import Person
from tests.harness.refusals import refused
from tests.harness.server import Server
from tests.harness.sockets import PROTOCOL, SubscriptionClosed, open_socket

COMMENT = """
mutation ($task: ID!, $parent: ID, $body: String!) {
  commentCreate(input: { taskId: $task, parentId: $parent, body: $body }) {
    comment { id } userErrors { message }
  }
}"""
SMALL = "parent { replies { nodes { body } } }"
LARGE = "parent { replies { nodes { parent { replies { nodes { body } } } } } }"
BY_ENGINE = "query ($task: ID!) { task(id: $task) { comments { nodes { %s } } } }"
BY_CORE = "query ($task: ID!) { __schema { __typename } task(id: $task) { comments { nodes { %s } } } }"
OF_PAYLOAD = """
mutation ($task: ID!) {
  taskUpdate(id: $task, input: { priority: HIGH }) { task { comments { nodes { %s } } } }
}"""
OF_PAYLOADS = """
mutation ($task: ID!) {
  a: taskUpdate(id: $task, input: { priority: HIGH }) { task { id } }
  b: taskUpdate(id: $task, input: { priority: LOW }) { task { comments { nodes { %s } } } }
}"""
DESCRIBE = """
mutation ($task: ID!, $text: String!) {
  taskUpdate(id: $task, input: { description: $text }) { task { id } userErrors { message } }
}"""
FILTERED = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
FOLLOWED = """
subscription ($filter: TaskFilter) {
  taskCreated { project { tasks(filter: $filter) { totalCount } } }
}"""
UNKNOWN = {f"unknown{number}": "x" * 500 for number in range(50)}


def literal_of(size: int) -> str:
    fields = (f'unknown{number}: "{"x" * 500}"' for number in range(size))
    return f"{{ {' '.join(fields)} }}"


@pytest.fixture(scope="module")
async def task(reader: Person) -> str:
    """With 31 comments of 2,000 characters, all but the first replies to it."""
    task = await reader.task("Long talk")
    given: Json = {"task": task["id"], "parent": None, "body": "b" * 2_000}
    first = await reader.create(COMMENT, given)
    for _ in range(30):
        await reader.create(COMMENT, given | {"parent": first["comment"]["id"]})
    return str(task["id"])


@pytest.mark.parametrize("document", [BY_ENGINE, BY_CORE, OF_PAYLOAD, OF_PAYLOADS])
async def test_texts_count_as_often_as_they_occur(reader: Person, task: str, document: str) -> None:
    assert (await reader.run(document % SMALL, {"task": task})).data
    answer = await reader.run(document % LARGE, {"task": task})
    refused(answer, "BAD_USER_INPUT", says=["10,000,000 characters", "ask for shorter pages"])
    assert len(json.dumps(answer.body)) < 2_000


async def test_objects_count_whoever_answers(reader: Person, task: str) -> None:
    comments = f"comments {{ nodes {{ {SMALL.replace('body', 'id')} }} }}"
    wide = f"nodes(ids: $ids) {{ ... on Task {{ {comments} }} }}"
    for by_core in ("", "__schema { __typename }"):
        answer = await reader.run(f"query ($ids: [ID!]!) {{ {by_core} {wide} }}", {"ids": [task] * 100})
        refused(answer, "BAD_USER_INPUT", says=["50,000 objects"])


@pytest.mark.parametrize("root", ["", "__schema { __typename }"])
async def test_the_same_id_again_and_again(reader: Person, task: str, root: str) -> None:
    document = "query ($ids: [ID!]!) { %s nodes(ids: $ids) { ... on Task { comments { nodes { %s } } } } }"
    ids = {"ids": [task] * 100}
    assert len((await reader.run(document % (root, "body"), ids)).data["nodes"]) == 100
    twice = await reader.run(document % (root, "a: body b: body"), ids)
    refused(twice, "BAD_USER_INPUT", says=["10,000,000 characters"])


async def test_names_count_too(reader: Person, task: str) -> None:
    names = " ".join(f"{'n' * (MAX_ALIAS - 2)}{number:02}: id" for number in range(25))
    assert (await reader.run(BY_ENGINE % SMALL.replace("body", names), {"task": task})).data
    refused(
        await reader.run(BY_ENGINE % LARGE.replace("body", names), {"task": task}),
        "BAD_USER_INPUT",
        says=["10,000,000 characters"],
    )
    too_long = await reader.run(f"{{ {'n' * (MAX_ALIAS + 1)}: __typename }}")
    assert (too_long.status, too_long.code) == (400, "BAD_REQUEST")
    assert "101 characters; the limit is 100" in too_long.error["message"]


NAMES = " ".join(f"n{number}: %s" for number in range(25))
NAMED = {
    "__typename": ("body", NAMES.replace("%s", "__typename")),
    "a cursor": ("nodes { body }", f"edges {{ {NAMES.replace('%s', 'cursor')} }}"),
    "an edge": ("nodes { body }", f"edges {{ {NAMES.replace('%s', '__typename')} }}"),
    "a count": ("body", f"replies {{ {NAMES.replace('%s', 'totalCount')} }}"),
    "a pageInfo": ("body", f"replies {{ pageInfo {{ {NAMES.replace('%s', 'hasNextPage')} }} }}"),
    "a value": ("body", f"task {{ subtasksSummary {{ {NAMES.replace('%s', 'total')} }} }}"),
}


@pytest.mark.parametrize("what", NAMED)
async def test_whatever_stands_under_a_name_counts(reader: Person, task: str, what: str) -> None:
    asked, instead = NAMED[what]
    assert (await reader.run(BY_ENGINE % SMALL.replace(asked, instead), {"task": task})).data
    answer = await reader.run(BY_ENGINE % LARGE.replace(asked, instead), {"task": task})
    refused(answer, "BAD_USER_INPUT", says=["10,000,000 characters"])


@pytest.mark.parametrize("root", ["", "__schema { __typename }"])
async def test_a_page_counts_as_often_as_it_is_asked_for(reader: Person, task: str, root: str) -> None:
    document = f"query ($task: ID!) {{ {root} {BY_ENGINE.partition('{')[2]}"
    once = LARGE.replace("nodes { body }", "nodes { id }")
    assert (await reader.run(document % once, {"task": task})).data
    twice = LARGE.replace("nodes { body }", "nodes { id } edges { node { id } }")
    refused(await reader.run(document % twice, {"task": task}), "BAD_USER_INPUT", says=["50,000 objects"])


@pytest.mark.parametrize("root", ["", "__schema { __typename }"])
async def test_what_changed_counts_as_often_as_it_is_named(reader: Person, root: str) -> None:
    task = await reader.task("Rewritten")
    for letter in "abcdefghijkl":
        await reader.create(DESCRIBE, {"task": task["id"], "text": letter * 3_900})
    changes = "activity(first: 12) { nodes { changes { field before %s } } }"
    document = f"query ($ids: [ID!]!) {{ {root} nodes(ids: $ids) {{ ... on Task {{ {changes} }} }} }}"
    ids = {"ids": [task["id"]] * 100}
    assert len((await reader.run(document % "", ids)).data["nodes"]) == 100
    refused(
        await reader.run(document % "a: before b: before", ids),
        "BAD_USER_INPUT",
        says=["10,000,000 characters"],
    )


INVALID: dict[str, Json] = {
    "a literal": {"query": f"{{ tasks(filter: {literal_of(50)}) {{ totalCount }} }}"},
    "variables": {"query": FILTERED, "variables": {"filter": UNKNOWN}},
    "variables of graphql-core": {
        "query": FILTERED.replace("{ tasks", "{ __schema { __typename } tasks"),
        "variables": {"filter": {"or": [UNKNOWN] * 50}},
    },
    "a name": {"query": "{ %s }" % ("n" * 100_000)},
    "text that is none": {"query": "{ viewer { id } } %s" % ("n" * 100_000)},
    "fields": {"query": f"{{ {' '.join(f'unknown{number}' for number in range(19))} }}"},
}


@pytest.mark.parametrize("name", INVALID)
async def test_errors_are_few_and_short(reader: Person, name: str) -> None:
    answer = await reader.api.post(INVALID[name], token=reader.token)
    assert_short(answer.errors)
    assert "data" not in answer.body


async def test_errors_are_few_and_short_over_sockets_and_streams(server: Server, reader: Person) -> None:
    literal = FOLLOWED.replace("($filter: TaskFilter)", "").replace("$filter", literal_of(20))
    variables = {"filter": {name: UNKNOWN[name] for name in list(UNKNOWN)[:20]}}
    async with open_socket(server.websocket_url, token=reader.token) as socket:
        for document, given in ((literal, {}), (FOLLOWED, variables)):
            with pytest.raises(SubscriptionClosed) as closed:
                await (await socket.subscribe(document, given)).next()
            errors = closed.value.args[0]["payload"]
            assert "TaskFilter" in errors[0]["message"]
            assert_short(errors)
    async with open_events(reader.api, FOLLOWED, variables, token=reader.token) as events:
        event = await events.next()
        assert event is not None
        assert "TaskFilter" in event[1]["errors"][0]["message"]
        assert_short(event[1]["errors"])


def assert_short(errors: list[Json]) -> None:
    assert 1 <= len(errors) <= 6
    assert all(len(error["message"]) <= 300 for error in errors)
    assert len(json.dumps(errors)) < 4_000


async def test_objects_larger_than_any_input(reader: Person, api: Api) -> None:
    many = {f"unknown{number}": 1 for number in range(4_900)}
    literal = " ".join(f"unknown{number}: 1" for number in range(400))
    answers: list[Answer] = [
        await api.run(FILTERED, {"filter": many}),
        await api.run(f"{{ tasks(filter: {{ {literal} }}) {{ totalCount }} }}"),
        await api.run(f"{{ tasks(filter: {{ or: [{{ {literal} }}] }}) {{ totalCount }} }}"),
        await api.run(f"query ($f: TaskFilter = {{ {literal} }}) {{ tasks(filter: $f) {{ totalCount }} }}"),
    ]
    for answer in answers:
        assert (answer.status, answer.code) == (400, "TOO_MANY_VALUES")
        assert "the limit is 100" in answer.error["message"]


def test_no_input_is_as_large() -> None:
    types = build_schema()._schema.type_map.values()
    largest = max(len(type_.fields) for type_ in types if isinstance(type_, GraphQLInputObjectType))
    assert 10 < largest < MAX_INPUT_FIELDS


async def test_what_a_running_subscription_holds(server: Server, reader: Person) -> None:
    document = "subscription ($t: ID) { taskUpdated(taskId: $t) { id } }"
    async with open_socket(server.websocket_url, token=reader.token) as socket:
        for text, given in (
            (f"{document}#{'x' * MAX_SUBSCRIPTION}", {}),
            (document, {"t": "x" * MAX_SUBSCRIPTION}),
        ):
            with pytest.raises(SubscriptionClosed) as closed:
                await (await socket.subscribe(text, given)).next()
            [error] = closed.value.args[0]["payload"]
            assert error["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
            assert "the limit is 16,384" in error["message"]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"type": "connection_init", "payload": {"x": "y" * 16_384}}], "at most 16384 characters"),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "i" * 201}], "at most 200 characters"),
    ],
)
async def test_what_a_socket_holds(server: Server, messages: list[Json], reason: str) -> None:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        for message in messages:
            await connection.send(json.dumps({"payload": {"query": "{ __typename }"}} | message))
        await asyncio.wait_for(connection.wait_closed(), 10)
        assert connection.close_code == 4400
        assert reason in (connection.close_reason or "")


async def test_a_socket_keeps_nothing_but_the_authorization(server: Server, reader: Person) -> None:
    payload = {"Authorization": f"Bearer {reader.token}", "others": ["x"] * 100}
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await asyncio.wait_for(connection.recv(), 10)) == {"type": "connection_ack"}
        query = {"id": "1", "type": "subscribe", "payload": {"query": "{ viewer { id } }"}}
        await connection.send(json.dumps(query))
        told = json.loads(await asyncio.wait_for(connection.recv(), 10))
        assert told["payload"]["data"] == {"viewer": {"id": reader.id}}


def test_of_the_payload_of_connection_init_only_the_authorization_is_kept() -> None:
    message: Json = {"type": "connection_init", "payload": {"Authorization": "Bearer x", "others": ["y"]}}
    keep_authorization(message)
    assert message["payload"] == {"Authorization": "Bearer x"}
