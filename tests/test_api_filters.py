"""Which tasks a list holds, against an oracle in plain Python over plain rows."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.board import LABELS, PRIORITIES, TITLES, Board
from tests.harness.oracle import Oracle
from tests.harness.people import Person

STATUS_TYPES = ("BACKLOG", "UNSTARTED", "STARTED", "COMPLETED", "CANCELED")
LIST = """
query ($workspaceId: ID, $filter: TaskFilter, $archived: ArchivedFilter!, $trashed: TrashedFilter!) {
  tasks(workspaceId: $workspaceId, filter: $filter, archived: $archived, trashed: $trashed, first: 100) {
    totalCount
    nodes { id }
  }
}"""
INPUT_FIELDS = """
query ($name: String!) { __type(name: $name) { inputFields { name type { name ofType { name } } } } }"""

Filter = dict[str, Any]
Values = st.SearchStrategy[Any]


@pytest.mark.parametrize(
    ("filter", "sent"),
    [
        ({"or": [{"priority": {"eq": "HIGH"}}] * 100}, None),
        ({"or": [{"priority": {"eq": "HIGH"}}] * 101}, ("101 conditions", "100")),
        ({"or": [{"number": {"gte": 1, "lte": 2}}] * 51}, ("102 conditions", "100")),
        ({"or": [{"labels": {"some": {"name": {"eq": "x"}}}}] * 50}, None),
        ({"or": [{"labels": {"some": {"name": {"eq": "x"}}}}] * 51}, ("102 conditions", "100")),
        ({"or": [{"labels": {"some": {}}}] * 101}, ("101 conditions", "100")),
        ({"and": [{}] * 1_000}, None),
        (7, None),
        (8, ("9 levels", "8")),
        (25, ("26 levels", "8")),
        ({"number": {"in": [1] * 500}}, None),
        ({"number": {"in": [1] * 501}}, ("filter.number lists 501 values", "500")),
    ],
)
async def test_the_limits_of_a_filter(reader: Person, filter: Any, sent: tuple[str, str] | None) -> None:
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    given = _negated(filter) if isinstance(filter, int) else filter
    answer = await reader.run(document, {"filter": given})
    if sent is None:
        assert set(answer.data["tasks"]) == {"totalCount"}
        return
    assert answer.code == "BAD_USER_INPUT"
    assert sent[0] in answer.error["message"]
    assert f"the limit is {sent[1]}. " in answer.error["message"]  # and then the way out


def _negated(times: int) -> Filter:
    return {"not": _negated(times - 1)} if times else {"number": {"eq": 1}}


def operations(board: Board) -> dict[str, Values]:
    """Every path of a filter, down to its operator, with operands that mostly occur in the board."""
    nobody = ["", "x", "0190a000-0000-7000-8000-000000000000"]
    moments = [_iso(task[column]) for task in board.tasks for column in ("created_at", "updated_at")]
    finished = [_iso(task["completed_at"]) for task in board.tasks if task["completed_at"]]
    people = [board.owner, board.colleague]

    def ids(known: Iterable[str]) -> Values:
        return st.sampled_from([*known, *nobody])

    def texts(*known: str) -> Values:
        return st.sampled_from([*known, "a", "O", "%", "_", "\\", "", "e_o"])

    task_ids = ids(str(task["id"]) for task in board.tasks)
    days = st.dates(dt.date(2026, 1, 1), dt.date(2026, 3, 12)).map(str)
    found = {
        **_equality("id", task_ids),
        **_ordered("number", st.integers(0, 30)),
        **_text("title", texts(*TITLES, "page", "LOG", "ü", "✓")),
        **_ordered("priority", st.sampled_from(PRIORITIES), null=False),
        **_ordered("dueDate", days),
        **_ordered("estimate", st.sampled_from([0, 0.5, 1, 2.5, 8, -1, 1e308])),
        **_ordered("createdAt", st.sampled_from(moments)),
        **_ordered("updatedAt", st.sampled_from(moments)),
        **_ordered("startedAt", st.sampled_from([*moments, *finished])),
        **_ordered("completedAt", st.sampled_from(finished)),
        **_equality("project.id", ids(board.project_rows)),
        **_text("project.key", texts("AAA", "BBB")),
        **_text("project.name", texts("Board AAA", "Board BBB")),
        **_equality("status.id", ids(board.statuses)),
        **_text("status.name", texts("Todo", "Done", "In Review")),
        **_equality("status.type", st.sampled_from(STATUS_TYPES), null=False),
        **_equality("parent.id", task_ids),
        "parent.isNull": st.booleans(),
    }
    for person in ("assignee", "creator"):
        found |= _equality(f"{person}.id", ids(one.id for one in people))
        found |= _text(f"{person}.name", texts("Alex", "Sam"))
        found |= _text(f"{person}.email", texts(*(one.email for one in people)))
        found[f"{person}.isNull"] = st.booleans()
    for quantifier in ("some", "none"):
        found |= _equality(f"labels.{quantifier}.id", ids(board.labels.values()))
        found |= _text(f"labels.{quantifier}.name", texts(*LABELS))
    return found


def _equality(path: str, values: Values, *, null: bool = True) -> dict[str, Values]:
    lists = st.lists(values, max_size=4)
    found = {f"{path}.eq": values, f"{path}.neq": values, f"{path}.in": lists, f"{path}.nin": lists}
    return {**found, **({f"{path}.isNull": st.booleans()} if null else {})}


def _ordered(path: str, values: Values, *, null: bool = True) -> dict[str, Values]:
    order = {f"{path}.{operator}": values for operator in ("lt", "lte", "gt", "gte")}
    return {**_equality(path, values, null=null), **order}


def _text(path: str, values: Values) -> dict[str, Values]:
    return {**_equality(path, values), f"{path}.contains": values}


def filters(board: Board) -> st.SearchStrategy[Filter]:
    known = operations(board)
    paths = st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=3, unique=True)
    leaf = paths.flatmap(lambda chosen: st.fixed_dictionaries({path: known[path] for path in chosen})).map(
        _nest
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.fixed_dictionaries({"not": inner}),
            st.fixed_dictionaries({"and": st.lists(inner, max_size=3)}),
            st.fixed_dictionaries({"or": st.lists(inner, max_size=3)}),
            st.tuples(leaf, inner).map(lambda two: {**two[0], "not": two[1]}),
        ),
        max_leaves=4,
    )


def _nest(operands: Mapping[str, Any]) -> Filter:
    """{"title.eq": "x"} → {"title": {"eq": "x"}}"""
    nested: Filter = {}
    for path, operand in operands.items():
        *above, operator = path.split(".")
        inner = nested
        for name in above:
            inner = inner.setdefault(name, {})
        inner[operator] = operand
    return nested


async def _listed(board: Board, filter: Filter, archived: str, trashed: str) -> tuple[set[str], int]:
    answer = await board.owner.run(
        LIST,
        {"workspaceId": board.workspace_id, "filter": filter, "archived": archived, "trashed": trashed},
    )
    tasks = answer.data["tasks"]
    return {task["id"] for task in tasks["nodes"]}, tasks["totalCount"]


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_any_filter_holds_what_the_oracle_holds(board: Board, data: st.DataObject) -> None:
    wanted = data.draw(filters(board), label="filter")
    archived = data.draw(st.sampled_from(["EXCLUDE", "INCLUDE", "ONLY"]), label="archived")
    trashed = data.draw(st.sampled_from(["EXCLUDE", "INCLUDE", "ONLY"]), label="trashed")
    expected = set(Oracle(board).tasks(wanted, archived=archived, trashed=trashed))
    assert await _listed(board, wanted, archived, trashed) == (expected, len(expected))


@pytest.mark.parametrize("archived", ["EXCLUDE", "INCLUDE", "ONLY"])
@pytest.mark.parametrize("trashed", ["EXCLUDE", "INCLUDE", "ONLY"])
async def test_archived_and_trashed(board: Board, archived: str, trashed: str) -> None:
    expected = set(Oracle(board).tasks(archived=archived, trashed=trashed))
    assert expected
    assert await _listed(board, {}, archived, trashed) == (expected, len(expected))


@pytest.mark.parametrize(
    "filter",
    [
        {"title": {"contains": "%"}},
        {"title": {"contains": "done_ok"}},
        {"title": {"contains": "e_o"}},
        {"title": {"contains": "\\"}},
        {"title": {"eq": TITLES[6]}},
        {"title": {"contains": "LOGIN"}},
        {"title": {"contains": "ünïcödé ✓"}},
        {"assignee": {"isNull": True}},
        {"assignee": {"id": {"isNull": False}}},
        {"dueDate": {"neq": "2026-01-01"}},
        {"not": {"dueDate": {"lt": "2026-02-01"}}},
        {"labels": {"none": {}}},
        {"labels": {"some": {"name": {"eq": "bug"}}, "none": {"name": {"eq": "feature"}}}},
        {"status": {"type": {"in": ["STARTED", "COMPLETED"]}}},
        {"priority": {"gte": "HIGH"}},
        {"or": []},
        {"and": []},
        {"not": {}},
        {"id": {"in": []}},
        {"id": {"nin": []}},
    ],
)
async def test_filters_that_people_use_or_get_wrong(board: Board, filter: Filter) -> None:
    expected = set(Oracle(board).tasks(filter))
    assert await _listed(board, filter, "EXCLUDE", "EXCLUDE") == (expected, len(expected))


async def test_every_filter_and_operator_is_tried_here(board: Board) -> None:
    assert await _schema_paths(board, "TaskFilter") == set(operations(board))


async def _schema_paths(board: Board, type_name: str, prefix: str = "") -> set[str]:
    paths: set[str] = set()
    answer = await board.owner.run(INPUT_FIELDS, {"name": type_name})
    for field in answer.data["__type"]["inputFields"]:
        target = field["type"]["name"]
        path = f"{prefix}{field['name']}"
        if field["name"] in ("and", "or", "not"):
            continue
        if target and target.endswith(("Filter", "Comparator")):
            paths |= await _schema_paths(board, target, f"{path}.")
        else:
            paths.add(path)
    return paths


def _iso(moment: dt.datetime) -> str:
    return moment.isoformat()
