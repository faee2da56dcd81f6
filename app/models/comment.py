from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Entity, index

if TYPE_CHECKING:
    from app.models.task import Task
    from app.models.user import User
    from app.models.workspace import Workspace


class Comment(Entity):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="comments", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    task: fields.ForeignKeyRelation[Task] = fields.ForeignKeyField(
        "models.Task", related_name="comments", on_delete=fields.CASCADE
    )
    task_id: UUID
    author: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="comments", on_delete=fields.SET_NULL, null=True
    )
    author_id: UUID | None
    parent: fields.ForeignKeyNullableRelation[Comment] = fields.ForeignKeyField(
        "models.Comment", related_name="replies", on_delete=fields.CASCADE, null=True
    )
    parent_id: UUID | None
    body = fields.TextField()
    resolved_at = fields.DatetimeField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "comments"
        indexes = (
            index("comments_task", "task_id", "created_at", "id"),
            index("comments_parent", "parent_id", "created_at", "id", where="parent_id IS NOT NULL"),
        )
