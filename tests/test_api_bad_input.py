"""Page sizes, cursors, ids and positions that are outside what they may be: refused by name and limit."""

import base64
import json

import pytest

from tests.harness.people import Person
from tests.harness.refusals import BAD_IDS, assert_civil, refused

INT_MAX = 2**31 - 1

LISTS = {
    "tasks": "query ({declared}) {{ tasks({args}) {{ nodes {{ id }} }} }}",
    "projects": "query ({declared}) {{ projects({args}) {{ nodes {{ id }} }} }}",
    "workspaces": "query ({declared}) {{ workspaces({args}) {{ nodes {{ id }} }} }}",
    "Project.tasks": (
        "query ({declared}) {{ projects(first: 1) {{ nodes {{ tasks({args}) {{ nodes {{ id }} }} }} }} }}"
    ),
    "Workspace.members": (
        "query ({declared}) {{ workspaces(first: 1) {{ nodes {{ members({args}) {{ nodes {{ id }} }} }} }} }}"
    ),
}


def _list(field: str, **types: str) -> str:
    declared = ", ".join(f"${argument}: {name}" for argument, name in types.items())
    args = ", ".join(f"{argument}: ${argument}" for argument in types)
    return LISTS[field].format(declared=declared, args=args)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("argument", ["first", "last"])
@pytest.mark.parametrize("size", [0, 101, -1, INT_MAX, -INT_MAX - 1])
async def test_a_page_has_1_to_100_items(reader: Person, name: str, argument: str, size: int) -> None:
    answer = await reader.run(_list(name, **{argument: "Int"}), {argument: size})
    refused(answer, "BAD_USER_INPUT", argument, says=[argument, "1", "100"])


@pytest.mark.parametrize("name", LISTS)
async def test_first_and_last_exclude_each_other(reader: Person, name: str) -> None:
    answer = await reader.run(_list(name, first="Int", last="Int"), {"first": 1, "last": 1})
    refused(answer, "BAD_USER_INPUT", says=["first", "last"])


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(("one", "other"), [("after", "last"), ("before", "first"), ("after", "before")])
async def test_a_cursor_goes_with_its_direction(reader: Person, name: str, one: str, other: str) -> None:
    types = {"first": "Int", "last": "Int", "after": "String", "before": "String"}
    values: dict[str, object] = {"first": 1, "last": 1, "after": "x", "before": "x"}
    document = _list(name, **{one: types[one], other: types[other]})
    answer = await reader.run(document, {one: values[one], other: values[other]})
    refused(answer, "BAD_USER_INPUT", says=[one])


@pytest.mark.parametrize("size", [INT_MAX + 1, "1", 1.5, True, [1]])
async def test_a_page_size_that_is_no_int(reader: Person, size: object) -> None:
    answer = await reader.run(_list("tasks", first="Int"), {"first": size})
    assert_civil(answer)
    assert "first" in answer.error["message"]


async def _cursor(reader: Person, document: str) -> str:
    """The end cursor of a list that has at least one item."""
    answer = await reader.run(document)
    [connection] = answer.data.values()
    return str(connection["pageInfo"]["endCursor"])


async def _mangled(person: Person) -> list[str]:
    await person.task()
    good = await _cursor(person, "{ tasks(first: 1) { pageInfo { endCursor } } }")
    payload = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    return [
        "",
        " ",
        "x",
        "\0",
        "%%%",
        "日本",
        good[:-2],
        good[1:],
        good + "A",
        good + "\n",
        good.swapcase(),
        "A" * 5_000,
        _pack([]),
        _pack(None),
        _pack({}),
        _pack("text"),
        _pack([999, *payload[1:]]),
        _pack([*payload, "more"]),
        _pack(payload[:-1]),
        _pack([*payload[:-1], None]),
        _pack([*payload[:-1], 7]),
        _pack([*payload[:-1], "no id"]),
        _pack([*payload[:-2], "10000-01-01T00:00:00Z", payload[-1]]),
        _pack([*payload[:-2], "0001-01-01T00:00:00+23:59", payload[-1]]),
        _pack([*payload[:-2], "infinity", payload[-1]]),
        _pack([*payload[:-2], "2026-01-01\0", payload[-1]]),
        _pack([*payload[:-2], ["nested"], payload[-1]]),
        base64.urlsafe_b64encode(b"[" * 700 + b"]" * 700).decode(),
    ]


def _pack(payload: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(("size", "cursor_argument"), [("first", "after"), ("last", "before")])
async def test_a_mangled_cursor_is_refused_by_name(person: Person, size: str, cursor_argument: str) -> None:
    document = _list("tasks", **{size: "Int", cursor_argument: "String"})
    for cursor in await _mangled(person):
        answer = await person.run(document, {size: 1, cursor_argument: cursor})
        assert_civil(answer)
        assert answer.errors, f"taken: {cursor!r}"
        refused(answer, "BAD_USER_INPUT", cursor_argument, says=[cursor_argument])


async def test_a_cursor_belongs_to_its_list_and_its_sort(person: Person) -> None:
    await person.task()
    page = "{ pageInfo { endCursor } }"
    cursors = {
        "projects": await _cursor(person, f"{{ projects(first: 1) {page} }}"),
        "workspaces": await _cursor(person, f"{{ workspaces(first: 1) {page} }}"),
        "another sort": await _cursor(
            person, f"{{ tasks(first: 1, sort: [{{ field: PRIORITY, direction: DESC }}]) {page} }}"
        ),
        "the other direction": await _cursor(
            person, f"{{ tasks(first: 1, sort: [{{ field: CREATED_AT, direction: ASC }}]) {page} }}"
        ),
    }
    default = await _cursor(person, f"{{ tasks(first: 1) {page} }}")
    document = _list("tasks", after="String")
    for cursor in set(cursors.values()) - {default}:
        refused(await person.run(document, {"after": cursor}), "BAD_USER_INPUT", "after")
    assert len(set(cursors.values()) - {default}) >= 3


@pytest.mark.parametrize("id", BAD_IDS)
@pytest.mark.parametrize(
    "document",
    [
        "query ($id: ID!) { found: task(id: $id) { id } }",
        "query ($id: ID!) { found: project(id: $id) { id } }",
        "query ($id: ID!) { found: workspace(id: $id) { id } }",
        "query ($id: ID!) { found: node(id: $id) { id } }",
        "query ($id: ID!) { found: task(identifier: $id) { id } }".replace("ID!", "String!"),
        "query ($id: ID!) { found: project(key: $id) { id } }".replace("ID!", "String!"),
        "query ($id: ID!) { found: workspace(slug: $id) { id } }".replace("ID!", "String!"),
        'query ($id: ID!) { found: task(identifier: "A-1", workspaceId: $id) { id } }',
        'query ($id: ID!) { found: project(key: "AB", workspaceId: $id) { id } }',
    ],
)
async def test_an_id_that_names_nothing_finds_null(reader: Person, document: str, id: str) -> None:
    answer = await reader.run(document, {"id": id})
    assert_civil(answer)
    assert answer.data == {"found": None}


async def test_ids_that_name_nothing_leave_holes_in_nodes(person: Person) -> None:
    task = await person.task()
    ids = [*BAD_IDS[:9], task["id"], *BAD_IDS[9:]]
    answer = await person.run("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert answer.data["nodes"] == [{"id": one} if one == task["id"] else None for one in ids]


@pytest.mark.parametrize("count", [101, 1_000, 4_000])
async def test_nodes_takes_a_bounded_number_of_ids(reader: Person, count: int) -> None:
    answer = await reader.run("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * count})
    refused(answer, "BAD_USER_INPUT", "ids", says=["100"])


@pytest.mark.parametrize(
    "document",
    [
        "{ task { id } }",
        "{ project { id } }",
        "{ workspace { id } }",
        '{ task(id: "x", identifier: "A-1") { id } }',
        '{ project(id: "x", key: "AB") { id } }',
        '{ workspace(id: "x", slug: "a") { id } }',
    ],
)
async def test_a_lookup_takes_exactly_one_name(reader: Person, document: str) -> None:
    refused(await reader.run(document), "BAD_USER_INPUT", says=["id"])


@pytest.mark.parametrize(
    "after", ["x", "", "1.5", "-", "99999999999999999999999", "9" * 1_000, 1.5, True, None, [1, 2]]
)
async def test_a_position_that_is_no_bigint(reader: Person, after: object) -> None:
    document = "query ($id: ID!, $after: BigInt!) { changes(workspaceId: $id, after: $after) { __typename } }"
    answer = await reader.run(document, {"id": reader.workspace_id, "after": after})
    assert_civil(answer)
    assert "after" in answer.error["message"]


async def test_a_position_before_the_log(reader: Person) -> None:
    document = "query ($id: ID!, $after: BigInt!) { changes(workspaceId: $id, after: $after) { __typename } }"
    answer = await reader.run(document, {"id": reader.workspace_id, "after": "-1"})
    refused(answer, "BAD_USER_INPUT", "after", says=["0"])


@pytest.mark.parametrize("first", [0, -1, 1_001, INT_MAX])
async def test_changes_come_1_to_1000_at_a_time(reader: Person, first: int) -> None:
    document = """query ($id: ID!, $first: Int) {
      changes(workspaceId: $id, after: "0", first: $first) { __typename } }"""
    answer = await reader.run(document, {"id": reader.workspace_id, "first": first})
    refused(answer, "BAD_USER_INPUT", "first", says=["1", "1000"])
