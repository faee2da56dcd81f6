"""Differences that generated documents found, and cases that they meet too seldom."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from graphql import parse

from app import models
from app.engine import Reads, Row
from tests.engine.survey import Case, World, judge, naive_answer
from tests.engine.ways import Outcome

EVERYTHING = "archived: INCLUDE, trashed: INCLUDE"
BY_DUE_DATE = f"tasks({EVERYTHING}, first: $first, after: $after, sort: [{{field: DUE_DATE}}])"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("operator", ["eq", "neq", "lt", "lte", "gt", "gte", "in", "nin"])
async def test_the_first_and_the_last_day_are_days_like_others(world: World, day: str, operator: str) -> None:
    """asyncpg sends them as infinity, which equals no day."""
    value = f'["{day}"]' if operator in ("in", "nin") else f'"{day}"'
    found = await _agree(
        world,
        f"{{ tasks({EVERYTHING}, filter: {{dueDate: {{{operator}: {value}}}}}) {{ nodes {{ dueDate }} }} }}",
    )
    nothing = (operator, day) in (("lt", "0001-01-01"), ("gt", "9999-12-31"))
    assert bool(found.json["data"]["tasks"]["nodes"]) is not nothing


async def test_pages_go_on_after_the_last_day(world: World) -> None:
    text = f"""query ($first: Int, $after: String) {{
      {BY_DUE_DATE} {{ pageInfo {{ hasNextPage endCursor }} nodes {{ id dueDate }} }} }}"""
    seen: list[str] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        answer = await _agree(world, text, {"first": 2, "after": page["endCursor"]}, naive=False)
        page = answer.json["data"]["tasks"]["pageInfo"]
        seen += [task["id"] for task in answer.json["data"]["tasks"]["nodes"]]
    whole = await _agree(world, text, {"first": 100, "after": None})
    assert seen == [task["id"] for task in whole.json["data"]["tasks"]["nodes"]]


async def test_wrong_arguments_below_no_rows_are_no_error(world: World) -> None:
    text = '{ tasks(filter: {title: {eq: "none"}}) { nodes { labels(first: 0) { nodes { id } } } } }'
    answer = await _agree(world, text)
    assert answer.fast
    assert answer.json == {"data": {"tasks": {"nodes": []}}}


async def test_a_null_in_a_non_null_field_goes_up(world: World) -> None:
    """A relation whose other task belongs to another tenant; `relatedTask` may not be null."""
    task = world.tenants.rows["tasks"][2]["id"]
    relations = "relations { nodes { id relatedTask { id } } }"
    text = f'{{ task(id: "{task}") {{ id {relations} }} viewer {{ name }} }}'
    answer = await _agree(world, text)
    assert answer.reasons == ("NullInNonNull",)
    assert answer.json["data"] == {"task": None, "viewer": {"name": "alex"}}
    [error] = answer.json["errors"]
    assert error["path"][:3] == ["task", "relations", "nodes"]
    assert error["path"][4:] == ["relatedTask"]


async def test_a_hidden_row_is_null_where_null_may_be(world: World) -> None:
    answer = await _agree(world, f"{{ tasks({EVERYTHING}, first: 100) {{ nodes {{ parent {{ id }} }} }} }}")
    parents = [task["parent"] for task in answer.json["data"]["tasks"]["nodes"]]
    assert any(parents)
    assert None in parents


@pytest.mark.parametrize(
    "variables",
    [{}, {"on": None}, {"on": True}, {"on": False}, {"on": "true"}],
    ids=["left out", "null", "true", "false", "of another type"],
)
async def test_one_document_with_every_value_of_its_directive(
    world: World, variables: dict[str, Any]
) -> None:
    text = """query ($on: Boolean = true, $first: Int = 2) { tasks(first: $first) {
      totalCount @skip(if: $on) nodes @include(if: $on) { id ... @skip(if: $on) { title } } } }"""
    document = parse(text)
    for given in ({}, variables, {"on": False}, variables, {"on": True}, variables):
        await _agree(world, text, given, document=document)


async def _agree(
    world: World,
    text: str,
    variables: dict[str, Any] | None = None,
    *,
    document: Any = None,
    naive: bool = True,
) -> Outcome:
    case = Case(0, text, document or parse(text), variables or {}, "alex")
    viewer = world.tenants.viewers["alex"]
    by_engine = await world.ways.by_engine(case.document, case.variables, viewer)
    by_core = await world.ways.by_core(case.document, case.variables, viewer)
    assert by_engine.body == by_core.body
    if naive:
        assert judge(by_engine, by_core, naive_answer(world, case)) is None
    return by_engine


async def test_who_is_cancelled_takes_no_other_reader_along(world: World) -> None:
    """graphql-core cancels the siblings of a field that fails; others wait for the same row."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def fetch(label: str, sql: str, args: Sequence[object]) -> list[dict[str, Any]]:
        began.set()
        await go_on.wait()
        return [{"id": "1"}]

    reads = Reads(fetch, None, {"user_id": None, "workspace_ids": []})
    waiting = [asyncio.ensure_future(_read(reads)) for _ in range(2)]
    await began.wait()
    waiting[0].cancel()
    go_on.set()
    row = await waiting[1]
    assert row is not None
    assert row["id"] == "1"


async def _read(reads: Reads) -> Row | None:
    return await reads.get(models.Project, "1")
