"""Documents that never repeat, and variables of ever new shapes, leave the server's memory flat and other
requests answered."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from tests.engine.flood import Figures, flood
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server

MANY = 100_000
LARGE_EVERY = 200
"""One document in so many is about as large as those that are remembered can be."""
MOST_MB = 40
"""What memory may grow by after the first step, in which the caches fill."""

SHAPES = """
query Shapes($filter: TaskFilter, $sort: [TaskSort!], $first: Int) {
  tasks(filter: $filter, sort: $sort, first: $first) { nodes { id title project { key } } }
}"""
CONDITIONS: tuple[dict[str, Any], ...] = (
    {"title": {"contains": "plants"}},
    {"title": {"eq": "Water"}, "number": {"gt": 1}},
    {"not": {"dueDate": {"isNull": True}}},
    {"priority": {"in": ["HIGH", "URGENT"]}},
    {"estimate": {"lte": 3.5, "gte": 1}},
    {"createdAt": {"lt": "2026-01-01T00:00:00Z"}},
    {"status": {"type": {"neq": "CANCELED"}}},
    {"labels": {"some": {"name": {"eq": "bug"}}}},
    {"not": {"project": {"key": {"in": ["AB", "CD"]}}}},
    {"or": [{"completedAt": {"isNull": False}}, {}]},
)
PLACES = 5
"""A filter has a condition for each decimal digit of its number."""
SORTS: tuple[dict[str, Any], ...] = (
    {},
    {"sort": None},
    {"sort": [{"field": "RANK"}]},
    {"sort": [{"field": "DUE_DATE", "nulls": "LAST"}]},
)
FIRSTS: tuple[dict[str, Any], ...] = ({}, {"first": None}, {"first": 3})
OTHERS = [{**sort, **first} for sort, first in product(SORTS, FIRSTS)]
"""The other variables: absent, null or given."""

Start = Callable[..., Awaitable[Server]]
OpenApi = Callable[[Server], Api]
Tell = Callable[[str], None]


async def test_documents_that_never_repeat(
    start_server: Start, api_of: OpenApi, person: Person, tell: Tell
) -> None:
    await _check("documents", _document, start_server, api_of, person, tell, total=2_400, step=1_200)


async def test_variables_of_ever_new_shapes(
    start_server: Start, api_of: OpenApi, person: Person, tell: Tell
) -> None:
    await _check("shapes of variables", _shape, start_server, api_of, person, tell, total=1_500, step=750)


@pytest.mark.soak
async def test_a_hundred_thousand_documents(
    start_server: Start, api_of: OpenApi, person: Person, tell: Tell
) -> None:
    await _check("documents", _document, start_server, api_of, person, tell, total=MANY, step=MANY // 10)


@pytest.mark.soak
async def test_a_hundred_thousand_shapes_of_variables(
    start_server: Start, api_of: OpenApi, person: Person, tell: Tell
) -> None:
    await _check(
        "shapes of variables", _shape, start_server, api_of, person, tell, total=MANY, step=MANY // 10
    )


def test_no_two_are_alike() -> None:
    numbers = range(0, MANY, 7)
    assert len({_document(number)[0] for number in numbers}) == len(numbers)
    assert len({repr(_shape(number)[1]["filter"]) for number in range(MANY)}) == MANY


async def _check(
    what: str,
    make: Callable[[int], tuple[str, dict[str, Any]]],
    start_server: Start,
    api_of: OpenApi,
    person: Person,
    tell: Tell,
    *,
    total: int,
    step: int,
) -> None:
    # Without a limit of aliases: the largest documents are larger than in production.
    server = await start_server(NODE_ENV="production", MAX_ALIASES="0")
    figures: Figures = await flood(server, api_of(server), person, make, total=total, step=step)
    tell(f"{what} that never repeat: {figures}")
    assert figures.grown < MOST_MB
    assert len(figures.waits_ms) > 10


def _document(number: int) -> tuple[str, dict[str, Any]]:
    """No two are alike; some read variables in directives, of which plans are kept by value."""
    fields = 400 if number % LARGE_EVERY == 0 else 1 + number % 5
    aliases = " ".join(f"a{number}_{one}: title" for one in range(fields))
    text = f"""query Q{number}($on: Boolean!) {{ tasks(first: {1 + number % 3}) {{
      nodes {{ id project {{ key @include(if: $on) }} {aliases} }} }} }}"""
    return text, {"on": number % 2 == 0}


def _shape(number: int) -> tuple[str, dict[str, Any]]:
    """One document, and a filter whose conditions and their order are those of no other number."""
    *digits, last = (number // 10**place % 10 for place in range(PLACES))
    tree = CONDITIONS[last]
    for place, digit in enumerate(digits):
        tree = {("or", "and")[place % 2]: [CONDITIONS[digit], tree]}
    return SHAPES, {"filter": tree, **OTHERS[number % len(OTHERS)]}
