"""What operations cost, as their answers tell it and docs/limits.md explains it."""

import asyncpg
import pytest
from graphql import get_operation_ast, parse

from app.engine.cost import cost_of
from app.graphql.schema import build_schema
from tests.harness.client import Json
from tests.harness.people import Person

NESTED = "comments(first: 10) { nodes { id } }"
COSTS: list[tuple[str, Json, int]] = [
    ("{ __typename }", {}, 1),
    ("{ viewer { id name } }", {}, 51),
    ("{ tasks(first: 20) { nodes { id project { key } status { name } } } }", {}, 70),
    ("{ tasks(first: 20) { edges { cursor node { id } } pageInfo { hasNextPage } } }", {}, 70),
    ("{ tasks { nodes { id } } }", {}, 100),
    ("{ tasks(first: 20) { totalCount } }", {}, 51),
    # Two statements, 20 rows and 200 below them.
    (f"{{ tasks(first: 20) {{ nodes {{ {NESTED} }} }} }}", {}, 320),
    ("{ tasks(first: 20) { nodes { id comments @skip(if: true) { nodes { id } } } } }", {}, 70),
    ("query ($n: Int) { tasks(first: $n) { nodes { id } } }", {"n": 7}, 57),
    ("query ($n: Int) { tasks(first: $n) { nodes { id } } }", {"n": 7.0}, 57),
    ("query ($n: Int) { tasks(first: $n) { nodes { id } } }", {}, 100),
    ("query ($n: Int = 3) { tasks(first: $n) { nodes { id } } }", {}, 53),
    ("query ($n: Int, $m: Int) { tasks(first: $n, last: $m) { nodes { id } } }", {"m": 100}, 150),
    ("query ($yes: Boolean!) { viewer @include(if: $yes) { id } }", {"yes": True}, 51),
    ("query ($yes: Boolean!) { viewer @include(if: $yes) { id } }", {"yes": False}, 1),
    ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "b", "c"]}, 106),
    ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": []}, 1),
    # The same field by a fragment is the same statement.
    ("{ viewer { id } ...F } fragment F on Query { viewer { name } }", {}, 51),
    ("{ viewer { id } again: viewer { id } }", {}, 102),
]


@pytest.mark.parametrize(("document", "variables", "cost"), COSTS)
async def test_the_cost_of(reader: Person, document: str, variables: Json, cost: int) -> None:
    answer = await reader.run(document, variables)

    assert answer.extensions["cost"]["requested"] == cost
    assert answer.extensions["cost"]["limit"] == 10_000


async def test_a_mutation_costs_its_transaction_and_what_it_shows(person: Person) -> None:
    given = {"input": {"projectId": person.project_id, "title": "Water the plants"}}
    create = "mutation ($input: TaskCreateInput!) { taskCreate(input: $input) { userErrors { code } } }"
    shown = "mutation ($input: TaskCreateInput!) { taskCreate(input: $input) { task { id } } }"

    assert (await person.run(create, given)).extensions["cost"]["requested"] == 300
    assert (await person.run(shown, given)).extensions["cost"]["requested"] == 351


async def test_what_a_failed_operation_would_have_cost_is_told(person: Person) -> None:
    answer = await person.run("{ tasks(first: 101) { nodes { id } } }")

    assert answer.code == "BAD_USER_INPUT"
    assert answer.extensions["cost"]["requested"] == 150


async def test_a_refused_operation_sends_no_statement(person: Person, sql: asyncpg.Pool) -> None:
    tasks = "SELECT count(*) FROM tasks WHERE project_id = $1"
    title = {"title": "Not made", "projectId": person.project_id}
    fields = " ".join(f"a{n}: taskCreate(input: $input) {{ task {{ id }} }}" for n in range(19))
    create = f"mutation ($input: TaskCreateInput!) {{ {fields} ...Dear }}"
    dear = "fragment Dear on Mutation { a0: taskCreate(input: $input) { task { comments(first: 100) "
    dear += "{ nodes { replies(first: 100) { nodes { id } } } } } } }"

    answer = await person.run(f"{create} {dear}", {"input": title})

    assert (answer.status, answer.code) == (400, "COST_TOO_HIGH")
    assert "data" not in answer.body
    assert await sql.fetchval(tasks, person.project_id) == 0


def test_the_deepest_operation_that_a_setting_allows_has_a_cost() -> None:
    schema = build_schema()._schema
    levels = "subtasks(first: $n) { nodes { " * 24
    document = parse(f"query ($n: Int) {{ tasks(first: $n) {{ nodes {{ {levels} id {'}} ' * 25} }}")
    operation = get_operation_ast(document)
    assert operation is not None

    assert cost_of(schema, document, operation).of({"n": 1}) > 50
