"""Changing one's password."""

from typing import Final

from app.domain import mailed_tokens, outbox, sessions
from app.domain import passwords as password_rules
from app.domain.attempts import Attempts
from app.domain.errors import Invalid, UserErrorCode, UserFault
from app.domain.mailed_tokens import Purpose
from app.domain.outbox import MailKind
from app.domain.passwords import Passwords
from app.domain.write import Write

_CURRENT: Final = ("currentPassword",)
_NEW: Final = ("newPassword",)


async def change(
    write: Write,
    passwords: Passwords,
    attempts: Attempts,
    *,
    current_password: str,
    new_password: str,
    sends_mail: bool,
) -> None:
    """Ends the viewer's other sessions at once, and voids links that were mailed; the session that asks goes
    on. The user is told by mail.

    Raises UserFault (INVALID, TOO_MANY_ATTEMPTS, INVALID_CREDENTIALS for a wrong `current_password`), Busy.
    """
    viewer = write.viewer
    [person] = await write.fetch("User.password", _PERSON)
    password_rules.check_new(new_password, _NEW, email=person["email"], name=person["name"])
    await attempts.password(viewer.session_id)
    if not (await passwords.verify(person["password_hash"], current_password)).matches:
        raise _wrong()
    if password_rules.same(current_password, new_password):
        raise Invalid("The new password is the current one.", _NEW)
    new_hash = await passwords.hash(new_password)
    if not await write.fetch("User.changePassword", _CHANGE, old=person["password_hash"], new=new_hash):
        raise _wrong()  # another change was quicker
    fetch = write.transaction.fetch
    await sessions.revoke_all(fetch, viewer.user_id, but=viewer.session_id)
    await mailed_tokens.void(fetch, viewer.user_id, Purpose.PASSWORD_RESET, Purpose.EMAIL_CHANGE)
    write.forget_viewer(viewer.user_id)
    if sends_mail:
        await outbox.add(fetch, MailKind.PASSWORD_CHANGED, person["email"], user_id=viewer.user_id)


def _wrong() -> UserFault:
    return UserFault("The current password is wrong.", _CURRENT, UserErrorCode.INVALID_CREDENTIALS)


_PERSON = """
SELECT "email", "name", "password_hash" FROM "users" WHERE "id" = :user_id
"""

# Whoever signs in meanwhile with the old one is waited for, or waits and is refused (sessions.py, _START).
_CHANGE = """
UPDATE "users" SET "password_hash" = :new WHERE "id" = :user_id AND "password_hash" = :old RETURNING "id"
"""
