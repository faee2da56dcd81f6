"""Sorting and paging of tasks, forward and backward, against an oracle in plain Python over plain rows."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.board import Board
from tests.harness.client import Json
from tests.harness.oracle import Oracle
from tests.harness.people import Person

PAGE = """
query ($workspaceId: ID, $sort: [TaskSort!], $first: Int, $after: String, $last: Int, $before: String,
       $filter: TaskFilter) {
  tasks(workspaceId: $workspaceId, sort: $sort, filter: $filter,
        first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
SORT_FIELDS = '{ __type(name: "TaskSortField") { enumValues { name } } }'
FIELDS = ("CREATED_AT", "UPDATED_AT", "DUE_DATE", "PRIORITY", "NUMBER", "RANK")
Sort = list[dict[str, str]]

sorts = st.lists(
    st.fixed_dictionaries(
        {"field": st.sampled_from(FIELDS)},
        optional={"direction": st.sampled_from(["ASC", "DESC"]), "nulls": st.sampled_from(["FIRST", "LAST"])},
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda key: key["field"],
)


async def walk(person: Person, size: int, *, backward: bool = False, **variables: Any) -> list[list[str]]:
    """All pages, each checked by itself, in the order in which they came."""
    pages: list[list[str]] = []
    cursor: str | None = None
    names = ("last", "before") if backward else ("first", "after")
    while True:
        page = await _page(person, **{names[0]: size, names[1]: cursor}, **variables)
        ids = [node["id"] for node in page["nodes"]]
        info = page["pageInfo"]
        cursors = [edge["cursor"] for edge in page["edges"]]
        assert [edge["node"]["id"] for edge in page["edges"]] == ids
        assert (info["startCursor"], info["endCursor"]) == (
            (cursors[0], cursors[-1]) if cursors else (None, None)
        )
        assert info["hasPreviousPage" if not backward else "hasNextPage"] is (cursor is not None)
        assert not set(ids) & set(flat(pages)), "a page repeats what another has shown"
        pages.append(ids)
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return pages
        assert len(ids) == size
        cursor = cursors[0] if backward else cursors[-1]


def flat(pages: Sequence[list[str]]) -> list[str]:
    return [task_id for page in pages for task_id in page]


async def _page(person: Person, **variables: Any) -> Json:
    answer = await person.run(PAGE, {name: value for name, value in variables.items() if value is not None})
    page: Json = answer.data["tasks"]
    return page


async def test_the_sort_fields_are_those_tested_here(person: Person) -> None:
    values = (await person.run(SORT_FIELDS)).data["__type"]["enumValues"]
    assert {value["name"] for value in values} == set(FIELDS)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(sort=sorts, size=st.integers(3, 40))
async def test_any_sort_pages_both_ways(board: Board, sort: Sort, size: int) -> None:
    expected = Oracle(board).tasks(sort=sort)
    forward = await walk(board.owner, size, workspaceId=board.workspace_id, sort=sort)
    assert flat(forward) == expected
    backward = await walk(board.owner, size, backward=True, workspaceId=board.workspace_id, sort=sort)
    assert flat(backward[::-1]) == expected


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("nulls", ["FIRST", "LAST"])
@pytest.mark.parametrize("second", ["PRIORITY", None])
async def test_a_page_can_end_among_nulls_and_ties(
    board: Board, direction: str, nulls: str, second: str | None
) -> None:
    sort = [{"field": "DUE_DATE", "direction": direction, "nulls": nulls}]
    sort += [{"field": second, "direction": "ASC"}] if second else []
    expected = Oracle(board).tasks(sort=sort)
    for backward in (False, True):
        pages = await walk(board.owner, 1, backward=backward, workspaceId=board.workspace_id, sort=sort)
        assert flat(pages) == (expected[::-1] if backward else expected)


async def test_newest_first_is_the_order_when_none_is_given(board: Board) -> None:
    expected = Oracle(board).tasks(sort=[{"field": "CREATED_AT", "direction": "DESC"}])
    assert flat(await walk(board.owner, 10, workspaceId=board.workspace_id)) == expected


async def test_without_a_size_a_page_has_50(person: Person, sql: asyncpg.Pool) -> None:
    await fill(sql, person, 51)
    forward, backward = await _page(person), await _page(person, before=await _last_cursor(person))
    assert (len(forward["nodes"]), forward["pageInfo"]["hasNextPage"]) == (50, True)
    assert (len(backward["nodes"]), backward["pageInfo"]["hasPreviousPage"]) == (50, False)
    assert len((await _page(person, first=100))["nodes"]) == 51


async def test_an_empty_list(person: Person) -> None:
    assert await _page(person) == {
        "edges": [],
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("field", ["CREATED_AT", "DUE_DATE", "RANK", "PRIORITY"])
async def test_pages_do_not_shift(person: Person, field: str, backward: bool) -> None:
    """While somebody pages, tasks come in everywhere and some go: what stays is seen exactly once."""
    ids = [await _varied_task(person, number) for number in range(12)]
    seen: list[str] = []
    cursor: str | None = None
    size, position = ("last", "before") if backward else ("first", "after")
    while True:
        page = await _page(person, sort=[{"field": field}], **{size: 3, position: cursor})
        seen += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasPreviousPage" if backward else "hasNextPage"] or len(seen) > 100:
            break
        cursor = page["pageInfo"]["startCursor" if backward else "endCursor"]
        if len(seen) < 10:
            for number in range(3):
                await _varied_task(person, number)
        # The very task that the cursor came from goes away, too.
        await person.create(DELETE, {"id": seen[-1 if not backward else -3]})
    assert sorted(task_id for task_id in seen if task_id in ids) == sorted(ids)
    assert len(set(seen)) == len(seen)


DELETE = "mutation ($id: ID!) { taskDelete(id: $id) { userErrors { message } } }"


async def _varied_task(person: Person, number: int) -> str:
    priority = ("NONE", "HIGH", "LOW")[number % 3]
    due = None if number % 4 == 0 else f"2026-05-{10 + number:02}"
    return str((await person.task(priority=priority, dueDate=due))["id"])


async def _last_cursor(person: Person) -> str:
    return str((await _page(person, last=1))["pageInfo"]["endCursor"])


TOTAL = """
query ($workspaceId: ID, $filter: TaskFilter) {
  tasks(workspaceId: $workspaceId, filter: $filter, first: 1) { totalCount totalCountCapped } }"""


@pytest.mark.parametrize(
    ("rows", "counted", "capped"), [(0, 0, False), (9_999, 9_999, False), (10_000, 10_000, False)]
)
async def test_total_count_is_exact_to_ten_thousand(
    person: Person, sql: asyncpg.Pool, rows: int, counted: int, capped: bool
) -> None:
    await fill(sql, person, rows)
    answer = await person.run(TOTAL, {"workspaceId": person.workspace_id})
    assert answer.data["tasks"] == {"totalCount": counted, "totalCountCapped": capped}


async def test_total_count_is_capped_above_that(person: Person, sql: asyncpg.Pool) -> None:
    await fill(sql, person, 10_001)
    answer = await person.run(TOTAL, {"workspaceId": person.workspace_id})
    assert answer.data["tasks"] == {"totalCount": 10_000, "totalCountCapped": True}
    answer = await person.run(TOTAL, {"filter": {"number": {"lte": 7}}})
    assert answer.data["tasks"] == {"totalCount": 7, "totalCountCapped": False}


async def test_total_count_costs_only_who_selects_it(person: Person) -> None:
    without = await person.run("{ tasks(first: 1) { nodes { id } } }")
    with_count = await person.run("{ tasks(first: 1) { nodes { id } totalCount totalCountCapped } }")
    assert with_count.statements == [*without.statements, "Query.tasks.totalCount"]


async def fill(sql: asyncpg.Pool, person: Person, rows: int) -> None:
    """Puts tasks straight into the table: many, and quickly."""
    await sql.execute(
        """
        INSERT INTO tasks
          (id, workspace_id, project_id, number, title, status_id, rank, created_at, updated_at)
        SELECT gen_random_uuid(), project.workspace_id, project.id, number, 'Task ' || number,
               (SELECT id FROM statuses WHERE project_id = project.id ORDER BY position LIMIT 1),
               to_char(number, 'FM000000'), now(), now()
        FROM projects project, generate_series(1, $2::int) number WHERE project.id = $1
        """,
        person.project_id,
        rows,
    )
