"""Mail to be sent: written in the transaction of its cause, sent later by whichever process comes first.

A row says what to send and to whom, never the text: links are made when they are sent, so no table, log or
backup holds one that works. Who takes a row has it for LEASE; if that process dies, another one takes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.domain.errors import UserErrorCode, UserFault
from app.domain.viewer import Fetch
from app.models.ids import new_id

LEASE: Final = timedelta(minutes=3)
"""Longer than one attempt takes."""
PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (0.5, 1, 2, 5, 10, 15, 30, 60, 60, 60))
"""Between two attempts. A server that greylists takes the mail after some minutes (RFC 6647, 2.4)."""
ATTEMPTS: Final = len(PAUSES) + 1

KEPT: Final = timedelta(days=7)
"""How long an operator can see what became of a mail."""
STALE: Final = timedelta(days=1)
"""Older ones are not sent any more, as when a server gets an SMTP_HOST again after weeks."""


class MailKind(StrEnum):
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105  # no password
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  # no password
    EMAIL_VERIFICATION = "EMAIL_VERIFICATION"
    EMAIL_CHANGE = "EMAIL_CHANGE"
    EMAIL_CHANGED = "EMAIL_CHANGED"
    ACCOUNT_DELETED = "ACCOUNT_DELETED"


class MailOutcome(StrEnum):
    """How a mail ended. NOT_NEEDED: there was nobody to send it to, or nothing to say any more."""

    SENT = "SENT"
    REFUSED = "REFUSED"
    GIVEN_UP = "GIVEN_UP"
    NOT_NEEDED = "NOT_NEEDED"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that this process has taken, for the time of the lease."""

    id: UUID
    kind: MailKind
    user_id: UUID | None
    address: str
    attempts: int
    """With the one that begins now."""
    created_at: datetime


class EmailDisabled(UserFault):
    code = UserErrorCode.EMAIL_DISABLED

    def __init__(self) -> None:
        super().__init__("This server sends no mail. Ask whoever runs it.")


async def add(fetch: Fetch, kind: MailKind, address: str, *, user_id: UUID | None = None) -> None:
    """The mail goes out once the transaction of `fetch` is committed."""
    await fetch("OutboxMail.insert", _ADD, [new_id(), kind.value, user_id, address])


async def any_due(fetch: Fetch) -> bool:
    return bool(await fetch("OutboxMail.due", _DUE, []))


async def take(fetch: Fetch, limit: int) -> list[Mail]:
    """Takes mails that are due and that nobody else holds; they count as tried from here on."""
    return [_mail(row) for row in await fetch("OutboxMail.take", _TAKE, [limit, LEASE])]


async def belongs_to(fetch: Fetch, mail: Mail, user_id: UUID) -> bool:
    """Notes whom a mail to an address turns out to be for. False when it is not to be sent any more."""
    return bool(await fetch("OutboxMail.belongsTo", _BELONGS_TO, [mail.id, user_id]))


async def finish(fetch: Fetch, mail: Mail, outcome: MailOutcome) -> None:
    """The mail is done with, and its address forgotten."""
    await fetch("OutboxMail.finish", _FINISH, [mail.id, mail.attempts, outcome.value])


async def put_back(fetch: Fetch, mail: Mail) -> None:
    """Another attempt after a pause, which grows."""
    await fetch("OutboxMail.putBack", _PUT_BACK, [mail.id, mail.attempts, PAUSES[mail.attempts - 1]])


async def withdraw(fetch: Fetch, user_id: UUID, address: str) -> None:
    """Removes every trace of mails to a user, and to their address."""
    await fetch("OutboxMail.withdraw", _WITHDRAW, [user_id, address])


def _mail(row: Mapping[str, Any]) -> Mail:
    return Mail(
        id=row["id"],
        kind=MailKind(row["kind"]),
        user_id=row["user_id"],
        address=row["address"],
        attempts=row["attempts"],
        created_at=row["created_at"],
    )


_ADD = """
INSERT INTO "outbox_mails" ("id", "kind", "user_id", "address", "created_at", "due_at")
VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp())
"""

_DUE = """
SELECT 1 FROM "outbox_mails" WHERE "finished_at" IS NULL AND "due_at" <= clock_timestamp() LIMIT 1
"""

_TAKE = """
UPDATE "outbox_mails" SET "attempts" = "attempts" + 1, "due_at" = clock_timestamp() + $2::interval
WHERE "id" IN (
    SELECT "id" FROM "outbox_mails" WHERE "finished_at" IS NULL AND "due_at" <= clock_timestamp()
    ORDER BY "due_at" LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING "id", "kind", "user_id", "address", "attempts", "created_at"
"""

_BELONGS_TO = """
UPDATE "outbox_mails" SET "user_id" = $2 WHERE "id" = $1 AND "finished_at" IS NULL RETURNING "id"
"""

# By the number of the attempt: whoever has lost the lease changes nothing.
_FINISH = """
UPDATE "outbox_mails" SET "finished_at" = clock_timestamp(), "outcome" = $3, "address" = NULL
WHERE "id" = $1 AND "attempts" = $2 AND "finished_at" IS NULL
"""

_PUT_BACK = """
UPDATE "outbox_mails" SET "due_at" = clock_timestamp() + $3::interval
WHERE "id" = $1 AND "attempts" = $2 AND "finished_at" IS NULL
"""

_WITHDRAW = """
DELETE FROM "outbox_mails" WHERE "user_id" = $1 OR lower("address") = lower($2)
"""
