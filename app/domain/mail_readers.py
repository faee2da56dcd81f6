"""Who is to read a mail of the outbox, decided when it is sent: names and accounts as they are now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.domain import mailed_tokens, outbox
from app.domain.mailed_tokens import Purpose
from app.domain.outbox import Mail, MailKind
from app.domain.viewer import Fetch

_PURPOSES: Final = {
    MailKind.PASSWORD_RESET: Purpose.PASSWORD_RESET,
    MailKind.EMAIL_VERIFICATION: Purpose.EMAIL_VERIFICATION,
    MailKind.EMAIL_CHANGE: Purpose.EMAIL_CHANGE,
}


@dataclass(frozen=True, slots=True)
class Link:
    """The token that a mail carries, and until when it is good."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Reader:
    """`name`: what the mail greets them by; None for somebody who is no user any more, or who has not shown
    that the address is theirs: else a name of one's choice would be a way to write to strangers."""

    name: str | None
    address: str
    link: Link | None = None


async def reader_of(fetch: Fetch, mail: Mail) -> Reader | None:
    """None when nobody is to get this mail: no such user, nothing left to do, or too many of its kind."""
    if mail.kind is MailKind.ACCOUNT_DELETED:
        return Reader(None, mail.address)
    people = await _people(fetch, mail)
    if not people:
        return None
    person = people[0]
    user_id = person["id"]
    # What they signed up with, not what somebody typed.
    address = person["email"] if mail.kind is MailKind.PASSWORD_RESET else mail.address
    is_theirs = person["email_verified_at"] is not None and person["email"].lower() == address.lower()
    name = person["name"] if is_theirs else None
    purpose = _PURPOSES.get(mail.kind)
    if purpose is None:
        return Reader(name, address)
    if not await outbox.belongs_to(fetch, mail, user_id):
        return None
    # Another attempt at a mail is no other mail.
    if mail.attempts == 1 and await mailed_tokens.are_too_many(fetch, user_id, purpose):
        return None
    token, expires_at = await mailed_tokens.make(fetch, user_id, purpose, address)
    return Reader(name, address, Link(token, expires_at))


async def _people(fetch: Fetch, mail: Mail) -> Sequence[Mapping[str, Any]]:
    if mail.kind is MailKind.PASSWORD_RESET:
        return await fetch("User.byAddress", _BY_ADDRESS, [mail.address])
    if mail.kind is MailKind.EMAIL_VERIFICATION:
        return await fetch("User.unverified", _UNVERIFIED, [mail.user_id, mail.address])
    return await fetch("User.byId", _BY_ID, [mail.user_id])


# The lock: of several mails to one user, prepared at once, each counts those before it.
_BY_ADDRESS = """
SELECT "id", "name", "email", "email_verified_at" FROM "users"
WHERE lower("email") = lower($1) AND "disabled_at" IS NULL
FOR NO KEY UPDATE
"""

_UNVERIFIED = """
SELECT "id", "name", "email", "email_verified_at" FROM "users"
WHERE "id" = $1 AND lower("email") = lower($2) AND "email_verified_at" IS NULL AND "disabled_at" IS NULL
FOR NO KEY UPDATE
"""

_BY_ID = """
SELECT "id", "name", "email", "email_verified_at" FROM "users" WHERE "id" = $1 AND "disabled_at" IS NULL
FOR NO KEY UPDATE
"""
