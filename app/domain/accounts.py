"""Signing up, in and out."""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from app import models
from app.domain import outbox, projects, sessions, values, workspaces
from app.domain import passwords as password_rules
from app.domain.attempts import Attempts
from app.domain.emails import MAX_LENGTH as MAX_EMAIL_LENGTH
from app.domain.emails import parse_email, parse_own_email
from app.domain.errors import Busy, Invalid, UserErrorCode, UserFault
from app.domain.outbox import MailKind
from app.domain.passwords import Passwords
from app.domain.perform import perform
from app.domain.sessions import Device, SignedIn
from app.domain.viewer import Viewer
from app.domain.viewer_cache import ViewerCache
from app.domain.write import Write
from app.infra.db import Database, DatabaseUnavailable, Watch

MAX_NAME_LENGTH: Final = 100
_SLUG_BYTES: Final = 5
"""Of chance: 40 bits make a slug nobody else's."""
FIRST_PROJECT: Final = ("TASK", "First project")

# The hash that was verified may be replaced (by a stronger one, or another password's) before the session
# stands.
_VERIFICATIONS: Final = 3

_EMAIL = ("input", "email")
_PASSWORD = ("input", "password")
_NAME = ("input", "name")
_REFRESH_TOKEN = ("refreshToken",)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The verbs that hand out tokens.

    refresh_expiry: how long a refresh token lives.
    refresh_keys: what refresh tokens are made with, see sessions.py.
    """

    database: Database
    passwords: Passwords
    viewers: ViewerCache
    attempts: Attempts
    refresh_expiry: timedelta
    refresh_keys: Sequence[bytes]
    watch: Watch | None = None
    sends_mail: bool = False

    async def sign_up(self, *, email: str, password: str, name: str, device: Device) -> SignedIn:
        """A user with a personal workspace, its first project, and a session: all of it or nothing.

        Raises UserFault (TAKEN for an email in use, TOO_MANY_ATTEMPTS), Busy.
        """
        user = models.User(email=_address(email), name=values.line(name, _NAME, MAX_NAME_LENGTH))
        password_rules.check_new(password, _PASSWORD, email=user.email, name=user.name)
        await self.attempts.sign_up(device.address)
        user.password_hash = await self.passwords.hash(password)
        signed_in: SignedIn | None = None

        async def verb(write: Write) -> None:
            nonlocal signed_in
            await write.insert(user, None)
            signed_in = await sessions.start(
                write.transaction.fetch, user.id, user.password_hash, self.refresh_expiry, device
            )
            if signed_in is not None:
                write.act_as(Viewer(user.id, signed_in.session_id, {}))
                await _settle(write, user)
            if self.sends_mail:
                kind = MailKind.EMAIL_VERIFICATION
                await outbox.add(write.transaction.fetch, kind, user.email, user_id=user.id)

        await perform(self.database, None, "signUp", {}, verb, viewers=self.viewers, watch=self.watch)
        await self.attempts.signed_up(user.email, device.address)
        return _present(signed_in)

    async def sign_in(self, *, email: str, password: str, device: Device) -> SignedIn:
        """Raises UserFault INVALID_CREDENTIALS, alike in words and cost whatever is wrong; TOO_MANY_ATTEMPTS,
        alike too and before anything is looked at; Busy."""
        attempt = await self.attempts.sign_in(email, device.address)
        try:
            signed_in = await self._verify(parse_email(email), password, device)
        except (Busy, DatabaseUnavailable):
            await attempt.take_back()
            raise
        await attempt.succeeded()
        return signed_in

    async def refresh(self, refresh_token: str, device: Device) -> SignedIn:
        """Spends the token for its successor. Raises UserFault INVALID_TOKEN, whatever is wrong with it."""
        signed_in: SignedIn | None = None

        async def verb(write: Write) -> None:
            nonlocal signed_in
            signed_in = await sessions.refresh(
                write, refresh_token, self.refresh_expiry, device, self.refresh_keys
            )

        # Committed also when there is no successor: a token found stolen has revoked its session.
        await perform(self.database, None, "tokenRefresh", {}, verb, viewers=self.viewers, watch=self.watch)
        if signed_in is None:
            raise UserFault(
                "The refresh token is not valid. Sign in again.", _REFRESH_TOKEN, UserErrorCode.INVALID_TOKEN
            )
        return signed_in

    async def _verify(self, email: str | None, password: str, device: Device) -> SignedIn:
        for _ in range(_VERIFICATIONS):
            known = await self.database.fetch("User.credentials", _CREDENTIALS, [email]) if email else []
            password_hash: str | None = known[0]["password_hash"] if known else None
            verification = await self.passwords.verify(password_hash, password)
            if password_hash is None or not verification.matches:
                break
            renewed_hash = await self.passwords.hash(password) if verification.needs_rehash else None
            signed_in = await self._begin(known[0]["id"], password_hash, renewed_hash, device)
            if signed_in is not None:
                return signed_in
        raise UserFault("The email or the password is wrong.", (), UserErrorCode.INVALID_CREDENTIALS)

    async def _begin(
        self, user_id: UUID, password_hash: str, renewed_hash: str | None, device: Device
    ) -> SignedIn | None:
        signed_in: SignedIn | None = None

        async def verb(write: Write) -> None:
            nonlocal signed_in
            fetch = write.transaction.fetch
            signed_in = await sessions.start(fetch, user_id, password_hash, self.refresh_expiry, device)
            if signed_in is not None and renewed_hash is not None:
                await fetch("User.rehash", _REHASH, [user_id, renewed_hash])

        await perform(self.database, None, "signIn", {}, verb, viewers=self.viewers, watch=self.watch)
        return signed_in


async def sign_out(write: Write, *, everywhere: bool) -> None:
    """Ends the viewer's session, or all of them: their access and refresh tokens end at once."""
    fetch = write.transaction.fetch
    if everywhere:
        await sessions.revoke_all(fetch, write.viewer.user_id)
    else:
        await sessions.revoke(fetch, write.viewer.session_id)
    write.forget_viewer(write.viewer.user_id)


def personal_name(name: str) -> str:
    """What the workspace is called that somebody of that name gets by signing up."""
    return f"{name[: workspaces.MAX_NAME_LENGTH - 12]}'s workspace"


def is_personal_slug(slug: str, name: str) -> bool:
    """Whether it is one that signing up makes for somebody of that name."""
    return re.fullmatch(f"{_readable(name)}-[0-9a-f]{{{2 * _SLUG_BYTES}}}", slug) is not None


async def _settle(write: Write, user: models.User) -> None:
    workspace = await workspaces.found(
        write,
        models.Workspace(
            slug=f"{_readable(user.name)}-{secrets.token_hex(_SLUG_BYTES)}",
            name=personal_name(user.name),
            created_at=write.now,
            updated_at=write.now,
        ),
    )
    key, name = FIRST_PROJECT
    await projects.set_up(
        write,
        models.Project(
            workspace_id=workspace.id, key=key, name=name, created_at=write.now, updated_at=write.now
        ),
    )


def _readable(name: str) -> str:
    """Lower-case letters, digits and hyphens; at most 30."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters)[:30].strip("-") or "workspace"


def _address(email: str) -> str:
    address = parse_own_email(email)
    if address is None:
        raise Invalid(
            f"email must be an address such as robin@example.com, of at most {MAX_EMAIL_LENGTH} characters.",
            _EMAIL,
        )
    return address


def _present(signed_in: SignedIn | None) -> SignedIn:
    if signed_in is None:
        raise RuntimeError("a user just inserted was not there to sign in")
    return signed_in


_CREDENTIALS = """
SELECT "id", "password_hash" FROM "users" WHERE lower("email") = lower($1) AND "disabled_at" IS NULL
"""

_REHASH = """
UPDATE "users" SET "password_hash" = $2 WHERE "id" = $1
"""
