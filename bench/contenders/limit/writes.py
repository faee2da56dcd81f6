from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

import orjson

from app.domain import ranks
from app.models.ids import new_id
from bench.contenders.limit import statements
from bench.contenders.limit.pool import Pool
from bench.contenders.limit.reads import PRIORITIES

Json = dict[str, Any]


async def task_create(pool: Pool, workspace_id: str, given: Json, *, user_id: str) -> Json:
    """What TaskFlow's taskCreate does, by the same statements: key, number, task, event, outcome, answer."""
    connection = await pool.take()
    try:
        await connection.execute("BEGIN")
        try:
            task_id, seq = await write(connection, workspace_id, user_id, given)
        except BaseException:
            await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")
        rows = await connection.fetch(statements.CREATED, workspace_id, task_id)
    finally:
        pool.give_back(connection)
    return created(task_id, seq, rows[0])


async def write(connection: Any, workspace_id: str, user_id: str, given: Json) -> tuple[str, int]:
    now, task_id, project_id, key = datetime.now(UTC), str(new_id()), given["projectId"], given["key"]
    due, priority = date.fromisoformat(given["dueDate"]), PRIORITIES.index(given["priority"])
    digest = hashlib.sha256(orjson.dumps(given)).digest()
    await connection.fetch(statements.CLAIM_KEY, new_id(), user_id, key, digest, now)
    number, status_id = await connection.fetchrow(statements.ALLOCATE_NUMBER, workspace_id, project_id)
    rank = ranks.of_number(number)
    await connection.fetch(
        statements.INSERT_TASK,
        task_id, workspace_id, project_id, number, given["title"], status_id, priority, user_id, rank, due,
        now,
    )  # fmt: skip
    told = {
        "projectId": project_id,
        "number": number,
        "title": given["title"],
        "statusId": str(status_id),
        "priority": given["priority"],
        "creatorId": user_id,
        "rank": rank,
        "dueDate": given["dueDate"],
    }
    changes = [{"field": field, "before": None, "after": after} for field, after in told.items()]
    seq: int = await connection.fetchval(
        statements.APPEND_EVENT,
        new_id(), workspace_id, user_id, task_id, project_id, orjson.dumps(changes).decode(), now,
    )  # fmt: skip
    outcome = orjson.dumps({"subjectId": task_id, "syncSeq": str(seq)}).decode()
    await connection.fetch(statements.STORE_OUTCOME, user_id, key, outcome)
    return task_id, seq


def created(task_id: str, seq: int, row: Any) -> Json:
    """The answer, from the task as it was read back."""
    number, title, priority, due, created_at, version, project_id, key, name = row
    task = {
        "id": task_id,
        "number": number,
        "title": title,
        "priority": PRIORITIES[priority],
        "dueDate": due,
        "createdAt": created_at,
        "version": version,
        "project": {"id": project_id, "key": key, "name": name},
    }
    return {"taskCreate": {"task": task, "syncSeq": str(seq), "userErrors": []}}
