from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Entity, index
from app.models.enums import Role

if TYPE_CHECKING:
    from app.models.user import User
    from app.models.workspace import Workspace


# Somebody's place in a workspace. It stays, with `removed_at`, when they leave: former members stay
# authors.
class Membership(Entity):
    workspace: fields.ForeignKeyRelation[Workspace] = fields.ForeignKeyField(
        "models.Workspace", related_name="memberships", on_delete=fields.CASCADE
    )
    workspace_id: UUID
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="memberships", on_delete=fields.CASCADE
    )
    user_id: UUID
    role = fields.CharEnumField(Role, max_length=16, description="")
    removed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "memberships"
        unique_together = (("workspace", "user"),)
        indexes = (index("memberships_user", "user_id"),)
