"""Lists inside of objects: what they hold, in which order, and that each pages both ways."""

from typing import Any

import asyncpg
import pytest

from tests.harness.client import Json
from tests.harness.people import Person, sign_up
from tests.harness.world import World, comment, make_world, relate

CONNECTIONS = """
{ __schema { types { name kind fields { name type { name ofType { name } } } } } }"""
DETAIL = """
query ($id: ID!) {
  task(id: $id) {
    labels { totalCount nodes { id name color workspace { id } project { id } } }
    parent { id }
    subtasks { totalCount nodes { id parent { id } } }
    subtasksSummary { total completed }
    blockedBy { nodes { id } }
    blocks { nodes { id } }
    isBlocked
    relations { nodes { type task { id } relatedTask { id } creator { id } } }
    inverseRelations { nodes { type task { id } relatedTask { id } } }
    comments { nodes { id body author { id } parent { id } task { id } replies { nodes { id } } } }
    commentCount
    activity { nodes {
      seq type actor { id } entityType entityId task { id } changes { field before after }
    } }
    viewerCanUpdate
  }
}"""


@pytest.fixture
async def world(person: Person, stranger: Person) -> World:
    return await make_world(person, stranger)


async def _detail(person: Person, task: Json) -> Json:
    detail: Json = (await person.run(DETAIL, {"id": task["id"]})).data["task"]
    return detail


def ids(connection: Json) -> list[str]:
    return [node["id"] for node in connection["nodes"]]


async def test_labels_by_name(world: World) -> None:
    labels = (await _detail(world.owner, world.task))["labels"]
    assert labels["totalCount"] == 3
    assert sorted(label["name"] for label in labels["nodes"]) == ["Two", "one", "three"]
    assert all(label["workspace"]["id"] == world.workspace["id"] for label in labels["nodes"])
    assert all(label["project"] is None for label in labels["nodes"])


async def test_a_label_of_one_project(world: World) -> None:
    document = """query ($id: ID!, $space: ID!) {
      project(id: $id) { labels { nodes { id project { id } } } }
      workspace(id: $space) { labels { totalCount } } }"""
    data = (await world.owner.run(document, {"id": world.project["id"], "space": world.workspace["id"]})).data
    assert data["project"]["labels"]["nodes"] == [
        {"id": world.project_label_id, "project": {"id": world.project["id"]}}
    ]
    assert data["workspace"]["labels"]["totalCount"] == 4


async def test_subtasks_and_their_summary(world: World) -> None:
    done = await world.owner.task("Done", world.project["id"], parentId=world.task["id"])
    gone = await world.owner.task("Gone", world.project["id"], parentId=world.task["id"])
    await _verb(world.owner, "taskComplete", done)
    await _verb(world.owner, "taskDelete", gone)
    detail = await _detail(world.owner, world.task)
    assert ids(detail["subtasks"]) == [world.subtask["id"], done["id"]]
    assert all(subtask["parent"]["id"] == world.task["id"] for subtask in detail["subtasks"]["nodes"])
    assert detail["subtasksSummary"] == {"total": 2, "completed": 1}
    assert (await _detail(world.owner, world.subtask))["parent"]["id"] == world.task["id"]
    assert (await _detail(world.owner, world.subtask))["subtasksSummary"] == {"total": 0, "completed": 0}


async def test_what_blocks_what(world: World) -> None:
    blocker, blocked = await _detail(world.owner, world.task), await _detail(world.owner, world.blocked)
    assert ids(blocker["blocks"]) == [world.blocked["id"]]
    assert ids(blocker["blockedBy"]) == []
    assert ids(blocked["blockedBy"]) == [world.task["id"]]
    assert (blocker["isBlocked"], blocked["isBlocked"]) == (False, True)
    assert [relation["type"] for relation in blocker["relations"]["nodes"]] == ["BLOCKS", "RELATES_TO"]
    [inverse] = blocked["inverseRelations"]["nodes"]
    assert (inverse["task"]["id"], inverse["relatedTask"]["id"]) == (world.task["id"], world.blocked["id"])


@pytest.mark.parametrize("verb", ["taskComplete", "taskDelete"])
async def test_a_task_waits_no_longer_for_what_is_done_or_gone(world: World, verb: str) -> None:
    await _verb(world.owner, verb, world.task)
    blocked = await _detail(world.owner, world.blocked)
    assert blocked["isBlocked"] is False
    assert ids(blocked["blockedBy"]) == ([world.task["id"]] if verb == "taskComplete" else [])


async def test_relations_to_the_same_task_show_it_once(world: World) -> None:
    await relate(world.owner, world.task, world.blocked, "RELATES_TO")
    assert ids((await _detail(world.owner, world.task))["blocks"]) == [world.blocked["id"]]


async def test_comments_oldest_first_with_their_replies(world: World, sql: asyncpg.Pool) -> None:
    gone = await comment(world.owner, world.task, "Never mind.")
    await sql.execute("UPDATE comments SET deleted_at = now() WHERE id = $1", gone)
    detail = await _detail(world.owner, world.task)
    comments = detail["comments"]["nodes"]
    assert [one["body"] for one in comments] == ["First!", "Second.", "Third."]
    assert [one["author"]["id"] for one in comments] == [world.owner.id, world.member.id, world.member.id]
    assert comments[1]["parent"]["id"] == world.comment_id
    assert ids(comments[0]["replies"]) == [world.reply_id]
    assert comments[0]["task"]["id"] == world.task["id"]
    assert detail["commentCount"] == 3


async def test_activity_is_the_log_of_a_task_newest_first(world: World, sql: asyncpg.Pool) -> None:
    await _verb(world.member, "taskComplete", world.task)
    events = (await _detail(world.owner, world.task))["activity"]["nodes"]
    rows = await sql.fetch("SELECT * FROM events WHERE task_id = $1 ORDER BY seq DESC", world.task["id"])
    assert [(event["seq"], event["type"]) for event in events] == [
        (str(row["seq"]), row["type"]) for row in rows
    ]
    assert [event["actor"]["id"] for event in events] == [str(row["actor_id"]) for row in rows]
    assert events[-1]["type"] == "task.created"
    assert events[0]["actor"]["id"] == world.member.id
    assert {event["task"]["id"] for event in events} == {world.task["id"]}
    assert "comment.created" in {event["type"] for event in events}
    # People by id only.
    assert world.member.email not in str(events)


async def test_a_former_member_stays_an_author(world: World) -> None:
    members = await world.owner.run(
        "query ($id: ID!) { workspace(id: $id) { members { nodes { id user { id } } } } }",
        {"id": world.workspace["id"]},
    )
    [membership] = [
        node
        for node in members.data["workspace"]["members"]["nodes"]
        if node["user"]["id"] == world.member.id
    ]
    await _verb(world.owner, "memberRemove", membership)
    comments = (await _detail(world.owner, world.task))["comments"]["nodes"]
    assert [one["author"]["id"] for one in comments] == [world.owner.id, world.member.id, world.member.id]
    after = await world.owner.run(
        "query ($id: ID!) { workspace(id: $id) { members { totalCount nodes { user { id } } } } }",
        {"id": world.workspace["id"]},
    )
    expected = {"totalCount": 1, "nodes": [{"user": {"id": world.owner.id}}]}
    assert after.data["workspace"]["members"] == expected
    assert (await world.member.run(DETAIL, {"id": world.task["id"]})).data == {"task": None}


async def test_a_guest_reads_and_may_not_update(world: World) -> None:
    guest = await sign_up(world.owner.api)
    await world.owner.add_member(guest, "GUEST", world.workspace["id"])
    detail = await _detail(guest, world.task)
    assert detail["viewerCanUpdate"] is False
    assert detail["commentCount"] == 3
    assert (await _detail(world.member, world.task))["viewerCanUpdate"] is True


async def test_every_connection_pages_both_ways(world: World, sql: asyncpg.Pool) -> None:
    """Of every object of the tenant: pages of one, forward and backward, are the list and its totalCount."""
    connections = await _connections(world.owner)
    objects = await world.ids(sql)
    assert {name for name, _ in connections} <= set(objects)
    longest = dict.fromkeys(connections, 0)
    for type_name, field in connections:
        for object_id in objects[type_name][:6]:
            whole = await _page(world.owner, type_name, field, object_id, "first: 100")
            expected = [edge["node"]["id"] for edge in whole["edges"]]
            assert whole["totalCount"] == len(expected) == len(set(expected))
            longest[type_name, field] = max(longest[type_name, field], len(expected))
            if len(expected) < 30:
                assert await _walk(world.owner, type_name, field, object_id, backward=False) == expected
                assert await _walk(world.owner, type_name, field, object_id, backward=True) == expected[::-1]
    assert not [connection for connection, length in longest.items() if length == 0]


async def _connections(person: Person) -> list[tuple[str, str]]:
    types = (await person.run(CONNECTIONS)).data["__schema"]["types"]
    return [
        (one["name"], field["name"])
        for one in types
        if one["kind"] == "OBJECT" and one["name"] != "Query"
        for field in one["fields"]
        if ((field["type"]["ofType"] or {}).get("name") or "").endswith("Connection")
    ]


async def _walk(person: Person, type_name: str, field: str, object_id: str, *, backward: bool) -> list[str]:
    found: list[str] = []
    arguments = size = "last: 1" if backward else "first: 1"
    while True:
        page = await _page(person, type_name, field, object_id, arguments)
        found += [edge["node"]["id"] for edge in page["edges"]]
        assert len(set(found)) == len(found), "a page repeats what another has shown"
        info = page["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return found
        cursor = info["startCursor"] if backward else info["endCursor"]
        arguments = f'{size}, {"before" if backward else "after"}: "{cursor}"'


async def _page(person: Person, type_name: str, field: str, object_id: str, arguments: str) -> Json:
    document = f"""query ($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ {field}({arguments}) {{
      totalCount edges {{ node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
    }} }} }} }}"""
    page: Json = (await person.run(document, {"id": object_id})).data["node"][field]
    return page


async def test_one_page_size_under_many_parents(world: World) -> None:
    """Each parent has its own page and its own count, also where another has none."""
    document = """query ($id: ID!) { project(id: $id) { tasks(sort: [{ field: NUMBER }]) { nodes {
      labels(first: 2) { totalCount nodes { id } pageInfo { hasNextPage } }
      comments(last: 1) { nodes { body } }
    } } } }"""
    nodes: list[Any] = (await world.owner.run(document, {"id": world.project["id"]})).data["project"][
        "tasks"
    ]["nodes"]
    shapes = [(node["labels"]["totalCount"], len(node["labels"]["nodes"])) for node in nodes]
    assert shapes == [(3, 2), (1, 1), (0, 0), (0, 0)]
    assert [node["labels"]["pageInfo"]["hasNextPage"] for node in nodes] == [True, False, False, False]
    assert [node["comments"]["nodes"] for node in nodes] == [[{"body": "Third."}], [], [], []]


async def _verb(person: Person, verb: str, target: Json) -> None:
    document = f"mutation ($id: ID!) {{ {verb}(id: $id) {{ userErrors {{ code message field }} }} }}"
    await person.create(document, {"id": target["id"]})
