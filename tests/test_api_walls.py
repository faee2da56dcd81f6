"""Tenant walls where no id is an argument: names, cursors, shared colleagues, former members, stray rows."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.harness.client import Api, Json
from tests.harness.people import Person, sign_up
from tests.harness.world import World, make_world


@pytest.fixture(scope="module")
async def world(api: Api) -> World:
    """Read it, do not write to it."""
    return await make_world(await sign_up(api), await sign_up(api))


@pytest.fixture(scope="module")
async def outsider(world: World) -> Person:
    """Has tasks of their own, so that empty lists would not come from having nothing at all."""
    outsider = await sign_up(world.owner.api)
    await outsider.task("Mine", assigneeId=outsider.id)
    return outsider


async def test_names_of_others_are_unknown(world: World, outsider: Person) -> None:
    answer = await outsider.run(
        """query ($slug: String, $key: String, $identifier: String) {
          workspace(slug: $slug) { id } project(key: $key) { id } task(identifier: $identifier) { id } }""",
        {
            "slug": world.workspace["slug"],
            "key": world.project["key"],
            "identifier": world.task["identifier"],
        },
    )
    assert answer.data == {"workspace": None, "project": None, "task": None}


async def test_a_cursor_of_others_opens_nothing(world: World, outsider: Person) -> None:
    """A cursor is a place in an order, not a right."""
    page = (
        "query ($after: String) { tasks(first: 2, after: $after) { nodes { title } pageInfo { endCursor } } }"
    )
    cursor = (await world.owner.run(page)).data["tasks"]["pageInfo"]["endCursor"]
    nodes = (await outsider.run(page, {"after": cursor})).data["tasks"]["nodes"]
    assert {node["title"] for node in nodes} <= {"Mine"}


async def test_a_shared_colleague_shows_no_other_workspace(
    person: Person, stranger: Person, sign_up: Callable[[], Awaitable[Person]]
) -> None:
    """Two tenants with one member in common: each sees the person, neither sees the other's things."""
    world, outsider = await make_world(person, stranger), await sign_up()
    await outsider.add_member(world.member)
    assert await _node(outsider, world.member.id) == {"__typename": "User", "id": world.member.id}
    for hidden in (world.workspace["id"], world.task["id"], world.owner.id, world.comment_id):
        assert await _node(outsider, hidden) is None
    both = await world.member.run("{ workspaces { totalCount } }")
    assert both.data["workspaces"]["totalCount"] == 3


async def test_who_was_removed_sees_nothing_at_once(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    world = await make_world(person, stranger)
    members = await world.owner.run(
        "query ($id: ID!) { workspace(id: $id) { members { nodes { id user { id } } } } }",
        {"id": world.workspace["id"]},
    )
    [membership_id] = [
        member["id"]
        for member in members.data["workspace"]["members"]["nodes"]
        if member["user"]["id"] == world.member.id
    ]
    assert await _node(world.member, world.task["id"])
    remove = "mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code message } } }"
    await world.owner.create(remove, {"id": membership_id})
    found = await world.ids(sql)
    for ids in (ids for type_name, ids in found.items() if type_name != "User"):
        assert await _node(world.member, ids[0]) is None
    # Who stays still sees who left: they are the author of what they wrote.
    assert await _node(world.owner, world.member.id) == {"__typename": "User", "id": world.member.id}


async def _node(person: Person, node_id: str) -> Json | None:
    answer = await person.run("query ($id: ID!) { node(id: $id) { __typename id } }", {"id": node_id})
    node: Json | None = answer.data["node"]
    return node


async def test_a_row_that_points_into_another_tenant_leads_nowhere(
    world: World, person: Person, sql: asyncpg.Pool
) -> None:
    """No verb writes such a row; if a fault ever does, each statement still holds the wall by itself."""
    task = await person.task("Mine")
    await sql.execute(
        "UPDATE tasks SET parent_id = $2, assignee_id = $3 WHERE id = $1",
        task["id"],
        world.task["id"],
        world.owner.id,
    )
    await sql.execute(
        "INSERT INTO task_labels (id, workspace_id, task_id, label_id, created_at)"
        " VALUES (gen_random_uuid(), $1, $2, $3, now())",
        person.workspace_id,
        task["id"],
        world.label_id,
    )
    document = """query ($id: ID!, $space: ID!) {
      task(id: $id) { parent { title } assignee { email } labels { totalCount nodes { name } } }
      byLabel: tasks(workspaceId: $space, filter: { labels: { some: {} } }) { totalCount }
      byAssignee: tasks(workspaceId: $space, filter: { assignee: { name: { contains: "" } } }) {
        totalCount
      }
    }"""
    answer = await person.run(document, {"id": task["id"], "space": person.workspace_id})
    assert answer.data == {
        "task": {"parent": None, "assignee": None, "labels": {"totalCount": 0, "nodes": []}},
        "byLabel": {"totalCount": 0},
        "byAssignee": {"totalCount": 0},
    }
    update = """mutation ($id: ID!) {
      taskUpdate(id: $id, input: { title: "Still mine" }) { task { parent { title } assignee { email } } }
    }"""
    payload = (await person.run(update, {"id": task["id"]})).data["taskUpdate"]
    assert payload["task"] == {"parent": None, "assignee": None}
