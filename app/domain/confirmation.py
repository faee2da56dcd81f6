"""Asking for the password again, before what a stolen access token must not be able to do."""

from typing import Final

from app.domain.attempts import Attempts
from app.domain.errors import UserErrorCode, UserFault
from app.domain.passwords import Passwords
from app.domain.write import Write

_FIELD: Final = ("password",)


async def confirm_password(write: Write, passwords: Passwords, attempts: Attempts, password: str) -> None:
    """Raises UserFault (INVALID_CREDENTIALS when it is not the viewer's, TOO_MANY_ATTEMPTS), Busy."""
    await attempts.password(write.viewer.session_id)
    [person] = await write.fetch("User.credentials", _CREDENTIALS)
    verification = await passwords.verify(person["password_hash"], password)
    if not verification.matches:
        raise UserFault("The password is wrong.", _FIELD, UserErrorCode.INVALID_CREDENTIALS)


# The lock: what follows is done with before the password changes, or finds the new one.
_CREDENTIALS = """
SELECT "password_hash" FROM "users" WHERE "id" = :user_id
FOR NO KEY UPDATE
"""
