from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Entity
from app.models.enums import StatusType

if TYPE_CHECKING:
    from app.models.project import Project
    from app.models.workspace import Workspace


# A column of a project's board. (project, position) is unique, deferrably (hand_written.py).
class Status(Entity):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="statuses", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField(
        "models.Project", related_name="statuses", on_delete=fields.CASCADE
    )
    project_id: UUID
    name = fields.CharField(max_length=50)
    color = fields.CharField(max_length=7)
    type = fields.CharEnumField(StatusType, max_length=16, description="")
    position = fields.IntField()

    class Meta:
        table = "statuses"
        unique_together = (("project", "name"),)
