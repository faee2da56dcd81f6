"""What PostgreSQL goes through for an operation is in proportion to the answer, however large the tables.

A statement more shows in test_api_statements.py; a table that is scanned, once or for each row of a LATERAL,
shows here.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from bench import dataset
from tests.harness import typical
from tests.harness.explained import Sent, Touched, planned_each_time, recorder, touched
from tests.harness.stores import Stores

SMALL, LARGE = 4_000, 20_000
"""Tasks of the viewer's workspace."""

# Beside the bench's workspace: other tenants, without whom the tables of people, labels and statuses would be
# so small that a scan is right; and subtasks, replies and relations.
MORE = """
INSERT INTO users (id, email, name, password_hash)
SELECT gen_random_uuid(), 'other' || n || '@example.com', 'Other', '!' FROM generate_series(1, 3000) n;
INSERT INTO workspaces (id, slug, name, sync_epoch)
SELECT gen_random_uuid(), 'other' || n, 'Other', gen_random_uuid() FROM generate_series(1, 3000) n;
INSERT INTO memberships (id, workspace_id, user_id, role)
SELECT gen_random_uuid(), w.id, u.id, 'OWNER'
FROM workspaces w JOIN users u ON u.email = w.slug || '@example.com';
INSERT INTO workspace_counters (workspace_id, seq) SELECT id, 0 FROM workspaces WHERE name = 'Other';
INSERT INTO projects (id, workspace_id, key, name)
SELECT gen_random_uuid(), id, 'OTHER', 'Other' FROM workspaces WHERE name = 'Other';
INSERT INTO statuses (id, workspace_id, project_id, name, color, type, position)
SELECT gen_random_uuid(), workspace_id, id, 'Other', '#000000', 'STARTED', 1
FROM projects WHERE name = 'Other';
INSERT INTO labels (id, workspace_id, name, color)
SELECT gen_random_uuid(), id, 'Other', '#000000' FROM workspaces WHERE name = 'Other';
UPDATE tasks SET parent_id = above.id FROM tasks above
WHERE above.project_id = tasks.project_id AND tasks.number % 10 > 0
    AND above.number = tasks.number - tasks.number % 10;
UPDATE comments SET parent_id = first.id
FROM (SELECT DISTINCT ON (task_id) task_id, id FROM comments ORDER BY task_id, created_at, id) first
WHERE first.task_id = comments.task_id AND first.id <> comments.id;
INSERT INTO task_relations (id, workspace_id, task_id, related_task_id, type)
SELECT gen_random_uuid(), one.workspace_id, one.id, other.id, 'BLOCKS'
FROM tasks one JOIN tasks other ON other.project_id = one.project_id AND other.number = one.number + 1;
"""
# The largest project, and a task of it with subtasks.
PICK = """
SELECT project_id::text AS project, id::text AS task, (
    SELECT assignee_id::text FROM tasks WHERE assignee_id IS NOT NULL
    GROUP BY assignee_id ORDER BY count(*), assignee_id LIMIT 1
) AS assignee
FROM tasks WHERE number = 10 AND archived_at IS NULL AND deleted_at IS NULL
ORDER BY (SELECT last_task_number FROM projects WHERE id = project_id) DESC LIMIT 1
"""
# GraphQL's type → where an id of it is found.
IDS = {
    "User": "users WHERE name <> 'Other'",
    "Workspace": "workspaces WHERE slug = 'bench'",
    "Member": "memberships WHERE role = 'ADMIN'",
    "Project": "projects WHERE key = 'PR1'",
    "Status": "statuses WHERE type = 'BACKLOG'",
    "Task": "tasks",
    "TaskRelation": "task_relations",
    "Label": "labels WHERE name <> 'Other'",
    "Comment": "comments",
    "Event": "events",
}
BY_DUE_DATE = {
    f"by due date {direction}, nulls {nulls}": [{"field": "DUE_DATE", "direction": direction, "nulls": nulls}]
    for direction in ("ASC", "DESC")
    for nulls in ("FIRST", "LAST")
}
OPERATIONS = (
    *("tasks of one person", *BY_DUE_DATE, *(f"{name}, deep" for name in BY_DUE_DATE)),
    *("start page", "task list", "deep page", "one task", "tasks with everything", "board", "mixed nodes"),
    *(f"node: {name}" for name in IDS),
)
PLANNED_ONCE = (
    *("task list", "deep page", "one task", "tasks with everything", "board"),
    *("node: Task", "node: Comment", "node: User"),
)
"""For a filter's values PostgreSQL may well make a plan each time."""
HAS_DUE_DATE = {"dueDate": {"isNull": False}}
ROWS, BUFFERS = 30, 20
"""The most for each object of an answer."""
ONCE = 80
"""And for what an operation begins with: who asks, which type an id is of."""


@dataclass(frozen=True)
class Asked:
    objects: int
    """In the answer."""
    sent: list[Sent]


@dataclass(frozen=True)
class Ground:
    connection: asyncpg.Connection
    asked: Mapping[str, Asked]

    async def touched(self, operation: str, *, settled: bool) -> Touched:
        return await touched(self.connection, self.asked[operation].sent, settled=settled)

    def within_bounds(self, operation: str, found: Touched) -> bool:
        objects = self.asked[operation].objects
        return found.rows <= ROWS * objects + ONCE and found.buffers <= BUFFERS * objects + ONCE


@pytest.fixture(scope="module")
async def grounds(stores: Stores) -> AsyncIterator[dict[int, Ground]]:
    async with AsyncExitStack() as stack:
        made = {}
        for tasks in (SMALL, LARGE):
            url = await stores.new_database()
            await dataset.fill(url, tasks)
            connection = await asyncpg.connect(url)
            stack.push_async_callback(connection.close)
            await connection.execute(MORE)
            await connection.execute("VACUUM ANALYZE")
            made[tasks] = Ground(connection, await _ask_all(url, connection))
        yield made


@pytest.mark.parametrize("settled", [False, True], ids=["first", "settled"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_in_proportion_to_the_answer(grounds: dict[int, Ground], operation: str, settled: bool) -> None:
    small, large = grounds[SMALL], grounds[LARGE]
    before, after = [await ground.touched(operation, settled=settled) for ground in (small, large)]
    growth = large.asked[operation].objects / small.asked[operation].objects
    told = f"{before} of {SMALL:,} tasks, {after} of {LARGE:,}; {growth:.2f} times the objects"
    assert large.within_bounds(operation, after), told
    # Five times the rows may well change PostgreSQL's mind about a plan, but not cost five times as much.
    assert after.rows <= 3 * growth * before.rows + ONCE, told
    assert after.buffers <= 3 * growth * before.buffers + ONCE, told


@pytest.mark.parametrize("operation", PLANNED_ONCE)
async def test_planned_once(grounds: dict[int, Ground], operation: str) -> None:
    ground = grounds[LARGE]
    assert await planned_each_time(ground.connection, ground.asked[operation].sent) == []


@pytest.mark.parametrize(
    ("operation", "index"),
    [
        ("task list", "tasks_workspace_created"),
        ("deep page", "tasks_workspace_created"),
        ("board", "tasks_board"),
        ("one task", "comments_task"),
        ("one task", "events_task"),
        ("one task", "tasks_parent"),
    ],
)
async def test_a_missing_index_would_be_noticed(
    grounds: dict[int, Ground], operation: str, index: str
) -> None:
    ground = grounds[LARGE]
    dropping = ground.connection.transaction()
    await dropping.start()
    try:
        await ground.connection.execute(f'DROP INDEX "{index}"')
        found = await ground.touched(operation, settled=False)
    finally:
        await dropping.rollback()
    assert not ground.within_bounds(operation, found)


async def _ask_all(url: str, connection: asyncpg.Connection) -> dict[str, Asked]:
    described = await dataset.describe(url)
    picked = await connection.fetchrow(PICK)
    ids = {
        name: await connection.fetchval(f"SELECT min(id::text) FROM {source}") for name, source in IDS.items()
    }
    async with recorder(url, described.token) as recording:

        async def ask(document: str, **variables: object) -> Asked:
            data, sent = await recording.run(document, variables)
            assert all(data.values())
            assert None not in data.get("nodes", [])
            return Asked(_objects(data), sent)

        here = {"workspaceId": described.workspace_id}
        place, _ = await recording.run(typical.CURSOR, {**here, "ids": [described.deep[0].id]})
        after = place["tasks"]["pageInfo"]["endCursor"]
        by_due_date = {}
        for name, sort in BY_DUE_DATE.items():
            by_due_date[name] = await ask(typical.SORTED, **here, sort=sort)
            middle, _ = await recording.run(typical.SORTED, {**here, "sort": sort, "filter": HAS_DUE_DATE})
            deep = middle["tasks"]["pageInfo"]["endCursor"]
            by_due_date[f"{name}, deep"] = await ask(typical.SORTED, **here, sort=sort, after=deep)
        return {
            **by_due_date,
            "tasks of one person": await ask(
                typical.SORTED, **here, filter={"assignee": {"id": {"eq": picked["assignee"]}}}
            ),
            "start page": await ask(typical.START, me=described.user_id),
            "task list": await ask(typical.TASK_LIST, **here, first=50),
            "deep page": await ask(typical.TASK_LIST, **here, first=50, after=after),
            "one task": await ask(typical.ONE_TASK, id=picked["task"]),
            "tasks with everything": await ask(typical.TASKS_WITH_EVERYTHING, **here, first=20),
            "board": await ask(typical.BOARD, id=picked["project"]),
            "mixed nodes": await ask(typical.NODES, ids=list(ids.values())),
            **{f"node: {name}": await ask(typical.NODE, id=id_) for name, id_ in ids.items()},
        }


def _objects(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(_objects(item) for item in value.values())
    return sum(_objects(item) for item in value) if isinstance(value, list) else 0
