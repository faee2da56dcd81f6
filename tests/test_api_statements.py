"""Which SQL statements an answer costs: as many for many rows as for one."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.harness import typical
from tests.harness.client import Answer, Api
from tests.harness.people import Person, sign_up
from tests.harness.server import Server
from tests.harness.world import World, comment, make_world, relate

OF_A_TASK = [
    *("Project.statuses", "Task.labels", "Task.labels.totalCount", "Task.subtasks", "Task.subtasks_summary"),
    *("Task.comments", "Task.comments.totalCount", "Comment.replies", "Task.activity", "Task.blocked_by"),
    *("Task.blocks", "Task.is_blocked", "Task.relations", "Task.inverse_relations"),
]
# Beside the statement that finds the type of an id, and the one that reads the row.
OF_A_NODE = {
    "User": [],
    "Workspace": ["Workspace.sync_seq"],
    "Member": [],
    "Project": [],
    "Status": [],
    "Task": ["Task.labels"],
    "TaskRelation": [],
    "Label": [],
    "Comment": ["Comment.replies"],
    "Event": [],
}
# The first connection under a single row comes with the row's own statement.
RIDING = {"Task.labels", "Comment.replies"}
TYPICAL = {
    "start page": [
        *("Query.viewer", "Query.workspaces", "Workspace.sync_seq", "Workspace.projects"),
        *("Query.tasks", "Task.labels"),
    ],
    "task list": ["Query.tasks", "Task.labels"],
    "count": ["Query.tasks.totalCount"],
    "one task": ["Query.task", *OF_A_TASK[1:]],
    "tasks with everything": ["Query.tasks", *OF_A_TASK],
    "board": ["Query.project", "Status.tasks", "Task.labels", "Task.comments.totalCount"],
    "mixed nodes": [
        "Query.nodes",
        *(f"Query.nodes.{name}" for name in OF_A_NODE),
        *(label for more in OF_A_NODE.values() for label in more),
    ],
    **{
        f"node: {name}": ["Query.node", f"Query.node.{name}", *(set(more) - RIDING)]
        for name, more in OF_A_NODE.items()
    },
}
GROWING = {name for name in TYPICAL if not name.startswith("node") and name != "count"} | {"node: Comment"}


@pytest.fixture(scope="module")
async def few(api: Api) -> World:
    return await make_world(await sign_up(api), await sign_up(api))


@pytest.fixture(scope="module")
async def many(api: Api) -> World:
    world = await make_world(await sign_up(api), await sign_up(api))
    for number in range(12):
        await _grow(world, number)
    return world


@pytest.mark.parametrize("operation", TYPICAL)
async def test_a_typical_operation(few: World, many: World, sql: asyncpg.Pool, operation: str) -> None:
    answers = [await _ask(world, sql, operation) for world in (few, many)]
    for answer in answers:
        assert not answer.errors
        assert sorted(answer.statements) == sorted(TYPICAL[operation])
        assert answer.extensions["sqlQueries"] == len(answer.statements)
        assert answer.extensions["dbMs"] >= 0
    if operation in GROWING:
        assert len(str(answers[1].data)) > 1.5 * len(str(answers[0].data))


async def test_production_keeps_it_to_itself(
    start_server: Callable[..., Awaitable[Server]], api_of: Callable[[Server], Api], person: Person
) -> None:
    production = await start_server(NODE_ENV="production")
    answer = await person.run(typical.COUNT, api=api_of(production))
    assert "statements" not in answer.extensions
    assert not answer.errors


async def _ask(world: World, sql: asyncpg.Pool, operation: str) -> Answer:
    here = {"workspaceId": world.workspace["id"]}
    ids = await world.ids(sql)
    kind, _, name = operation.partition(": ")
    document, variables = {
        "start page": (typical.START, {"me": world.member.id}),
        "task list": (typical.TASK_LIST, {**here, "first": 50}),
        "count": (typical.COUNT, {}),
        "one task": (typical.ONE_TASK, {"id": world.task["id"]}),
        "tasks with everything": (typical.TASKS_WITH_EVERYTHING, {**here, "first": 50}),
        "board": (typical.BOARD, {"id": world.project["id"]}),
        "mixed nodes": (typical.NODES, {"ids": [id_ for found in ids.values() for id_ in found[:10]]}),
        "node": (typical.NODE, {"id": _one_of(world, ids, name)}),
    }[kind]
    return await world.owner.run(document, variables)


def _one_of(world: World, ids: dict[str, list[str]], name: str) -> str:
    """The one with the most around it."""
    return {"Task": world.task["id"], "Comment": world.comment_id}.get(name) or ids.get(name, [""])[0]


async def _grow(world: World, number: int) -> None:
    """One more task that is like the first one, and more of everything around the first one."""
    owner, project_id = world.owner, world.project["id"]
    more = {"labelIds": [world.label_id], "assigneeId": world.member.id}
    task = await owner.task(f"More {number}", project_id, **more)
    for above in (task, world.task):
        await owner.task("Below", project_id, parentId=above["id"], **more)
        waits = await world.member.task("Waits", project_id)
        await relate(owner, above, waits)
        await relate(owner, waits, above, "RELATES_TO")
        await comment(
            owner, above, "Reply to this.", parentId=await comment(world.member, above, "Something.")
        )
    await comment(owner, world.task, "Another reply.", parentId=world.comment_id)
