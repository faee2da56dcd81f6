from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Entity, Record, index

if TYPE_CHECKING:
    from app.models.project import Project
    from app.models.task import Task
    from app.models.workspace import Workspace


# A label of the workspace, or of one project. Names are unique in either without regard to case
# (hand_written.py).
class Label(Entity):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="labels", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    project: fields.ForeignKeyNullableRelation[Project] = fields.ForeignKeyField(
        "models.Project", related_name="labels", on_delete=fields.CASCADE, null=True
    )
    project_id: UUID | None
    name = fields.CharField(max_length=50)
    color = fields.CharField(max_length=7)

    class Meta:
        table = "labels"
        indexes = (index("labels_workspace", "workspace_id", "name", "id"),)


# That a task has a label.
class TaskLabel(Record):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="task_labels", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    task: fields.ForeignKeyRelation[Task] = fields.ForeignKeyField(
        "models.Task", related_name="task_labels", on_delete=fields.CASCADE
    )
    task_id: UUID
    label: fields.ForeignKeyRelation[Label] = fields.ForeignKeyField(
        "models.Label", related_name="task_labels", on_delete=fields.CASCADE
    )
    label_id: UUID

    class Meta:
        table = "task_labels"
        unique_together = (("task", "label"),)
        indexes = (index("task_labels_label", "label_id", "task_id"),)
