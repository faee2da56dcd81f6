from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Entity

if TYPE_CHECKING:
    from app.models.workspace import Workspace


# `last_task_number` is the number given to its newest task; the project's row lock orders the numbers.
class Project(Entity):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="projects", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    key = fields.CharField(max_length=10)
    name = fields.CharField(max_length=100)
    description = fields.TextField(null=True)
    last_task_number = fields.IntField(default=0, db_default=0)
    archived_at = fields.DatetimeField(null=True)

    class Meta:
        table = "projects"
        unique_together = (("workspace", "key"),)
