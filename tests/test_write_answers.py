"""A mutation runs once, whoever completes its answer: the engine, or graphql-core where that cannot."""

import asyncpg
import pytest

from tests.harness.client import Answer
from tests.harness.people import Person

# No page is that short: the payload's own error, which graphql-core words.
CREATE = """
mutation ($input: TaskCreateInput!, $validateOnly: Boolean) {
  made: taskCreate(input: $input, validateOnly: $validateOnly) {
    task { title project { name } labels(first: 0) { nodes { id } } } syncSeq userErrors { code }
  }
}"""
TWICE = """
mutation ($input: TaskCreateInput!) {
  first: taskCreate(input: $input) { task { number } userErrors { code } }
  second: taskCreate(input: $input) { task { number } userErrors { code } }
}"""


async def tasks(sql: asyncpg.Pool, person: Person) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM tasks WHERE workspace_id = $1", person.workspace_id)
    return count


async def create(person: Person, *, validate_only: bool) -> Answer:
    given = {"projectId": person.project_id, "title": "Once"}
    return await person.run(CREATE, {"input": given, "validateOnly": validate_only})


async def test_a_payload_that_fails_leaves_what_was_written(person: Person, sql: asyncpg.Pool) -> None:
    answer = await create(person, validate_only=False)
    assert answer.error["path"] == ["made", "task", "labels"]
    assert answer.error["locations"] == [{"line": 4, "column": 35}]
    assert answer.body["data"]["made"]["task"] is None
    assert int(answer.body["data"]["made"]["syncSeq"]) > 0
    assert answer.statements.count("Task.insert") == answer.statements.count("Event.append") == 1
    assert await tasks(sql, person) == 1


async def test_a_payload_that_fails_is_taken_back_with_validate_only(
    person: Person, sql: asyncpg.Pool
) -> None:
    answer = await create(person, validate_only=True)
    assert answer.error["path"] == ["made", "task", "labels"]
    assert answer.statements[-1] == "Transaction.rollback"
    assert answer.statements.count("Task.insert") == 1
    assert await tasks(sql, person) == 0
    assert (await person.task())["number"] == 1


async def test_an_error_of_the_field_itself_names_it(person: Person, sql: asyncpg.Pool) -> None:
    given = {"projectId": person.project_id, "title": "Once"}
    answer = await person.api.run(CREATE, {"input": given})
    assert answer.code == "UNAUTHENTICATED"
    assert answer.error["path"] == ["made"]
    assert answer.error["locations"] == [{"line": 3, "column": 3}]
    assert answer.body["data"] is None
    assert await tasks(sql, person) == 0


async def test_two_fields_run_in_their_order(person: Person, sql: asyncpg.Pool) -> None:
    answer = await person.run(TWICE, {"input": {"projectId": person.project_id, "title": "Twice"}})
    assert [answer.data[key]["task"]["number"] for key in ("first", "second")] == [1, 2]
    assert await tasks(sql, person) == 2


@pytest.mark.parametrize("given", [{"title": "x"}, {"projectId": "x", "title": 1}, None])
async def test_variables_that_do_not_fit_write_nothing(
    person: Person, sql: asyncpg.Pool, given: object
) -> None:
    answer = await person.run(CREATE, {"input": given})
    assert answer.code == "BAD_USER_INPUT"
    assert "data" not in answer.body
    assert await tasks(sql, person) == 0
