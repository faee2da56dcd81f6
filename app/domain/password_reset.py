"""A forgotten password: a link by mail, and a new password for whoever brings it back."""

from dataclasses import dataclass
from typing import Final

from app.domain import mailed_tokens, outbox, sessions
from app.domain import passwords as password_rules
from app.domain.attempts import Attempts
from app.domain.emails import parse_email
from app.domain.errors import Invalid
from app.domain.mailed_tokens import InvalidMailedToken, Purpose
from app.domain.outbox import EmailDisabled, MailKind
from app.domain.passwords import Passwords
from app.domain.perform import perform
from app.domain.viewer_cache import ViewerCache
from app.domain.write import Write
from app.infra.db import Database, Watch

_EMAIL: Final = ("email",)
_NEW_PASSWORD: Final = ("newPassword",)


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """The verbs of somebody who cannot sign in. `sends_mail`: whether this server does."""

    database: Database
    passwords: Passwords
    viewers: ViewerCache
    attempts: Attempts
    sends_mail: bool
    watch: Watch | None = None

    async def request(self, email: str, client_address: str) -> None:
        """One row in the outbox, whoever has the address or nobody: it is looked up when the mail is sent.

        So no answer and no answer's time tells who has an account. Raises EmailDisabled, Invalid for what is
        no address, TooManyAttempts.
        """
        if not self.sends_mail:
            raise EmailDisabled
        address = parse_email(email)
        if address is None:
            raise Invalid("email must be an address such as robin@example.com.", _EMAIL)
        await self.attempts.password_reset(client_address)

        async def verb(write: Write) -> None:
            await outbox.add(write.transaction.fetch, MailKind.PASSWORD_RESET, address)

        await perform(self.database, None, "passwordResetRequest", {}, verb, watch=self.watch)

    async def reset(self, token: str, new_password: str) -> None:
        """Sets the password, ends every session, and tells the user by mail.

        The link also shows that they read the address it was sent to. Raises InvalidMailedToken, Invalid for
        a password that may not be chosen, which leaves the token good; Busy.
        """
        holder = await mailed_tokens.find(self.database.fetch, token, Purpose.PASSWORD_RESET)
        if holder is None:
            raise InvalidMailedToken
        password_rules.check_new(new_password, _NEW_PASSWORD, email=holder.email, name=holder.name)
        password_hash = await self.passwords.hash(new_password)

        async def verb(write: Write) -> None:
            await self._set(write, token, password_hash)

        await perform(self.database, None, "passwordReset", {}, verb, viewers=self.viewers, watch=self.watch)

    async def _set(self, write: Write, token: str, password_hash: str) -> None:
        fetch = write.transaction.fetch
        spent = await mailed_tokens.spend(fetch, token, Purpose.PASSWORD_RESET)
        await fetch("User.setPassword", _RESET, [spent.user_id, password_hash])
        await mailed_tokens.void(fetch, spent.user_id)
        await sessions.revoke_all(fetch, spent.user_id)
        write.forget_viewer(spent.user_id)
        if self.sends_mail:
            await outbox.add(fetch, MailKind.PASSWORD_CHANGED, spent.address, user_id=spent.user_id)


_RESET = """
UPDATE "users"
SET "password_hash" = $2, "email_verified_at" = coalesce("email_verified_at", clock_timestamp())
WHERE "id" = $1
"""
