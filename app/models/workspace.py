from __future__ import annotations

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from app.models.base import Entity
from app.models.ids import new_id


# The tenant. A new `sync_epoch` tells clients that the log is not the one they know, as after
# restoring a backup.
class Workspace(Entity):
    slug = fields.CharField(max_length=48)
    name = fields.CharField(max_length=100)
    sync_epoch = fields.UUIDField(default=new_id)
    counter: fields.BackwardOneToOneRelation[WorkspaceCounter]

    class Meta:
        table = "workspaces"
        unique_together = (("slug",),)


# The last `seq` given out in a workspace. A narrow row of its own: every write locks it.
class WorkspaceCounter(Model):
    workspace: fields.OneToOneRelation[Workspace] = fields.OneToOneField(
        "models.Workspace", primary_key=True, related_name="counter", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    seq = fields.BigIntField(default=0, db_default=0)

    class Meta:
        table = "workspace_counters"
