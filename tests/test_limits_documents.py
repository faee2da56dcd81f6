"""What an operation may be made of: refused before it runs, while others are answered."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from graphql import get_introspection_query

from tests.conftest import StartServer
from tests.harness.client import Answer, Api, Json
from tests.harness.people import Person

ORDINARY = "{ tasks(first: 5) { nodes { id title } } }"
FIND = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
DEEP_TYPE = "{ ofType { ofType { name } } }"
CYCLE = "fragment A on Query { ...B } fragment B on Query { ...A ...A viewer { id } } { ...A }"


def _nested(levels: int) -> str:
    return '{ task(id: "x") ' + "{ parent " * (levels - 2) + "{ id }" + " }" * (levels - 1)


def _chain(length: int) -> str:
    """Fragments that spread the next one twice."""
    links = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(length)]
    return " ".join(["{ ...F0 }", *links, f"fragment F{length} on Query {{ viewer {{ id }} }}"])


def _deep_fragments() -> str:
    """Each fragment is nested a little; together they are deeper than Python's stack."""
    links = [f"fragment F{n} on Task {{ {'parent { ' * 18} ...F{n + 1} {'}' * 18} }}" for n in range(30)]
    return " ".join(['{ task(id: "x") { ...F0 } }', *links, "fragment F30 on Task { id }"])


def _deep_filter(levels: int) -> Json:
    filter_: Json = {}
    for _ in range(levels):
        filter_ = {"not": filter_}
    return filter_


HOSTILE: dict[str, tuple[Json, str, str]] = {
    "tokens": ({"query": f"{{ viewer {{ {'id ' * 5_000} }} }}"}, "TOO_MANY_TOKENS", "2,000 tokens"),
    "comments": ({"query": "{ viewer { id } }" + "#\n" * 300_000}, "TOO_MANY_TOKENS", "as many comments"),
    "nesting": ({"query": _nested(16)}, "TOO_DEEP", "16 levels deep; the limit is 15"),
    "nesting by fragments": ({"query": _deep_fragments()}, "TOO_DEEP", "deep"),
    "a fragment bomb": ({"query": _chain(60)}, "TOO_MANY_FIELDS", "the limit is 2,000 fields"),
    "the same field": ({"query": f"{{ viewer {{ {'id ' * 1_900} }} }}"}, "TOO_MANY_FIELDS", "too often"),
    "10,000 aliases": (
        {"query": f"{{ viewer {{ {' '.join(f'a{n}: id' for n in range(10_000))} }} }}"},
        "TOO_MANY_TOKENS",
        "2,000 tokens",
    ),
    "31 aliases": (
        {"query": f"{{ viewer {{ {' '.join(f'a{n}: id' for n in range(31))} }} }}"},
        "TOO_MANY_ALIASES",
        "31 aliases, fragments expanded; the limit is 30",
    ),
    "21 root fields": (
        {"query": f"{{ {'viewer { id } ' * 21} }}"},
        "TOO_MANY_ROOT_FIELDS",
        "21 root fields; the limit is 20",
    ),
    "51 directives": (
        {"query": f"{{ viewer {{ {'... @include(if: true) { id } ' * 51} }} }}"},
        "TOO_MANY_DIRECTIVES",
        "51 directives, fragments expanded; the limit is 50",
    ),
    "pages in pages": (
        {"query": "{ tasks(first: 100) { nodes { comments(first: 100) { nodes { id } } } } }"},
        "COST_TOO_HIGH",
        "the limit is 10,000",
    ),
    "deep introspection": (
        {"query": "{ __schema { types " + "{ ofType " * 30 + "{ name }" + " }" * 32},
        "TOO_DEEP",
        "the limit: 25",
    ),
    "wide introspection": (
        {
            "query": "{ "
            + " ".join(
                f"a{n}: __schema {{ types {{ fields {{ args {{ type {DEEP_TYPE} }} }} }} }}"
                for n in range(20)
            )
            + " }"
        },
        "COST_TOO_HIGH",
        "the limit is 10,000",
    ),
    "a list of 300,000 objects": (
        {
            "query": "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }",
            "variables": {"filter": {"or": [{}] * 300_000}},
        },
        "TOO_MANY_VALUES",
        "hold 300,001 values, or more; the limit is 5,000",
    ),
    "one id too many": (
        {"query": FIND, "variables": {"ids": ["x"] * 5_001}},
        "TOO_MANY_VALUES",
        "hold 5,001 values, or more; the limit is 5,000",
    ),
    "5,001 variables": (
        {"query": ORDINARY, "variables": {f"v{number}": number for number in range(5_001)}},
        "TOO_MANY_VALUES",
        "hold 5,001 values, or more; the limit is 5,000",
    ),
    "deep variables": (
        {
            "query": "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }",
            "variables": {"filter": _deep_filter(500)},
        },
        "TOO_DEEP",
        "33 levels deep, or deeper; the limit is 32",
    ),
}


async def test_as_many_values_as_there_may_be(reader: Person) -> None:
    answer = await reader.run(FIND, {"ids": ["x"] * 5_000})
    assert answer.code != "TOO_MANY_VALUES"


@pytest.mark.parametrize("name", HOSTILE)
async def test_refused_while_others_are_answered(reader: Person, name: str) -> None:
    body, code, says = HOSTILE[name]
    refused: list[Answer] = []
    answered = 0

    async def refuse() -> None:
        for _ in range(8):
            refused.append(await reader.api.post(body, token=reader.token))

    hostile = asyncio.create_task(refuse())
    while not hostile.done():
        answered += "tasks" in (await reader.run(ORDINARY)).data
    await hostile

    for answer in refused:
        assert (answer.status, answer.code) == (400, code)
        assert says in answer.error["message"]
        assert "data" not in answer.body
        assert "statements" not in answer.extensions
    assert answered >= len(refused) // 2


@pytest.fixture
async def strict(start_server: StartServer) -> AsyncIterator[Api]:
    server = await start_server(
        MAX_TOKENS="100",
        MAX_DEPTH="4",
        MAX_ALIASES="2",
        MAX_ROOT_FIELDS="2",
        MAX_DIRECTIVES="2",
        MAX_COST="110",
    )
    api = Api(server.url)
    yield api
    await api.close()


AT_THE_LIMIT = {
    "TOO_MANY_TOKENS": (f"{{ viewer {{ {'id ' * 95} }} }}", f"{{ viewer {{ {'id ' * 96} }} }}"),
    "TOO_DEEP": (
        "{ tasks(first: 1) { nodes { project { id } } } }",
        "{ tasks(first: 1) { nodes { project { workspace { id } } } } }",
    ),
    "TOO_MANY_ALIASES": (
        "{ viewer { a: id b: id } }",
        "{ viewer { ...F ...F } } fragment F on User { a: id b: id }",
    ),
    "TOO_MANY_ROOT_FIELDS": (
        "{ viewer { id } ... { viewer { name } } }",
        "{ viewer { id } ... { viewer { name } viewer { id } } }",
    ),
    "TOO_MANY_DIRECTIVES": (
        "{ viewer @skip(if: false) @include(if: true) { id } }",
        "{ viewer @skip(if: false) @include(if: true) { id @skip(if: false) } }",
    ),
    "COST_TOO_HIGH": ("{ tasks(first: 60) { nodes { id } } }", "{ tasks(first: 61) { nodes { id } } }"),
}


async def test_each_limit_is_a_setting(strict: Api, reader: Person) -> None:
    for code, (allowed, refused) in AT_THE_LIMIT.items():
        assert (await reader.run(allowed, api=strict)).data, code
        answer = await reader.run(refused, api=strict)
        assert (answer.status, answer.code) == (400, code)


async def test_a_limit_can_be_off(start_server: StartServer, reader: Person) -> None:
    api = Api(
        (await start_server(MAX_ALIASES="0", MAX_ROOT_FIELDS="0", MAX_DIRECTIVES="0", MAX_COST="0")).url
    )
    for name in ("31 aliases", "21 root fields", "51 directives", "pages in pages"):
        assert (await api.post(HOSTILE[name][0], token=reader.token)).data
    await api.close()


async def test_the_usual_introspection_passes(api: Api) -> None:
    queries = [
        get_introspection_query(),
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
            one_of=True,
        ),
    ]
    for query in queries:
        answer = await api.run(query)
        assert answer.data["__schema"]["queryType"]["name"] == "Query"
        assert 0 < answer.extensions["cost"]["requested"] <= 10_000 / 3


async def test_fragments_that_reach_themselves_are_told(api: Api) -> None:
    answer = await api.run(CYCLE)
    assert answer.status in (200, 400)
    assert {error["extensions"]["code"] for error in answer.errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert "within itself" in answer.errors[0]["message"]
