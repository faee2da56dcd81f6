from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Record, index

if TYPE_CHECKING:
    from app.models.project import Project
    from app.models.task import Task
    from app.models.user import User
    from app.models.workspace import Workspace


# One changed entity in the log of its workspace. `changes` is a list of {"field", "before", "after"}; a
# text over 4 kB stands there as {"digest": "sha256:…", "bytes": n} and in EventText. `task` is the task
# that it is about: the entity itself, or the one a comment or a relation belongs to. Project and task are
# references without a constraint: the log outlives what it tells of.
class Event(Record):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="events", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    seq = fields.BigIntField()
    type = fields.CharField(max_length=64)
    actor: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name=False, on_delete=fields.SET_NULL, null=True
    )
    actor_id: UUID | None
    entity_type = fields.CharField(max_length=32)
    entity_id = fields.UUIDField()
    entity_version = fields.IntField(null=True)
    project: fields.ForeignKeyNullableRelation[Project] = fields.ForeignKeyField(
        "models.Project",
        related_name="events",
        on_delete=fields.NO_ACTION,
        db_constraint=False,
        null=True,
    )
    project_id: UUID | None
    task: fields.ForeignKeyNullableRelation[Task] = fields.ForeignKeyField(
        "models.Task", related_name="events", on_delete=fields.NO_ACTION, db_constraint=False, null=True
    )
    task_id: UUID | None
    changes = fields.JSONField[list[dict[str, object]]](default=list)
    batch_id = fields.UUIDField(null=True)

    class Meta:
        table = "events"
        unique_together = (("workspace", "seq"),)
        # None on actor_id: removing a user may scan, every write would pay.
        indexes = (
            index("events_task", "task_id", "seq", where="task_id IS NOT NULL"),
            index("events_entity", "entity_id", "entity_version"),
        )


# The versions of a text too long for its event.
class EventText(Record):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="event_texts", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    event: fields.ForeignKeyRelation[Event] = fields.ForeignKeyField(
        "models.Event", related_name="texts", on_delete=fields.CASCADE
    )
    event_id: UUID
    field = fields.CharField(max_length=64)
    before = fields.TextField(null=True)
    after = fields.TextField(null=True)

    class Meta:
        table = "event_texts"
        unique_together = (("event", "field"),)
