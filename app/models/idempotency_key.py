from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Record

if TYPE_CHECKING:
    from app.models.user import User


# A mutation that was sent with a key: the SHA-256 of its input and what came of it.
class IdempotencyKey(Record):
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="idempotency_keys", on_delete=fields.CASCADE
    )
    user_id: UUID
    mutation = fields.CharField(max_length=64)
    key = fields.CharField(max_length=255)
    input_hash = fields.BinaryField()
    outcome = fields.JSONField[dict[str, object]](default=dict)

    class Meta:
        table = "idempotency_keys"
        unique_together = (("user", "mutation", "key"),)
