from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from app.models.base import Record, index, utc_now

if TYPE_CHECKING:
    from app.models.user import User


# A mail to be sent, written in the transaction of its cause. It holds no text and no secret: those are made
# when it is sent. `user` is empty where only an address was given; `address` is forgotten once `finished_at`
# is set. `due_at` is when it may be taken next, also by another process when the one that took it has died.
class OutboxMail(Record):
    kind = fields.CharField(max_length=32)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="outbox_mails", on_delete=fields.CASCADE, null=True
    )
    user_id: UUID | None
    address = fields.CharField(max_length=254, null=True)
    attempts = fields.IntField(default=0, db_default=0)
    due_at = fields.DatetimeField(default=utc_now)
    finished_at = fields.DatetimeField(null=True)
    outcome = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "outbox_mails"
        indexes = (
            index("outbox_mails_due", "due_at", where="finished_at IS NULL"),
            index("outbox_mails_finished", "finished_at", where="finished_at IS NOT NULL"),
            index("outbox_mails_user", "user_id", "created_at", where="user_id IS NOT NULL"),
        )
