from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Record, index

if TYPE_CHECKING:
    from app.models.user import User


# What a mail asks its reader to bring back, known by its SHA-256 only. `address` is where it was sent: who
# brings it back reads that mail. Using it removes it.
class MailedToken(Record):
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="mailed_tokens", on_delete=fields.CASCADE
    )
    user_id: UUID
    purpose = fields.CharField(max_length=32)
    token_hash = fields.BinaryField()
    address = fields.CharField(max_length=254)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "mailed_tokens"
        unique_together = (("token_hash",),)
        indexes = (index("mailed_tokens_user", "user_id", "purpose"),)
