"""What mutations and subscriptions answer goes through the engine: the same as by graphql-core."""

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from graphql import GraphQLObjectType, OperationType, get_named_type, parse

from app.domain.viewer import Viewer, load_viewer
from app.engine import Reads
from app.engine.entities import Row, entity_of_type
from tests.engine.payloads import Compared, compare_payloads
from tests.engine.survey import SEED, World
from tests.engine.tenant_rows import Tenants

PAYLOADS = 12
"""Selections of each mutation's payload."""
EVENTS = 60


def _mutations(tenants: Tenants) -> dict[str, list[str]]:
    """By field, the arguments to run it with as alex: what succeeds, then what users can mend."""
    rows = tenants.rows
    task, other, done = rows["tasks"][1], rows["tasks"][2], rows["tasks"][4]
    space, project = task["workspace_id"], task["project_id"]
    status = next(row for row in rows["statuses"] if row["project_id"] == project and row["position"] == 2)
    label, relation = rows["labels"][0], rows["task_relations"][0]
    members = [row for row in rows["memberships"] if row["workspace_id"] == space]
    member = next(row for row in members if row["role"] == "MEMBER")
    foreign = next(row for row in rows["tasks"] if row["workspace_id"] != space)
    return {
        "taskCreate": [
            f'input: {{projectId: "{project}", title: "New", labelIds: ["{label["id"]}"], priority: HIGH}}',
            f'input: {{projectId: "{project}", title: ""}}',
        ],
        "taskUpdate": [
            f'id: "{task["id"]}", input: {{title: "Changed", dueDate: "2026-07-01", parentId: null}}',
            f'id: "{task["id"]}", input: {{}}, expectedVersion: {task["version"]}',
            f'id: "{foreign["id"]}", input: {{title: "Stolen"}}',
        ],
        "taskMove": [f'id: "{task["id"]}", statusId: "{status["id"]}"'],
        "taskComplete": [f'id: "{task["id"]}"'],
        "taskReopen": [f'id: "{done["id"]}"'],
        "taskArchive": [f'id: "{task["id"]}"'],
        "taskUnarchive": [f'id: "{done["id"]}"'],
        "taskDelete": [f'id: "{task["id"]}"'],
        "taskRestore": [f'id: "{other["id"]}"', 'id: "nonsense"'],
        "labelCreate": [
            f'input: {{name: "fresh", workspaceId: "{space}"}}',
            f'input: {{name: "", workspaceId: "{space}"}}',
        ],
        "commentCreate": [f'input: {{taskId: "{task["id"]}", body: "Said."}}'],
        "taskRelationCreate": [
            f'input: {{taskId: "{task["id"]}", relatedTaskId: "{other["id"]}", type: DUPLICATES}}'
        ],
        "taskRelationDelete": [f'id: "{relation["id"]}"'],
        "projectCreate": [f'input: {{workspaceId: "{space}", key: "NEW", name: "New"}}'],
        "workspaceCreate": [
            'input: {slug: "fresh-one", name: "Fresh"}',
            'input: {slug: "north", name: "Taken"}',
        ],
        "memberAdd": [f'workspaceId: "{space}", email: "zoe@example.com", role: GUEST'],
        "memberRemove": [f'id: "{member["id"]}"'],
        "signOut": ["everywhere: false"],
    }


async def test_payloads_are_the_same(world: World, tell: Callable[[str], None]) -> None:
    """Each mutation validates only: its payload is read from the open transaction, then all is taken back."""
    schema, counts = world.ways.schema._schema, Counter[str]()
    documents = world.documents(SEED)
    assert schema.mutation_type is not None
    mutations = _mutations(world.tenants)
    without = {"signUp", "signIn", "tokenRefresh"}  # nothing to validate: see below
    assert set(mutations) | without == set(schema.mutation_type.fields)
    for name, calls in mutations.items():
        payload = get_named_type(schema.mutation_type.fields[name].type)
        assert isinstance(payload, GraphQLObjectType)
        for number in range(PAYLOADS):
            selection, around = documents.selection(number, payload, OperationType.MUTATION)
            call = f"{name}({calls[number % len(calls)]}, validateOnly: true) {{ {selection} }}"
            text = around.text.replace("{ payload }", f"{{ {call} }}")
            compared = await compare_payloads(
                world.ways, text, around.runs[0][0], world.tenants.viewers["alex"]
            )
            assert compared.difference() is None, f"seed {SEED}\n{text}\n{compared.difference()}"
            _count(counts, compared)
    tell(f"payloads, seed {SEED}: {dict(counts)}")
    assert counts["by the engine"] >= 0.95 * counts["without errors"]
    assert counts["without errors"] >= 0.5 * counts["payloads"]


async def test_what_signing_up_hands_out_is_the_same(world: World) -> None:
    text = """
    mutation ($email: String!) {
      signUp(input: {email: $email, password: "correct horse", name: "Ann"}) {
        user { name email __typename } accessToken refreshToken expiresAt userErrors { code field message }
      }
    }"""
    for email in ("ann@example.com", "ann@example.com", "nonsense"):
        compared = await compare_payloads(world.ways, text, {"email": email}, None)
        assert compared.engine == compared.core is not None


async def test_events_are_the_same(world: World, tell: Callable[[str], None]) -> None:
    """An event's row is read again, with what the subscription selects of it."""
    schema, counts = world.ways.schema._schema, Counter[str]()
    documents, viewer = world.documents(SEED), world.tenants.viewers["alex"]
    assert schema.subscription_type is not None
    type_ = get_named_type(schema.subscription_type.fields["taskUpdated"].type)
    assert isinstance(type_, GraphQLObjectType)
    entity = entity_of_type(type_)
    assert entity is not None
    for number in range(EVENTS):
        selection, around = documents.selection(number, type_, OperationType.SUBSCRIPTION)
        text = around.text.replace("{ payload }", f"{{ taskUpdated {{ {selection} }} }}")
        row = world.tenants.rows["tasks"][number % 20]
        root: Any = await _reads(world).row("Task", entity, row["id"])
        assert isinstance(root, Row)
        compared = await compare_payloads(world.ways, text, around.runs[0][0], viewer, root=root)
        assert compared.difference() is None, f"seed {SEED}\n{text}\n{compared.difference()}"
        _count(counts, compared)
    tell(f"events, seed {SEED}: {dict(counts)}")
    assert counts["by the engine"] >= 0.95 * counts["without errors"]
    assert counts["without errors"] >= 0.5 * counts["payloads"]


def _reads(world: World) -> Reads:
    return world.ways.context(world.tenants.viewers["alex"]).reads


def _count(counts: Counter[str], compared: Compared) -> None:
    counts["payloads"] += 1
    counts["without errors"] += not compared.failed
    counts["by the engine"] += compared.engine is not None and not compared.failed
    for reason in compared.reasons if not compared.failed else ():
        counts[f"left: {reason}"] += 1
    [payload] = (compared.answer["data"] or {"": None}).values()
    counts["nothing to show"] += payload is None


THREE_WRITES = """
mutation ($id: ID!, $parent: ID!) {
  first: taskUpdate(id: $id, input: {title: "One"}) { ...After }
  second: taskUpdate(id: $parent, input: {title: "Two"}) { ...After }
  third: taskComplete(id: $id) { ...After }
}
fragment After on TaskPayload {
  task { title commentCount isBlocked status { name } parent { title } subtasks { nodes { title } }
    subtasksSummary { completed } project { tasks(sort: [{field: NUMBER}]) { nodes { title } } } }
}"""


async def test_each_root_field_reads_what_the_one_before_wrote(world: World) -> None:
    """By graphql-core too: its loaders end with the root field."""
    for by_engine in (True, False):
        check_writes(await write_three_times(world, by_engine=by_engine))


def check_writes(written: dict[str, Any]) -> None:
    """That each of the three answers shows what was written up to then, and nothing older."""
    assert [written[name]["task"]["title"] for name in written] == ["One", "Two", "One"]
    assert [_titles(written[name]["task"]["project"]["tasks"]) for name in written] == [
        ["Above", "One"],
        ["Two", "One"],
        ["Two", "One"],
    ]
    assert written["second"]["task"]["subtasksSummary"] == {"completed": 0}
    assert written["third"]["task"]["parent"] == {"title": "Two"}
    assert written["third"]["task"]["status"] == {"name": "Done"}


async def write_three_times(world: World, *, by_engine: bool) -> dict[str, Any]:
    """Three writes of one document, by a person who has signed up for it."""
    viewer = await _sign_up(world)
    [project] = await _run(world, viewer, "{ projects { nodes { id } } }", {}, by_engine)
    create = """mutation ($project: ID!, $parent: ID) {
      taskCreate(input: {projectId: $project, title: "Above", parentId: $parent}) { task { id } } }"""
    variables = {"project": project["nodes"][0]["id"], "parent": None}
    [above] = await _run(world, viewer, create, variables, by_engine)
    variables["parent"] = above["task"]["id"]
    [below] = await _run(world, viewer, create, variables, by_engine)
    ids = {"id": below["task"]["id"], "parent": above["task"]["id"]}
    first, second, third = await _run(world, viewer, THREE_WRITES, ids, by_engine)
    return {"first": first, "second": second, "third": third}


async def _run(
    world: World, viewer: Viewer, text: str, variables: dict[str, Any], by_engine: bool
) -> list[Any]:
    ways = world.ways
    if by_engine:
        outcome = await ways.by_engine(parse(text), variables, viewer, over_socket=True)
    else:
        outcome = await ways.by_core(parse(text), variables, viewer)
    assert "errors" not in outcome.json, outcome.json
    return list(outcome.json["data"].values())


async def _sign_up(world: World) -> Viewer:
    text = """
    mutation ($email: String!) {
      signUp(input: {email: $email, password: "correct horse", name: "Ann"}) {
        user { id } userErrors { message }
      }
    }"""
    email = f"{secrets.token_hex(8)}@example.com"
    outcome = await world.ways.by_core(parse(text), {"email": email}, None)
    user_id = UUID(outcome.json["data"]["signUp"]["user"]["id"])
    read = world.ways.services.database.fetch
    [session] = await read("Test.session", 'SELECT "id" FROM "sessions" WHERE "user_id" = $1', [user_id])
    viewer = await load_viewer(read, user_id, session["id"])
    assert viewer is not None
    return viewer


def _titles(connection: Any) -> list[str]:
    return [task["title"] for task in connection["nodes"]]
