from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import ByteOrderedTextField, Entity, Record, index
from app.models.enums import RelationType, TaskPriority

if TYPE_CHECKING:
    from app.models.project import Project
    from app.models.status import Status
    from app.models.user import User
    from app.models.workspace import Workspace

_SHOWN = "archived_at IS NULL AND deleted_at IS NULL"


# `rank` is a fractional-index string within the project; its order is that of the bytes, then the id.
class Task(Entity):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="tasks", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField(
        "models.Project", related_name="tasks", on_delete=fields.CASCADE
    )
    project_id: UUID
    number = fields.IntField()
    title = fields.CharField(max_length=500)
    description = fields.TextField(null=True)
    status: fields.ForeignKeyRelation[Status] = fields.ForeignKeyField(
        "models.Status", related_name="tasks", on_delete=fields.RESTRICT
    )
    status_id: UUID
    previous_status: fields.ForeignKeyNullableRelation[Status] = fields.ForeignKeyField(
        "models.Status", related_name=False, on_delete=fields.SET_NULL, null=True
    )
    previous_status_id: UUID | None
    priority = fields.IntEnumField(TaskPriority, description="", default=TaskPriority.NONE, db_default=0)
    assignee: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="assigned_tasks", on_delete=fields.SET_NULL, null=True
    )
    assignee_id: UUID | None
    creator: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="created_tasks", on_delete=fields.SET_NULL, null=True
    )
    creator_id: UUID | None
    parent: fields.ForeignKeyNullableRelation[Task] = fields.ForeignKeyField(
        "models.Task", related_name="subtasks", on_delete=fields.SET_NULL, null=True
    )
    parent_id: UUID | None
    rank = ByteOrderedTextField()
    due_date = fields.DateField(null=True)
    estimate = fields.FloatField(null=True)
    started_at = fields.DatetimeField(null=True)
    completed_at = fields.DatetimeField(null=True)
    archived_at = fields.DatetimeField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tasks"
        unique_together = (("project", "number"),)
        # Each serves a list's filter and its keyset order, both ways. A status belongs to one project, so the
        # board's index needs no project before it; and it leaves out what boards do not show, since done
        # tasks pile up there. status_id, previous_status_id and creator_id have no whole index: removing a
        # status or a user may scan, every write of a task would pay.
        indexes = (
            index("tasks_board", "status_id", "rank", "id", where=_SHOWN),
            index("tasks_project_rank", "project_id", "rank", "id"),
            index("tasks_project_created", "project_id", "created_at", "id"),
            index("tasks_workspace_created", "workspace_id", "created_at", "id"),
            index("tasks_workspace_updated", "workspace_id", "updated_at", "id"),
            index("tasks_workspace_due", "workspace_id", "due_date", "id"),
            index("tasks_workspace_priority", "workspace_id", "priority", "id"),
            index("tasks_assignee", "assignee_id", "created_at", "id", where="assignee_id IS NOT NULL"),
            index("tasks_parent", "parent_id", "rank", "id", where="parent_id IS NOT NULL"),
        )


# `task` BLOCKS, DUPLICATES or RELATES_TO `related_task`.
class TaskRelation(Record):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="task_relations", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    task: fields.ForeignKeyRelation[Task] = fields.ForeignKeyField(
        "models.Task", related_name="relations", on_delete=fields.CASCADE
    )
    task_id: UUID
    related_task: fields.ForeignKeyRelation[Task] = fields.ForeignKeyField(
        "models.Task", related_name="inverse_relations", on_delete=fields.CASCADE
    )
    related_task_id: UUID
    type = fields.CharEnumField(RelationType, max_length=16, description="")
    creator: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name=False, on_delete=fields.SET_NULL, null=True
    )
    creator_id: UUID | None

    class Meta:
        table = "task_relations"
        unique_together = (("task", "related_task", "type"),)
        indexes = (index("task_relations_related", "related_task_id", "type", "task_id"),)
