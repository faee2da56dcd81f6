"""How often people may try what can be guessed: passwords, and which emails have signed up.

A failed sign-in counts three times, so that guessing is slow whichever way it is spread and nobody can lock
somebody else out for good (OWASP Authentication Cheat Sheet; NIST SP 800-63B-4, 3.2.2):

- for the email from this address, strictly;
- for the email from all addresses, loosely, but not from those that it has signed in from lately: who floods
  an account from elsewhere does not keep its owner out of where they work;
- for the address with all emails.

Emails that nobody has signed up with count alike. Refresh tokens are 32 random bytes: guessing them is left
to the limit of operations.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from app.config import Settings
from app.domain.errors import TooManyAttempts
from app.infra.addresses import network_of
from app.infra.attempt_counters import AttemptCounters, Counter
from app.infra.metrics import attempts as attempts_metric
from app.infra.redis import Redis

FAMILIAR: Final = timedelta(days=30)
"""How long an address counts as one that an email signs in from."""


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """Counted as a failure until it is told otherwise."""

    _counters: AttemptCounters
    of_email: Sequence[Counter]
    of_address: Sequence[Counter]

    async def succeeded(self) -> None:
        """The email's counts begin anew; the address's loses this attempt and keeps the others."""
        await asyncio.gather(  # in one round trip
            self.make_familiar(),
            self._counters.forget(self.of_email),
            self._counters.take_back(self.of_address),
        )

    async def make_familiar(self) -> None:
        """Others' failures no longer count against the email here."""
        waived = [one for one in self.of_email if one.waiver]
        await asyncio.gather(*(self._counters.waive(one, _milliseconds(FAMILIAR)) for one in waived))

    async def take_back(self) -> None:
        """No password was verified."""
        await self._counters.take_back([*self.of_email, *self.of_address])


class Attempts:
    """Each method counts one attempt and raises TooManyAttempts for one too many, which then counts nowhere.

    `address` is the client's.
    """

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._settings = settings
        self._counters = AttemptCounters(redis)

    async def sign_in(self, email: str, address: str) -> SignInAttempt:
        attempt = self._sign_in(email, address)
        await self._count("sign_in", [*attempt.of_email, *attempt.of_address])
        return attempt

    async def signed_up(self, email: str, address: str) -> None:
        """Where a session begins by signing up is where its user signs in from."""
        await self._sign_in(email, address).make_familiar()

    async def password(self, session_id: UUID) -> None:
        """Somebody signed in proves that they know their password. A success counts too: hashing costs time.

        From all addresses together, and of each session by itself: who holds a stolen one uses up its
        attempts, and not those of the owner, who signs in again.
        """
        settings = self._settings
        limit = (f"password:{session_id}", settings.sign_in_max, settings.sign_in_window, "")
        await self._count("password", _counters(limit))

    async def sign_up(self, address: str) -> None:
        """Also a failed one: it tells whether an email is taken."""
        settings = self._settings
        limit = (f"sign-up:{network_of(address)}", settings.sign_up_max, settings.sign_up_window, "")
        await self._count("sign_up", _counters(limit))

    async def password_reset(self, address: str) -> None:
        """Requests for a link by mail. How many mails one account gets is bounded in the outbox."""
        settings = self._settings
        maximum, window = settings.password_reset_max, settings.password_reset_window
        limit = (f"password-reset:{network_of(address)}", maximum, window, "")
        await self._count("password_reset", _counters(limit))

    async def member_add(self, user_id: UUID, address: str) -> None:
        """Also a failed one, and with validateOnly: it tells whether somebody has signed up with an email."""
        maximum, window = self._settings.member_add_max, self._settings.member_add_window
        await self._count(
            "member_add",
            _counters(
                (f"member-add:{user_id}", maximum, window, ""),
                (f"member-add:{network_of(address)}", 2 * maximum, window, ""),
            ),
        )

    def _sign_in(self, email: str, address: str) -> SignInAttempt:
        settings, window = self._settings, self._settings.sign_in_window
        who, where = _digest(email.strip().casefold()), network_of(address)
        pair = f"sign-in:{who}:{where}"
        waiver = f"familiar:{who}:{where}"
        of_email = _counters(
            (pair, settings.sign_in_max, window, ""),
            (f"sign-in:{who}", settings.sign_in_max_per_email, window, waiver),
        )
        of_address = _counters((f"sign-in:{where}", settings.sign_in_max_per_address, window, ""))
        return SignInAttempt(self._counters, of_email, of_address)

    async def _count(self, verb: str, counters: Sequence[Counter]) -> None:
        if not counters:
            return
        wait, in_redis = await self._counters.count(counters)
        outcome = "refused" if wait else "allowed"
        attempts_metric.labels(verb, outcome, "redis" if in_redis else "process").inc()
        if wait:
            raise TooManyAttempts(-(-wait // 1000))


def _counters(*limits: tuple[str, int, timedelta, str]) -> list[Counter]:
    """Of those (key, maximum, window, waiver) that set a limit."""
    return [
        # With the window: a changed one begins anew instead of waiting for the old one's end.
        Counter(f"{key}:{_milliseconds(window)}", maximum, _milliseconds(window), waiver)
        for key, maximum, window, waiver in limits
        if maximum
    ]


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def _digest(text: str) -> str:
    # The store of counters need not know who has an account.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
