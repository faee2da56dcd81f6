"""What operators do with accounts, past the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.domain import mailed_tokens, outbox, sessions
from app.domain.mailed_tokens import Purpose
from app.domain.outbox import MailKind
from app.domain.passwords import NOBODY
from app.domain.viewer import Fetch
from app.domain.write import Write
from app.models.ids import parse_id

LONGEST_LIST: Final = 1000


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    deleted_at: datetime | None
    verified_at: datetime | None
    last_used_at: datetime | None
    """When tokens were last handed out in one of the sessions that have not ended."""
    sessions: int
    """How many have not ended."""

    @property
    def state(self) -> str:
        if self.deleted_at is not None:
            return "deleted"
        return "active" if self.disabled_at is None else "disabled"


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace that a user belongs to."""

    slug: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session that has not ended."""

    created_at: datetime
    last_used_at: datetime
    address: str | None
    user_agent: str | None


async def find(fetch: Fetch, who: str) -> Account | None:
    """By id or by email, in any case."""
    return _one(await fetch("Account.find", _FIND, [parse_id(who), who.strip()]))


async def search(fetch: Fetch, *, email: str, state: str | None, limit: int) -> list[Account]:
    """By email, those whose address holds `email`, in any case. `state`: active, disabled, deleted."""
    rows = await fetch("Account.search", _SEARCH, [email.lower(), state, limit])
    return [_account(row) for row in rows]


async def places(fetch: Fetch, user_id: UUID) -> list[Place]:
    rows = await fetch("Account.places", _PLACES, [user_id])
    return [Place(row["slug"], row["name"], row["role"]) for row in rows]


async def sign_ins(fetch: Fetch, user_id: UUID) -> list[SignIn]:
    rows = await fetch("Account.signIns", _SIGN_INS, [user_id])
    return [SignIn(row["created_at"], row["last_used_at"], row["address"], row["user_agent"]) for row in rows]


async def disable(write: Write, user_id: UUID) -> bool:
    """Ends every session and voids mailed links, at once; nobody signs in as them.

    False when they are disabled already.
    """
    fetch = write.transaction.fetch
    if not await fetch("User.disable", _DISABLE, [user_id]):
        return False
    await _shut(write, user_id)
    return True


async def enable(write: Write, user_id: UUID) -> bool:
    """They may sign in again, with the password they had. False when they may already, or are deleted."""
    enabled = bool(await write.transaction.fetch("User.enable", _ENABLE, [user_id]))
    if enabled:
        write.forget_viewer(user_id)
    return enabled


async def reset(write: Write, user_id: UUID, *, by_mail: bool) -> str | None:
    """Voids the password and every session, at once.

    A link to choose a new password goes out by mail, or its token is returned. Raises LookupError for a user
    who is disabled or deleted.
    """
    fetch = write.transaction.fetch
    rows = await fetch("User.voidPassword", _VOID, [user_id, NOBODY])
    if not rows:
        raise LookupError(user_id)
    await _shut(write, user_id)
    email: str = rows[0]["email"]
    if by_mail:
        await outbox.add(fetch, MailKind.PASSWORD_RESET, email)
        return None
    token, _ = await mailed_tokens.make(fetch, user_id, Purpose.PASSWORD_RESET, email)
    return token


async def _shut(write: Write, user_id: UUID) -> None:
    fetch = write.transaction.fetch
    await sessions.revoke_all(fetch, user_id)
    await mailed_tokens.void(fetch, user_id)
    write.forget_viewer(user_id)


def _one(rows: Sequence[Mapping[str, Any]]) -> Account | None:
    return _account(rows[0]) if rows else None


def _account(row: Mapping[str, Any]) -> Account:
    return Account(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        deleted_at=row["deleted_at"],
        verified_at=row["email_verified_at"],
        last_used_at=row["last_used_at"],
        sessions=row["sessions"],
    )


_ACCOUNT = """
SELECT
    person."id", person."email", person."name", person."created_at", person."disabled_at",
    person."deleted_at", person."email_verified_at", signed_in."sessions", signed_in."last_used_at"
FROM "users" AS person
CROSS JOIN LATERAL (
    SELECT count(*) AS "sessions", max(session."last_used_at") AS "last_used_at"
    FROM "sessions" AS session
    WHERE session."user_id" = person."id" AND session."revoked_at" IS NULL AND session."expires_at" > now()
) AS signed_in
"""

_FIND = f"""{_ACCOUNT}
WHERE person."id" = $1 OR lower(person."email") = lower($2)
"""

_STATE = """
CASE WHEN person."deleted_at" IS NOT NULL THEN 'deleted'
    WHEN person."disabled_at" IS NOT NULL THEN 'disabled' ELSE 'active' END
"""

_SEARCH = f"""{_ACCOUNT}
WHERE strpos(lower(person."email"), $1) > 0 AND coalesce({_STATE} = $2, person."deleted_at" IS NULL)
ORDER BY lower(person."email") LIMIT $3
"""

_PLACES = """
SELECT workspace."slug", workspace."name", membership."role"
FROM "memberships" AS membership
JOIN "workspaces" AS workspace ON workspace."id" = membership."workspace_id"
WHERE membership."user_id" = $1 AND membership."removed_at" IS NULL
ORDER BY workspace."slug"
"""

_SIGN_INS = """
SELECT "created_at", "last_used_at", "address", "user_agent" FROM "sessions"
WHERE "user_id" = $1 AND "revoked_at" IS NULL AND "expires_at" > now()
ORDER BY "last_used_at" DESC
"""

_DISABLE = """
UPDATE "users" SET "disabled_at" = clock_timestamp() WHERE "id" = $1 AND "disabled_at" IS NULL RETURNING "id"
"""

_ENABLE = """
UPDATE "users" SET "disabled_at" = NULL
WHERE "id" = $1 AND "disabled_at" IS NOT NULL AND "deleted_at" IS NULL RETURNING "id"
"""

_VOID = """
UPDATE "users" SET "password_hash" = $2
WHERE "id" = $1 AND "disabled_at" IS NULL AND "deleted_at" IS NULL RETURNING "email"
"""
