"""What a request loads in batches. The viewer's workspace is part of every query."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from strawberry.dataloader import DataLoader
from tortoise.functions import Count

from app import models

WORKSPACE_ID = UUID(os.environ["WORKSPACE_ID"])


class Loaders:
    def __init__(self) -> None:
        self.projects = DataLoader(load_fn=load_projects)
        self.users = DataLoader(load_fn=load_users)
        self.statuses = DataLoader(load_fn=load_statuses)
        self.board = DataLoader(load_fn=load_tasks_of_statuses)
        self.labels = DataLoader(load_fn=load_labels)
        self.comment_counts = DataLoader(load_fn=load_comment_counts)


async def load_projects(ids: Sequence[UUID]) -> list[models.Project | None]:
    found = {row.id: row for row in await models.Project.filter(id__in=ids, workspace_id=WORKSPACE_ID)}
    return [found.get(key) for key in ids]


async def load_users(ids: Sequence[UUID]) -> list[models.User | None]:
    found = {row.id: row for row in await models.User.filter(id__in=ids)}
    return [found.get(key) for key in ids]


async def load_statuses(project_ids: Sequence[UUID]) -> list[list[models.Status]]:
    groups: dict[UUID, list[models.Status]] = defaultdict(list)
    query = models.Status.filter(project_id__in=project_ids, workspace_id=WORKSPACE_ID)
    for row in await query.order_by("position"):
        groups[row.project_id].append(row)
    return [groups[key] for key in project_ids]


async def load_tasks_of_statuses(keys: Sequence[tuple[UUID, int]]) -> list[list[models.Task]]:
    """Keys are a status and how many; Tortoise cannot limit rows per group, so each has a query."""
    return await asyncio.gather(*(_tasks_of_status(status_id, first) for status_id, first in keys))


async def load_labels(task_ids: Sequence[UUID]) -> list[list[models.Label]]:
    groups: dict[UUID, list[models.Label]] = defaultdict(list)
    links = models.TaskLabel.filter(task_id__in=task_ids, workspace_id=WORKSPACE_ID)
    for link in await links.select_related("label").order_by("label__name", "label_id"):
        groups[link.task_id].append(link.label)
    return [groups[key] for key in task_ids]


async def load_comment_counts(task_ids: Sequence[UUID]) -> list[int]:
    comments = models.Comment.filter(task_id__in=task_ids, workspace_id=WORKSPACE_ID, deleted_at=None)
    rows = await comments.annotate(total=Count("id")).group_by("task_id").values("task_id", "total")
    totals = {row["task_id"]: row["total"] for row in rows}
    return [totals.get(key, 0) for key in task_ids]


async def _tasks_of_status(status_id: UUID, first: int) -> list[models.Task]:
    tasks = models.Task.filter(
        status_id=status_id, workspace_id=WORKSPACE_ID, archived_at=None, deleted_at=None
    )
    return await tasks.order_by("rank", "id").limit(first)
