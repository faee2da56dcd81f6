from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from bench.contenders.limit import statements
from bench.contenders.limit.pool import Pool

Json = dict[str, Any]
PRIORITIES = ("NONE", "LOW", "MEDIUM", "HIGH", "URGENT")


async def page(pool: Pool, workspace_id: str, given: Json) -> Json:
    after = datetime.fromisoformat(given["createdAt"])
    rows = await pool.fetch(statements.PAGE, workspace_id, after, given["id"])
    return {"tasks": list(_with_project(rows))}


async def one(pool: Pool, workspace_id: str, given: Json) -> Json:
    rows = await pool.fetch(statements.ONE, workspace_id, given["id"])
    return {"task": next(_with_project(rows), None)}


async def board(pool: Pool, workspace_id: str, given: Json) -> Json:
    statuses = await pool.fetch(statements.STATUSES, workspace_id, given["projectId"])
    if not statuses:
        return {"project": None}
    cards: dict[str, list[Json]] = {row[3]: [] for row in statuses}
    for task, row in _tasks(await pool.fetch(statements.BOARD, workspace_id, given["projectId"])):
        task["commentCount"] = row[13]
        cards[row[12]].append(task)
    columns = [
        {"id": status_id, "name": name, "type": kind, "tasks": cards[status_id]}
        for _, _, _, status_id, name, kind in statuses
    ]
    project_id, key, name = statuses[0][:3]
    return {"project": {"id": project_id, "key": key, "name": name, "statuses": columns}}


def _with_project(rows: Sequence[Any]) -> Iterator[Json]:
    for task, row in _tasks(rows):
        task["project"] = {"id": row[12], "key": row[13], "name": row[14]}
        yield task


def _tasks(rows: Sequence[Any]) -> list[tuple[Json, Any]]:
    """Each task with its labels, and the first of its rows."""
    tasks = []
    current = None
    labels: list[Json] = []
    for row in rows:
        task_id, label_id = row[0], row[9]
        if task_id != current:
            current, labels = task_id, []
            tasks.append((_task(row, labels), row))
        if label_id is not None:
            labels.append({"id": label_id, "name": row[10], "color": row[11]})
    return tasks


def _task(row: Any, labels: list[Json]) -> Json:
    assignee = row[7]
    return {
        "id": row[0],
        "number": row[1],
        "title": row[2],
        "priority": PRIORITIES[row[3]],
        "dueDate": row[4],
        "createdAt": row[5],
        "version": row[6],
        "assignee": None if assignee is None else {"id": assignee, "name": row[8]},
        "labels": labels,
    }
