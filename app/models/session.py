from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Record, index, utc_now

if TYPE_CHECKING:
    from app.models.user import User


# One sign-in: the family of its refresh tokens.
class Session(Record):
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE
    )
    user_id: UUID
    user_agent = fields.CharField(max_length=400, null=True)
    address = fields.CharField(max_length=45, null=True)
    last_used_at = fields.DatetimeField(default=utc_now)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sessions"
        indexes = (index("sessions_user", "user_id"),)


# A refresh token, known by its SHA-256 only.
class RefreshToken(Record):
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "models.Session", related_name="refresh_tokens", on_delete=fields.CASCADE
    )
    session_id: UUID
    token_hash = fields.BinaryField()
    spent_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "refresh_tokens"
        unique_together = (("token_hash",),)
        indexes = (index("refresh_tokens_session", "session_id"),)
