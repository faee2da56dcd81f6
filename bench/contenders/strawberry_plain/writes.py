"""What TaskFlow's taskCreate does, by Tortoise's models: key, number, task, event, outcome."""

from __future__ import annotations

import hashlib
import os
from typing import Any
from uuid import UUID

import orjson
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from app import models
from app.domain import ranks
from bench.contenders.strawberry_plain.loaders import WORKSPACE_ID

USER_ID = UUID(os.environ["USER_ID"])


async def create_task(asked: dict[str, Any], key: str) -> tuple[models.Task, int]:
    digest = hashlib.sha256(orjson.dumps(asked)).digest()
    async with in_transaction():
        held = await models.IdempotencyKey.create(
            user_id=USER_ID, mutation="taskCreate", key=key, input_hash=digest, outcome={}
        )
        task = await _insert(asked)
        seq = await _append_event(task)
        held.outcome = {"subjectId": str(task.id), "syncSeq": str(seq)}
        await held.save(update_fields=["outcome"])
    return task, seq


async def _insert(asked: dict[str, Any]) -> models.Task:
    projects = models.Project.filter(id=asked["project_id"], workspace_id=WORKSPACE_ID, archived_at=None)
    await projects.update(last_task_number=F("last_task_number") + 1)
    project = await projects.get()
    status = await models.Status.filter(project_id=project.id, type="UNSTARTED").order_by("position").first()
    assert status is not None  # noqa: S101 - every project of the data set has one
    return await models.Task.create(
        **asked,
        workspace_id=WORKSPACE_ID,
        number=project.last_task_number,
        rank=ranks.of_number(project.last_task_number),
        status_id=status.id,
        creator_id=USER_ID,
    )


async def _append_event(task: models.Task) -> int:
    counters = models.WorkspaceCounter.filter(workspace_id=WORKSPACE_ID)
    await counters.update(seq=F("seq") + 1)
    counter = await counters.get()
    told = {
        "projectId": str(task.project_id),
        "number": task.number,
        "title": task.title,
        "statusId": str(task.status_id),
        "priority": task.priority.name,
        "creatorId": str(USER_ID),
        "rank": task.rank,
        "dueDate": task.due_date.isoformat() if task.due_date else None,
    }
    await models.Event.create(
        workspace_id=WORKSPACE_ID,
        seq=counter.seq,
        type="task.created",
        actor_id=USER_ID,
        entity_type="task",
        entity_id=task.id,
        entity_version=1,
        project_id=task.project_id,
        task_id=task.id,
        changes=[{"field": field, "before": None, "after": after} for field, after in told.items()],
    )
    return int(counter.seq)
