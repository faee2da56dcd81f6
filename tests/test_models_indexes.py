"""The lists that clients page through walk an index: no scan of a table and no sort, however many rows."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from tests.harness.stores import Stores

WORKSPACES, PROJECTS, TASKS = 3, 2, 10_000

# Every workspace has its projects, every project its statuses, and the tasks are spread over all of them.
FILL = f"""
INSERT INTO users (id, email, name, password_hash)
    SELECT gen_random_uuid(), 'user' || n || '@example.com', 'User', 'x' FROM generate_series(1, 10) n;
INSERT INTO workspaces (id, slug, name, sync_epoch)
    SELECT gen_random_uuid(), 'w' || n, 'W', gen_random_uuid() FROM generate_series(1, {WORKSPACES}) n;
INSERT INTO projects (id, workspace_id, key, name)
    SELECT gen_random_uuid(), w.id, 'P' || n, 'P' FROM workspaces w, generate_series(1, {PROJECTS}) n;
INSERT INTO statuses (id, workspace_id, project_id, name, color, type, position)
    SELECT gen_random_uuid(), workspace_id, id, 'S' || n, '#000000', 'STARTED', n
    FROM projects, generate_series(1, 6) n;
CREATE TEMPORARY TABLE places AS
    SELECT row_number() OVER () - 1 AS place, s.id AS status_id, s.project_id, s.workspace_id FROM statuses s;
CREATE TEMPORARY TABLE people AS SELECT row_number() OVER () - 1 AS place, id FROM users;
INSERT INTO tasks (id, workspace_id, project_id, status_id, assignee_id, number, title, rank, priority,
                   due_date, created_at, updated_at, archived_at)
    SELECT gen_random_uuid(), s.workspace_id, s.project_id, s.status_id, p.id, n, 'Task ' || n,
           'a' || md5(n::text), n % 5, CASE WHEN n % 3 = 0 THEN date '2026-01-01' + n % 400 END,
           now() - n * interval '1 minute', now() - (n * 7 % {TASKS}) * interval '1 minute',
           CASE WHEN n % 11 = 0 THEN now() END
    FROM generate_series(1, {TASKS}) n
    JOIN places s ON s.place = n % (SELECT count(*) FROM places)
    LEFT JOIN people p ON p.place = n % 14;
UPDATE tasks SET parent_id = (SELECT id FROM tasks WHERE number = 1) WHERE number BETWEEN 100 AND 200;
INSERT INTO comments (id, workspace_id, task_id, body, created_at)
    SELECT gen_random_uuid(), workspace_id, id, 'x', created_at FROM tasks;
INSERT INTO events (id, workspace_id, seq, type, entity_type, entity_id, entity_version, task_id, changes)
    SELECT gen_random_uuid(), workspace_id, number, 'task.created', 'task', id, 1, id, '[]' FROM tasks;
ANALYZE;
"""
VISIBLE = "t.workspace_id = ANY($1::uuid[]) AND t.archived_at IS NULL AND t.deleted_at IS NULL"
IN_WORKSPACE = f"SELECT t.* FROM tasks t WHERE {VISIBLE} AND t.workspace_id = $2"
OF_TASK = "t.workspace_id = ANY($1::uuid[]) AND t.task_id = $2"

# name → index, statement; $1 is the viewer's workspaces, $2 an id of the kind named after the colon
LISTS = {
    "tasks by created:workspace": ("tasks_workspace_created", f"{IN_WORKSPACE} ORDER BY t.created_at, t.id"),
    "tasks by created, newest first:workspace": (
        "tasks_workspace_created",
        f"{IN_WORKSPACE} ORDER BY t.created_at DESC, t.id DESC",
    ),
    "tasks by created, a later page:workspace": (
        "tasks_workspace_created",
        f"{IN_WORKSPACE} AND (t.created_at, t.id) < (now() - interval '1 day', $2) "
        "ORDER BY t.created_at DESC, t.id DESC",
    ),
    "tasks by updated:workspace": (
        "tasks_workspace_updated",
        f"{IN_WORKSPACE} ORDER BY t.updated_at DESC, t.id DESC",
    ),
    "tasks by due date:workspace": (
        "tasks_workspace_due",
        f"{IN_WORKSPACE} ORDER BY t.due_date NULLS LAST, t.id",
    ),
    "tasks by priority:workspace": (
        "tasks_workspace_priority",
        f"{IN_WORKSPACE} ORDER BY t.priority DESC, t.id DESC",
    ),
    "tasks of a project:project": (
        "tasks_project_created",
        f"SELECT t.* FROM tasks t WHERE {VISIBLE} AND t.project_id = $2 "
        "ORDER BY t.created_at DESC, t.id DESC",
    ),
    "tasks of a project by rank:project": (
        "tasks_project_rank",
        f"SELECT t.* FROM tasks t WHERE {VISIBLE} AND t.project_id = $2 ORDER BY t.rank, t.id",
    ),
    "tasks of a project by number:project": (
        "uid_tasks_project_",
        f"SELECT t.* FROM tasks t WHERE {VISIBLE} AND t.project_id = $2 ORDER BY t.number",
    ),
    "a column of the board:status": (
        "tasks_board",
        f"SELECT t.* FROM tasks t WHERE {VISIBLE} AND t.status_id = $2 ORDER BY t.rank, t.id",
    ),
    "tasks of a person:assignee": (
        "tasks_assignee",
        f"SELECT t.* FROM tasks t WHERE {VISIBLE} AND t.assignee_id = $2 ORDER BY t.created_at, t.id",
    ),
    "subtasks:parent": (
        "tasks_parent",
        f"SELECT t.* FROM tasks t WHERE {VISIBLE} AND t.parent_id = $2 ORDER BY t.rank, t.id",
    ),
    "comments:task": (
        "comments_task",
        f"SELECT t.* FROM comments t WHERE {OF_TASK} ORDER BY t.created_at, t.id",
    ),
    "activity:task": ("events_task", f"SELECT t.* FROM events t WHERE {OF_TASK} ORDER BY t.seq DESC"),
    "the log:workspace": (
        "uid_events_workspa_",
        "SELECT t.* FROM events t WHERE t.workspace_id = $2 AND t.seq > 100 AND $1::uuid[] IS NOT NULL "
        "ORDER BY t.seq",
    ),
    "an entity's versions:task": (
        "events_entity",
        "SELECT t.* FROM events t WHERE t.workspace_id = ANY($1::uuid[]) AND t.entity_id = $2 "
        "AND t.entity_version > 0 ORDER BY t.entity_version",
    ),
}
IDS = {
    "workspace": "SELECT id FROM workspaces LIMIT 1",
    "project": "SELECT id FROM projects LIMIT 1",
    "status": "SELECT id FROM statuses LIMIT 1",
    "assignee": "SELECT assignee_id FROM tasks WHERE assignee_id IS NOT NULL LIMIT 1",
    "parent": "SELECT parent_id FROM tasks WHERE parent_id IS NOT NULL LIMIT 1",
    "task": "SELECT task_id FROM comments LIMIT 1",
}


@pytest.fixture(scope="module")
async def filled(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(await stores.new_database())
    await connection.execute(FILL)
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_walks_its_index(filled: asyncpg.Connection, name: str) -> None:
    index, statement = LISTS[name]
    workspaces = await filled.fetchval("SELECT array_agg(id) FROM workspaces")
    one = await filled.fetchval(IDS[name.rpartition(":")[2]])
    text = await filled.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement} LIMIT 51", workspaces, one
    )
    plan = json.loads(text)[0]["Plan"]
    nodes = list(_nodes(plan))
    assert {node["Node Type"] for node in nodes} <= {"Limit", "Result", "Index Scan", "Index Only Scan"}
    assert all(node["Index Name"].startswith(index) for node in nodes if "Index Name" in node)
    # Some rows of every kind are archived; nothing else is read in vain.
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 200


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
