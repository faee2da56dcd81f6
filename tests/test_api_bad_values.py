"""Values in filters, sorts and inputs that are outside what they may be."""

import re

import asyncpg
import pytest

from tests.harness.people import Person
from tests.harness.refusals import assert_civil, refused


@pytest.mark.parametrize("literal", ['"TODAY"', '"URGENT"', "SOON", "5", "true", "null"])
async def test_a_bad_enum_value(reader: Person, literal: str) -> None:
    answer = await reader.run(
        f"{{ tasks(filter: {{ priority: {{ eq: {literal} }} }}) {{ nodes {{ id }} }} }}"
    )
    assert_civil(answer)
    assert any(re.search("priority|TaskPriority", error["message"]) for error in answer.errors), answer.errors


@pytest.mark.parametrize("value", ["SOON", "urgent", "", "\0", 5, True, ["SOON"], {"eq": "URGENT"}])
async def test_a_bad_enum_value_in_a_variable(reader: Person, value: object) -> None:
    answer = await reader.run(
        "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }",
        {"filter": {"priority": {"eq": value}}},
    )
    assert_civil(answer)
    assert ".priority.eq" in answer.error["message"]


@pytest.mark.parametrize(
    "day",
    [
        *("2026-02-30", "2026-13-01", "0000-01-01", "10000-01-01", "-0001-01-01", "infinity", "today", ""),
        *("2026-1-1", "20260101", "2026-01-01T00:00:00Z", "2026-W01-1", "\uff12026-01-01", "2026-01-01\0"),
        *(20260101, True),
    ],
)
async def test_a_day_that_no_calendar_has(reader: Person, day: object) -> None:
    answer = await reader.run(
        "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }",
        {"filter": {"dueDate": {"lt": day}}},
    )
    assert_civil(answer)
    assert ".dueDate.lt" in answer.error["message"]
    assert "9999" in answer.error["message"]


@pytest.mark.parametrize(
    "moment",
    [
        *("2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z"),
        *("0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"),
        *("2026-01-01", "2026-01-01T00:00:00", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+99:00"),
        *("infinity", "now", "", "2026-01-01T00:00:00Z\0", 0, 1.5e300),
    ],
)
async def test_a_moment_out_of_range(reader: Person, moment: object) -> None:
    answer = await reader.run(
        "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }",
        {"filter": {"createdAt": {"lt": moment}}},
    )
    assert_civil(answer)
    assert ".createdAt.lt" in answer.error["message"]


@pytest.mark.parametrize(
    "filter",
    [
        {"title": {"eq": "a\0b"}},
        {"title": {"contains": "\0"}},
        {"title": {"in": ["fine", "\0"]}},
        {"labels": {"some": {"name": {"eq": "\0"}}}},
        {"project": {"key": {"neq": "\0"}}},
        {"not": {"and": [{"title": {"nin": ["\0"]}}]}},
    ],
)
async def test_a_null_byte_in_a_filter_is_named(reader: Person, filter: object) -> None:
    answer = await reader.run(
        "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }", {"filter": filter}
    )
    refused(answer, "BAD_USER_INPUT", "filter", says=["filter."])


async def test_a_filter_is_bounded(reader: Person) -> None:
    deep: dict[str, object] = {}
    for _ in range(30):
        deep = {"not": deep}
    wide = {"or": [{"number": {"eq": number}} for number in range(200)]}
    long = {"number": {"in": list(range(4_000))}}
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }"
    for wanted, limit in ((deep, "8"), (wide, "100"), (long, "500")):
        refused(await reader.run(document, {"filter": wanted}), "BAD_USER_INPUT", "filter", says=[limit])


@pytest.mark.parametrize("operator", ["eq", "neq", "in", "nin", "contains", "isNull"])
async def test_a_comparison_with_null_is_refused(reader: Person, operator: str) -> None:
    answer = await reader.run(
        "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }",
        {"filter": {"title": {operator: None}}},
    )
    assert_civil(answer)
    assert f"title.{operator}" in answer.error["message"]


@pytest.mark.parametrize("field", ["number", "estimate"])
@pytest.mark.parametrize("literal", ["1e400", "-1e400", "99999999999999999999", '"NaN"', '"Infinity"'])
async def test_a_number_out_of_range(reader: Person, field: str, literal: str) -> None:
    answer = await reader.run(f"{{ tasks(filter: {{ {field}: {{ eq: {literal} }} }}) {{ nodes {{ id }} }} }}")
    assert_civil(answer)
    # The grammar knows 1e400 as a Float: a number that no estimate reaches.
    if field == "number" or literal.startswith('"'):
        assert answer.errors


async def test_a_sort_has_at_most_two_keys(reader: Person) -> None:
    document = "query ($sort: [TaskSort!]) { tasks(sort: $sort) { nodes { id } } }"
    keys = [{"field": field, "direction": "ASC"} for field in ("CREATED_AT", "PRIORITY", "DUE_DATE")]
    refused(await reader.run(document, {"sort": keys}), "BAD_USER_INPUT", "sort", says=["2"])
    assert_civil(await reader.run(document, {"sort": [{"field": "PASSWORD", "direction": "ASC"}]}))


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "1900-01-01", "9999-12-30", "9999-12-31"])
async def test_the_ends_of_the_calendar(person: Person, day: str) -> None:
    """The drivers take the first and the last day for infinity."""
    answer = await person.run(
        """mutation ($input: TaskCreateInput!) {
          taskCreate(input: $input) { task { dueDate } userErrors { code field message } } }""",
        {"input": {"projectId": person.project_id, "title": "Some day", "dueDate": day}},
    )
    assert_civil(answer)
    payload = answer.data["taskCreate"]
    if payload["userErrors"]:
        [error] = payload["userErrors"]
        assert (error["code"], error["field"]) == ("INVALID", ["input", "dueDate"])
        assert day not in ("1900-01-01", "9999-12-30")
        return
    assert payload["task"] == {"dueDate": day}
    found = await person.run(
        "query ($day: Date) { tasks(filter: { dueDate: { eq: $day } }) { totalCount } }", {"day": day}
    )
    assert found.data == {"tasks": {"totalCount": 1}}


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_a_filter_reaches_the_ends_of_the_calendar(person: Person, day: str) -> None:
    await person.task(dueDate="2026-05-17")
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    between = {"dueDate": {"gt": "0001-01-01", "lt": "9999-12-31"}}
    moment = {"createdAt": {"gt": "0001-01-01T00:00:00Z", "lt": "9999-12-31T23:59:59.999999Z"}}
    for wanted, count in (({"dueDate": {"eq": day}}, 0), (between, 1), (moment, 1)):
        assert (await person.run(document, {"filter": wanted})).data == {"tasks": {"totalCount": count}}


async def test_the_first_and_the_last_day_and_moment_are_not_infinity(
    person: Person, sql: asyncpg.Pool
) -> None:
    """What is as late as can be is found by its value, and is not what comes after it."""
    first, last = [(await person.task())["id"] for _ in range(2)]
    put = "UPDATE tasks SET due_date = $2::text::date, created_at = $3::text::timestamptz WHERE id = $1"
    await sql.execute(put, first, "0001-01-01", "0001-01-01T00:00:00Z")
    await sql.execute(put, last, "9999-12-31", "9999-12-31T23:59:59.999999Z")
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }"
    ends = {
        "dueDate": ("0001-01-01", "9999-12-31"),
        "createdAt": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    }
    for field, (least, greatest) in ends.items():
        for comparison, wanted in (
            ({"eq": least}, [first]),
            ({"in": [least, greatest]}, [first, last]),
            ({"lte": least}, [first]),
            ({"gte": greatest}, [last]),
            ({"gt": least}, [last]),
            ({"lt": greatest}, [first]),
            ({"gt": greatest}, []),
        ):
            found = (await person.run(document, {"filter": {field: comparison}})).data["tasks"]["nodes"]
            assert sorted(node["id"] for node in found) == sorted(wanted), (field, comparison)


async def test_pages_go_past_the_ends_of_the_calendar(person: Person, sql: asyncpg.Pool) -> None:
    ids = [(await person.task())["id"] for _ in range(4)]
    put = "UPDATE tasks SET due_date = $2::text::date, created_at = $3::text::timestamptz WHERE id = $1"
    for id_ in ids[:2]:
        await sql.execute(put, id_, "9999-12-31", "9999-12-31T23:59:59.999999Z")
    await sql.execute(put, ids[2], "0001-01-01", "0001-01-01T00:00:00Z")
    document = """query ($sort: [TaskSort!], $after: String) {
      tasks(sort: $sort, first: 1, after: $after) { nodes { id } pageInfo { endCursor hasNextPage } } }"""
    for field in ("DUE_DATE", "CREATED_AT"):
        for direction in ("ASC", "DESC"):
            seen, after, more = [], None, True
            while more:
                variables = {"sort": [{"field": field, "direction": direction}], "after": after}
                page = (await person.run(document, variables)).data["tasks"]
                seen += [node["id"] for node in page["nodes"]]
                after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
                assert len(seen) <= len(ids)
            assert sorted(seen) == sorted(ids), (field, direction)
