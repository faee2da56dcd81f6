import datetime as dt
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import Info
from tortoise.expressions import Q

from app import models
from app.models import TaskPriority
from bench.contenders.strawberry_plain.loaders import WORKSPACE_ID
from bench.contenders.strawberry_plain.writes import create_task

strawberry.enum(TaskPriority)


@strawberry.enum
class TaskSortField(Enum):
    RANK = "rank"


@strawberry.input
class TaskSort:
    field: TaskSortField


@strawberry.type
class User:
    id: strawberry.ID
    name: str


@strawberry.type
class Label:
    id: strawberry.ID
    name: str
    color: str


@strawberry.type
class LabelConnection:
    nodes: list[Label]


@strawberry.type
class Task:
    row: strawberry.Private[models.Task]
    id: strawberry.ID
    number: int
    title: str
    priority: TaskPriority
    due_date: dt.date | None
    created_at: dt.datetime
    version: int

    @classmethod
    def of(cls, row: models.Task) -> "Task":
        return cls(
            row=row,
            id=strawberry.ID(str(row.id)),
            number=row.number,
            title=row.title,
            priority=row.priority,
            due_date=row.due_date,
            created_at=row.created_at,
            version=row.version,
        )

    @strawberry.field
    async def project(self, info: Info) -> "Project":
        return Project.of(await info.context["loaders"].projects.load(self.row.project_id))

    @strawberry.field
    async def assignee(self, info: Info) -> User | None:
        if self.row.assignee_id is None:
            return None
        user = await info.context["loaders"].users.load(self.row.assignee_id)
        return User(id=strawberry.ID(str(user.id)), name=user.name)

    @strawberry.field
    async def labels(self, info: Info, first: int = 50) -> LabelConnection:
        rows = await info.context["loaders"].labels.load(self.row.id)
        nodes = [Label(id=strawberry.ID(str(row.id)), name=row.name, color=row.color) for row in rows[:first]]
        return LabelConnection(nodes=nodes)

    @strawberry.field
    async def comment_count(self, info: Info) -> int:
        count: int = await info.context["loaders"].comment_counts.load(self.row.id)
        return count


@strawberry.type
class TaskConnection:
    nodes: list[Task]


@strawberry.type
class Status:
    row: strawberry.Private[models.Status]
    id: strawberry.ID
    name: str
    type: str

    @strawberry.field
    async def tasks(self, info: Info, first: int = 50, sort: list[TaskSort] | None = None) -> TaskConnection:
        rows = await info.context["loaders"].board.load((self.row.id, first))
        return TaskConnection(nodes=[Task.of(row) for row in rows])


@strawberry.type
class StatusConnection:
    nodes: list[Status]


@strawberry.type
class Project:
    row: strawberry.Private[models.Project]
    id: strawberry.ID
    key: str
    name: str

    @classmethod
    def of(cls, row: models.Project) -> "Project":
        return cls(row=row, id=strawberry.ID(str(row.id)), key=row.key, name=row.name)

    @strawberry.field
    async def statuses(self, info: Info, first: int = 50) -> StatusConnection:
        rows = await info.context["loaders"].statuses.load(self.row.id)
        nodes = [Status(row=row, id=strawberry.ID(str(row.id)), name=row.name, type=row.type) for row in rows]
        return StatusConnection(nodes=nodes[:first])


@strawberry.type
class UserError:
    code: str
    message: str
    field: list[str] | None


@strawberry.type
class TaskPayload:
    task: Task | None
    sync_seq: str | None
    user_errors: list[UserError]


@strawberry.input
class TaskCreateInput:
    project_id: strawberry.ID
    title: str
    priority: TaskPriority = TaskPriority.NONE
    due_date: dt.date | None = None


@strawberry.type
class Query:
    @strawberry.field
    async def tasks(
        self, workspace_id: strawberry.ID, after: str | None = None, first: int = 50
    ) -> TaskConnection:
        shown = models.Task.filter(workspace_id=WORKSPACE_ID, archived_at=None, deleted_at=None)
        if after is not None:
            created_at, _, task_id = after.partition(",")
            moment = dt.datetime.fromisoformat(created_at)
            shown = shown.filter(Q(created_at__lt=moment) | Q(created_at=moment, id__lt=UUID(task_id)))
        rows = await shown.order_by("-created_at", "-id").limit(first)
        return TaskConnection(nodes=[Task.of(row) for row in rows])

    @strawberry.field
    async def task(self, id: strawberry.ID) -> Task | None:
        row = await models.Task.get_or_none(id=id, workspace_id=WORKSPACE_ID)
        return Task.of(row) if row else None

    @strawberry.field
    async def project(self, id: strawberry.ID) -> Project | None:
        row = await models.Project.get_or_none(id=id, workspace_id=WORKSPACE_ID)
        return Project.of(row) if row else None


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def task_create(self, input: TaskCreateInput, idempotency_key: str) -> TaskPayload:
        asked: dict[str, Any] = {
            "project_id": input.project_id,
            "title": input.title,
            "priority": input.priority,
            "due_date": input.due_date,
        }
        row, seq = await create_task(asked, idempotency_key)
        return TaskPayload(task=Task.of(row), sync_seq=str(seq), user_errors=[])


schema = strawberry.Schema(Query, Mutation, extensions=[lambda: ParserCache(), lambda: ValidationCache()])
