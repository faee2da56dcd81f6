"""Tokens that a mail carries: whoever brings one back reads the mail of that address. Good once."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.domain.errors import UserErrorCode, UserFault
from app.domain.viewer import Fetch
from app.models.ids import new_id

PREFIX: Final = "tfm_"
PER_HOUR: Final = 5
"""Of one purpose for one user."""

_SHAPE: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


class Purpose(StrEnum):
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105  # no password
    EMAIL_VERIFICATION = "EMAIL_VERIFICATION"
    EMAIL_CHANGE = "EMAIL_CHANGE"


# OWASP Forgot Password Cheat Sheet: short-lived. What only verifies an address opens nothing.
LIFETIMES: Final = {
    Purpose.PASSWORD_RESET: timedelta(hours=1),
    Purpose.EMAIL_VERIFICATION: timedelta(days=3),
    Purpose.EMAIL_CHANGE: timedelta(hours=1),
}


@dataclass(frozen=True, slots=True)
class Spent:
    user_id: UUID
    purpose: Purpose
    address: str
    """Where the mail went."""


@dataclass(frozen=True, slots=True)
class Holder:
    email: str
    name: str


class InvalidMailedToken(UserFault):
    """Alike whatever is wrong with it."""

    code = UserErrorCode.INVALID_TOKEN

    def __init__(self) -> None:
        super().__init__("This link was used already or has expired. Ask for a new one.", ("token",))


async def make(fetch: Fetch, user_id: UUID, purpose: Purpose, address: str) -> tuple[str, datetime]:
    """A new token and when it expires. Earlier ones stay good: their mail may arrive after this one's."""
    token = PREFIX + secrets.token_urlsafe(32)
    args = [new_id(), user_id, purpose.value, _digest(token), address, LIFETIMES[purpose]]
    rows = await fetch("MailedToken.insert", _INSERT, args)
    expires_at: datetime = rows[0]["expires_at"]
    return token, expires_at


async def are_too_many(fetch: Fetch, user_id: UUID, purpose: Purpose) -> bool:
    """Whether one more would flood somebody's mailbox. Whoever asks holds the user's row."""
    rows = await fetch("MailedToken.recent", _RECENT, [user_id, purpose.value])
    too_many: bool = rows[0]["recent"] >= PER_HOUR
    return too_many


async def find(fetch: Fetch, token: str, purpose: Purpose) -> Holder | None:
    """Whose token it is if it could be spent at this moment, for whoever has costly work to do before."""
    if not _SHAPE.fullmatch(token):
        return None
    rows = await fetch("MailedToken.find", _FIND, [_digest(token), purpose.value])
    return Holder(rows[0]["email"], rows[0]["name"]) if rows else None


async def spend(fetch: Fetch, token: str, *purposes: Purpose) -> Spent:
    """Takes the token out, once for all. Raises InvalidMailedToken, alike whatever is wrong with it.

    A user who was disabled, or whose address is no longer the one it was sent to, spends none (what verifies
    a new address is sent there beforehand).
    """
    names = [purpose.value for purpose in purposes]
    rows = (
        await fetch("MailedToken.spend", _SPEND, [_digest(token), names]) if _SHAPE.fullmatch(token) else []
    )
    if not rows or not rows[0]["good"]:
        raise InvalidMailedToken
    return Spent(rows[0]["user_id"], Purpose(rows[0]["purpose"]), rows[0]["address"])


async def void(fetch: Fetch, user_id: UUID, *purposes: Purpose) -> None:
    """Voids what was mailed to the user for these purposes, by default for all, and mails that wait: they
    would carry new tokens.

    Whoever voids has changed or locked the user's row, which who makes a token for a mail locks too
    (mail_readers.py): of the two one comes wholly first.
    """
    names = [purpose.value for purpose in purposes or tuple(Purpose)]
    await fetch("MailedToken.void", _VOID, [user_id, names])


def _digest(token: str) -> bytes:
    # Unsalted and fast is enough for 32 random bytes.
    return hashlib.sha256(token.encode()).digest()


_INSERT = """
INSERT INTO "mailed_tokens" ("id", "user_id", "purpose", "token_hash", "address", "created_at", "expires_at")
VALUES ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp() + $6::interval)
RETURNING "expires_at"
"""

_RECENT = """
SELECT count(*) AS recent FROM "mailed_tokens"
WHERE "user_id" = $1 AND "purpose" = $2 AND "created_at" > clock_timestamp() - interval '1 hour'
"""

_GOOD = """
token."expires_at" > clock_timestamp() AND person."disabled_at" IS NULL
AND (token."purpose" = 'EMAIL_CHANGE' OR lower(person."email") = lower(token."address"))"""

_FIND = f"""
SELECT person."email", person."name"
FROM "mailed_tokens" AS token
JOIN "users" AS person ON person."id" = token."user_id"
WHERE token."token_hash" = $1 AND token."purpose" = $2 AND {_GOOD}
"""

_SPEND = f"""
DELETE FROM "mailed_tokens" AS token USING "users" AS person
WHERE token."token_hash" = $1 AND token."purpose" = ANY($2::text[]) AND person."id" = token."user_id"
RETURNING token."user_id", token."purpose", token."address", {_GOOD} AS good
"""

# A mail with a token is of the kind that its purpose names. Of one that resets a password the user is known
# only once somebody tries to send it.
_VOID = """
WITH voided AS (
    DELETE FROM "mailed_tokens" WHERE "user_id" = $1 AND "purpose" = ANY($2::text[])
)
UPDATE "outbox_mails"
SET "finished_at" = clock_timestamp(), "outcome" = 'NOT_NEEDED', "address" = NULL
WHERE "finished_at" IS NULL AND "kind" = ANY($2::text[]) AND (
    "user_id" = $1
    OR "user_id" IS NULL AND lower("address") = (SELECT lower("email") FROM "users" WHERE "id" = $1)
)
"""
