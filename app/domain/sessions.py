"""Sessions, and the refresh tokens that prolong them (RFC 9700, 4.14.2: rotation with detection of reuse)."""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final
from uuid import UUID

from app import models
from app.domain.viewer import Fetch
from app.domain.write import Write
from app.models.ids import new_id

PREFIX: Final = "tfr_"
# How long a spent token still gets its successor: an answer was lost, or a second tab asked at once.
GRACE: Final = timedelta(seconds=30)

_SHAPE: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")
_USER_AGENT_LENGTH: Final = 400


@dataclass(frozen=True, slots=True)
class Device:
    """What a session's owner knows it by: what the client says it is, and its IP address."""

    user_agent: str | None
    address: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    user_id: UUID
    session_id: UUID
    refresh_token: str


async def start(
    fetch: Fetch, user_id: UUID, password_hash: str, lifetime: timedelta, device: Device
) -> SignedIn | None:
    """A new session; None when the user was disabled, or their password changed, since it was verified."""
    session_id = new_id()
    args = [session_id, user_id, password_hash, lifetime, *_known_by(device)]
    if not await fetch("Session.start", _START, args):
        return None
    await fetch("Session.forgetExpired", _FORGET_EXPIRED_SESSIONS, [user_id])
    token = PREFIX + secrets.token_urlsafe(32)
    await _hand_out(fetch, session_id, lifetime, token)
    return SignedIn(user_id, session_id, token)


async def refresh(
    write: Write, token: str, lifetime: timedelta, device: Device, keys: Sequence[bytes]
) -> SignedIn | None:
    """Spends the token and hands out its successor; None when it is unknown, expired or revoked.

    A token spent longer than GRACE ago is taken for a stolen one: its whole session is revoked. Within GRACE
    it gets the same successor again. So of two holders of one token the second one to go on is found out.
    keys: successors are made with the first; the others may have made one before it changed.
    The caller commits in either case.
    """
    if not _SHAPE.fullmatch(token):
        return None
    fetch = write.transaction.fetch
    # One holder at a time per session. The second statement sees what the holder before has committed.
    await fetch("Session.lock", _LOCK_SESSION, [_digest(token)])
    successors = {_digest(successor): successor for successor in (_successor(token, key) for key in keys)}
    found = await fetch("RefreshToken.read", _READ, [_digest(token), GRACE, list(successors)])
    if not found or not found[0]["alive"]:
        return None
    user_id, session_id = found[0]["user_id"], found[0]["session_id"]
    if found[0]["reused"]:
        await revoke(fetch, session_id)
        write.forget_viewer(user_id)
        return None
    await fetch("Session.prolong", _PROLONG, [session_id, lifetime, *_known_by(device)])
    if found[0]["successor"] is not None:
        return SignedIn(user_id, session_id, successors[bytes(found[0]["successor"])])
    await fetch("RefreshToken.spend", _SPEND, [found[0]["token_id"]])
    await fetch("RefreshToken.forgetExpired", _FORGET_EXPIRED_TOKENS, [session_id])
    successor = next(iter(successors.values()))
    await _hand_out(fetch, session_id, lifetime, successor)
    return SignedIn(user_id, session_id, successor)


async def revoke(fetch: Fetch, session_id: UUID) -> None:
    await fetch("Session.revoke", _REVOKE, [session_id])


async def revoke_own(write: Write, id: str) -> UUID:
    """Ends one of the viewer's sessions. Raises NotFound for another's and for one that has ended."""
    session = await write.lock(models.Session, id)
    await revoke(write.transaction.fetch, session.id)
    write.forget_viewer(write.viewer.user_id)
    return session.id


async def revoke_all(fetch: Fetch, user_id: UUID, *, but: UUID | None = None) -> None:
    """Ends a user's sessions, all or all `but` one."""
    await fetch("Session.revokeAll", _REVOKE_ALL, [user_id, but])


async def _hand_out(fetch: Fetch, session_id: UUID, lifetime: timedelta, token: str) -> None:
    await fetch("RefreshToken.handOut", _HAND_OUT, [new_id(), session_id, _digest(token), lifetime])


def _successor(token: str, key: bytes) -> str:
    """The same each time, so that it need not be kept; nobody makes it of the token without the key."""
    made = hmac.digest(key, f"successor of {token}".encode(), "sha256")
    return PREFIX + urlsafe_b64encode(made).rstrip(b"=").decode()


def _digest(token: str) -> bytes:
    # Unsalted and fast is enough for 32 random bytes.
    return hashlib.sha256(token.encode()).digest()


def _known_by(device: Device) -> tuple[str | None, str | None]:
    printable = "".join(filter(str.isprintable, device.user_agent or ""))[:_USER_AGENT_LENGTH]
    return printable or None, _ip(device.address)


def _ip(address: str) -> str | None:
    """None for what is no address, as of a client on a Unix socket."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


# The lock: a change of password, which revokes every session, comes wholly before this one or after it.
_START = """
INSERT INTO "sessions" ("id", "user_id", "user_agent", "address", "created_at", "last_used_at", "expires_at")
SELECT $1, person."id", $5, $6, clock_timestamp(), clock_timestamp(), clock_timestamp() + $4::interval
FROM "users" AS person
WHERE person."id" = $2 AND person."password_hash" = $3 AND person."disabled_at" IS NULL
FOR NO KEY UPDATE
RETURNING "id"
"""

_LOCK_SESSION = """
SELECT session."id"
FROM "refresh_tokens" AS token
JOIN "sessions" AS session ON session."id" = token."session_id"
WHERE token."token_hash" = $1
FOR UPDATE OF session
"""

_READ = """
SELECT
    token."id" AS token_id,
    session."id" AS session_id,
    session."user_id" AS user_id,
    session."revoked_at" IS NULL
        AND person."disabled_at" IS NULL
        AND token."expires_at" > clock_timestamp() AS alive,
    coalesce(token."spent_at" <= clock_timestamp() - $2::interval, false) AS reused,
    (
        SELECT next."token_hash" FROM "refresh_tokens" AS next
        WHERE next."token_hash" = ANY($3::bytea[]) AND next."session_id" = session."id"
        LIMIT 1
    ) AS successor
FROM "refresh_tokens" AS token
JOIN "sessions" AS session ON session."id" = token."session_id"
JOIN "users" AS person ON person."id" = session."user_id"
WHERE token."token_hash" = $1
"""

# The first time counts, also where nobody can make its successor again: GRACE is not prolonged.
_SPEND = """
UPDATE "refresh_tokens" SET "spent_at" = clock_timestamp() WHERE "id" = $1 AND "spent_at" IS NULL
"""

_PROLONG = """
UPDATE "sessions" SET
    "last_used_at" = clock_timestamp(),
    "expires_at" = clock_timestamp() + $2::interval,
    "user_agent" = $3,
    "address" = $4
WHERE "id" = $1
"""

_HAND_OUT = """
INSERT INTO "refresh_tokens" ("id", "session_id", "token_hash", "created_at", "expires_at")
VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp() + $4::interval)
"""

_REVOKE = """
UPDATE "sessions" SET "revoked_at" = clock_timestamp() WHERE "id" = $1 AND "revoked_at" IS NULL
"""

_REVOKE_ALL = """
UPDATE "sessions" SET "revoked_at" = clock_timestamp()
WHERE "user_id" = $1 AND "revoked_at" IS NULL AND "id" IS DISTINCT FROM $2::uuid
"""

_FORGET_EXPIRED_TOKENS = """
DELETE FROM "refresh_tokens" WHERE "session_id" = $1 AND "expires_at" <= clock_timestamp()
"""

_FORGET_EXPIRED_SESSIONS = """
DELETE FROM "sessions" WHERE "user_id" = $1 AND "expires_at" <= clock_timestamp()
"""
