"""Whether somebody reads the mail of their address: a link goes there, to the one they have or a new one."""

from typing import Final

from app.domain import mailed_tokens, outbox
from app.domain.emails import parse_own_email
from app.domain.errors import Invalid, Taken
from app.domain.mailed_tokens import Purpose, Spent
from app.domain.outbox import EmailDisabled, MailKind
from app.domain.perform import perform
from app.domain.viewer import Fetch
from app.domain.write import Write
from app.infra.db import Database, Watch

_EMAIL: Final = ("email",)
_TOKEN: Final = ("token",)


async def request(write: Write, *, sends_mail: bool) -> None:
    """Mails a link to the viewer's address, unless it is verified already. Raises EmailDisabled."""
    if not sends_mail:
        raise EmailDisabled
    user_id = write.viewer.user_id
    fetch = write.transaction.fetch
    [person] = await fetch("User.email", _EMAIL_OF, [user_id])
    if person["email_verified_at"] is None:
        await outbox.add(fetch, MailKind.EMAIL_VERIFICATION, person["email"], user_id=user_id)


async def request_change(write: Write, email: str, *, sends_mail: bool) -> None:
    """Mails a link to the new address; until it is brought back, the old one stays.

    Whether somebody else has the address shows to nobody but its reader. Raises EmailDisabled, Invalid.
    """
    if not sends_mail:
        raise EmailDisabled
    address = parse_own_email(email)
    if address is None:
        raise Invalid("email must be an address such as robin@example.com.", _EMAIL)
    user_id = write.viewer.user_id
    await outbox.add(write.transaction.fetch, MailKind.EMAIL_CHANGE, address, user_id=user_id)


async def verify(database: Database, token: str, *, sends_mail: bool, watch: Watch | None = None) -> str:
    """The address that is verified now. A new one takes the old one's place, which is told by mail.

    Raises InvalidMailedToken; Taken when somebody else has the address meanwhile.
    """
    address = ""

    async def verb(write: Write) -> None:
        nonlocal address
        address = await _verify(write.transaction.fetch, token, sends_mail)

    await perform(database, None, "emailVerify", {}, verb, watch=watch)
    return address


async def _verify(fetch: Fetch, token: str, sends_mail: bool) -> str:
    spent = await mailed_tokens.spend(fetch, token, Purpose.EMAIL_VERIFICATION, Purpose.EMAIL_CHANGE)
    if spent.purpose is Purpose.EMAIL_VERIFICATION:
        await fetch("User.verifyEmail", _VERIFY, [spent.user_id])
        await mailed_tokens.void(fetch, spent.user_id, Purpose.EMAIL_VERIFICATION)
    else:
        former = await _change(fetch, spent)
        if sends_mail and former.lower() != spent.address.lower():
            await outbox.add(fetch, MailKind.EMAIL_CHANGED, former, user_id=spent.user_id)
    return spent.address


async def _change(fetch: Fetch, spent: Spent) -> str:
    """Returns the address that the user had."""
    [person] = await fetch("User.lockEmail", _LOCK, [spent.user_id])
    if not await fetch("User.changeEmail", _CHANGE, [spent.user_id, spent.address]):
        raise Taken("Somebody else has signed up with this address meanwhile.", _TOKEN)
    await mailed_tokens.void(fetch, spent.user_id)
    former: str = person["email"]
    return former


_EMAIL_OF = """
SELECT "email", "email_verified_at" FROM "users" WHERE "id" = $1
"""

_LOCK = """
SELECT "email" FROM "users" WHERE "id" = $1 FOR UPDATE
"""

_VERIFY = """
UPDATE "users" SET "email_verified_at" = coalesce("email_verified_at", clock_timestamp()) WHERE "id" = $1
"""

# Of two who want an address at once, the unique key refuses the second.
_CHANGE = """
UPDATE "users" SET "email" = $2, "email_verified_at" = clock_timestamp(), "updated_at" = clock_timestamp(),
    "version" = "version" + 1
WHERE "id" = $1
    AND NOT EXISTS (
        SELECT 1 FROM "users" AS other WHERE lower(other."email") = lower($2) AND other."id" <> $1
    )
RETURNING "id"
"""
