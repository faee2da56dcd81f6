"""One object by its id or by the name people use; the same by node and nodes."""

import asyncio

import asyncpg

from tests.harness.people import Person, unique, unique_key
from tests.harness.refusals import refused
from tests.harness.world import make_world

TASK = """
query ($id: ID, $identifier: String, $workspaceId: ID) {
  task(id: $id, identifier: $identifier, workspaceId: $workspaceId) {
    id identifier number project { id key }
  }
}"""
PROJECT = """
query ($id: ID, $key: String, $workspaceId: ID) {
  project(id: $id, key: $key, workspaceId: $workspaceId) { id key }
}"""
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
NODE_TYPES = '{ __type(name: "Node") { possibleTypes { name } } }'


async def test_viewer_is_who_signed_in(person: Person) -> None:
    document = "{ viewer { id email name timezone avatarUrl createdAt updatedAt } }"
    viewer = (await person.run(document)).data["viewer"]
    assert (viewer["id"], viewer["email"], viewer["name"]) == (person.id, person.email, "Robin")
    assert (viewer["timezone"], viewer["avatarUrl"]) == ("UTC", None)
    assert viewer["createdAt"].endswith("Z")


async def test_viewer_is_null_without_a_token(person: Person) -> None:
    assert (await person.api.run("{ viewer { id } }")).data == {"viewer": None}


async def test_the_rest_needs_a_token(person: Person) -> None:
    for field in (
        'node(id: "x") { id }',
        'nodes(ids: ["x"]) { id }',
        "workspaces { totalCount }",
        'workspace(id: "x") { id }',
        "projects { totalCount }",
        'project(id: "x") { id }',
        "tasks { totalCount }",
        'task(id: "x") { id }',
        'changes(workspaceId: "x", after: 0) { seq }',
    ):
        error = refused(await person.api.run(f"{{ {field} }}"), "UNAUTHENTICATED")
        assert error["message"] == "Sign in to do this."


async def test_signing_up_makes_a_workspace_with_a_project(person: Person) -> None:
    answer = await person.run(
        """{
          workspaces { nodes { id slug name role syncSeq syncEpoch members { nodes { user { id } role } }
            projects { nodes { id key name statuses { nodes { name type position color } } } } } }
        }"""
    )
    [workspace] = answer.data["workspaces"]["nodes"]
    assert workspace["id"] == person.workspace_id
    assert workspace["role"] == "OWNER"
    assert workspace["members"]["nodes"] == [{"user": {"id": person.id}, "role": "OWNER"}]
    [project] = workspace["projects"]["nodes"]
    statuses = project["statuses"]["nodes"]
    assert [(status["name"], status["type"]) for status in statuses] == [
        ("Backlog", "BACKLOG"),
        ("Todo", "UNSTARTED"),
        ("In Progress", "STARTED"),
        ("In Review", "STARTED"),
        ("Done", "COMPLETED"),
        ("Canceled", "CANCELED"),
    ]
    assert [status["position"] for status in statuses] == sorted(status["position"] for status in statuses)
    assert int(workspace["syncSeq"]) > 0


async def test_a_workspace_by_id_and_by_slug(person: Person) -> None:
    workspace = await person.workspace()
    by_id = await person.run("query ($id: ID) { workspace(id: $id) { id slug } }", {"id": workspace["id"]})
    by_slug = await person.run(
        "query ($slug: String) { workspace(slug: $slug) { id slug } }", {"slug": workspace["slug"]}
    )
    assert by_id.data == by_slug.data == {"workspace": {"id": workspace["id"], "slug": workspace["slug"]}}


async def test_a_task_by_id_and_by_identifier(person: Person) -> None:
    task = await person.task()
    found = [
        await person.run(TASK, {"id": task["id"]}),
        await person.run(TASK, {"identifier": task["identifier"]}),
        await person.run(TASK, {"identifier": task["identifier"], "workspaceId": person.workspace_id}),
    ]
    assert [answer.data["task"]["id"] for answer in found] == [task["id"]] * 3
    key, number = task["identifier"].split("-")
    assert found[0].data["task"]["project"]["key"] == key
    assert (int(number), task["number"]) == (1, 1)


async def test_identifiers_are_exact(person: Person) -> None:
    task = await person.task()
    key = task["identifier"].partition("-")[0]
    for identifier in (
        f"{key}-01",
        f"{key}-2",
        f"{key}1",
        f"{key}-",
        f"-{task['number']}",
        f"{key}-1 ",
        "Z-1",
    ):
        assert (await person.run(TASK, {"identifier": identifier})).data == {"task": None}, identifier
    assert (await person.run(TASK, {"identifier": f"{key}-9999999999"})).data == {"task": None}


async def test_a_key_that_two_workspaces_use_needs_the_workspace(person: Person) -> None:
    key = unique_key()
    spaces = [await person.workspace(slug=unique("twin")) for _ in range(2)]
    projects = [await person.project(space["id"], key=key) for space in spaces]
    tasks = [await person.task(project_id=project["id"]) for project in projects]
    assert tasks[0]["identifier"] == tasks[1]["identifier"] == f"{key}-1"

    refused(await person.run(TASK, {"identifier": f"{key}-1"}), "AMBIGUOUS_IDENTIFIER", says=["workspaceId"])
    refused(await person.run(PROJECT, {"key": key}), "AMBIGUOUS_IDENTIFIER", says=["workspaceId"])
    for space, project, task in zip(spaces, projects, tasks, strict=True):
        named = {"workspaceId": space["id"]}
        by_identifier = await person.run(TASK, {"identifier": f"{key}-1", **named})
        by_key = await person.run(PROJECT, {"key": key, **named})
        assert by_identifier.data["task"]["id"] == task["id"]
        assert by_key.data["project"]["id"] == project["id"]


async def test_a_strangers_key_makes_nothing_ambiguous(person: Person, stranger: Person) -> None:
    key = unique_key()
    mine = await person.project(key=key)
    theirs = await stranger.project(key=key)
    await stranger.task(project_id=theirs["id"])
    assert (await person.run(PROJECT, {"key": key})).data["project"]["id"] == mine["id"]
    assert (await person.run(TASK, {"identifier": f"{key}-1"})).data == {"task": None}


async def test_archived_and_trashed_tasks_are_found_by_name(person: Person) -> None:
    for verb in ("taskArchive", "taskDelete"):
        task = await person.task()
        await person.create(f"mutation ($id: ID!) {{ {verb}(id: $id) {{ userErrors {{ message }} }} }}", task)
        for variables in ({"id": task["id"]}, {"identifier": task["identifier"]}):
            assert (await person.run(TASK, variables)).data["task"]["id"] == task["id"]
        assert (await person.run(NODE, {"id": task["id"]})).data["node"]["id"] == task["id"]


async def test_node_finds_every_type(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    world = await make_world(person, stranger)
    ids = {name: ids[0] for name, ids in (await world.ids(sql)).items()}
    ids["Session"] = await sql.fetchval("SELECT id::text FROM sessions WHERE user_id = $1", person.id)
    types = (await person.run(NODE_TYPES)).data["__type"]["possibleTypes"]
    assert set(ids) == {one["name"] for one in types}

    expected = [{"__typename": name, "id": one} for name, one in ids.items()]
    single = await asyncio.gather(*(person.run(NODE, {"id": one}) for one in ids.values()))
    assert [answer.data["node"] for answer in single] == expected
    several = await person.run(NODES, {"ids": list(ids.values())})
    assert several.data["nodes"] == expected


async def test_nodes_answer_in_order_and_repeat(person: Person) -> None:
    ids = [(await person.task())["id"] for _ in range(3)]
    asked = [ids[2], ids[0], person.id, ids[2], "x", ids[1]]
    nodes = (await person.run(NODES, {"ids": asked})).data["nodes"]
    assert [node and node["id"] for node in nodes] == [*asked[:4], None, ids[1]]
    assert (await person.run(NODES, {"ids": []})).data == {"nodes": []}
