"""Passwords: their limits, and Argon2id kept off the event loop."""

import asyncio
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import argon2

from app.domain.errors import Busy, Invalid

MIN_LENGTH: Final = 10
MAX_LENGTH: Final = 128

_COMMON: Final = Path(__file__).with_name("common_passwords.txt")

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
PARAMETERS: Final = argon2.Parameters(
    type=argon2.Type.ID,
    version=19,
    salt_len=16,
    hash_len=32,
    time_cost=2,
    memory_cost=19 * 1024,
    parallelism=1,
)

# The hash of random bytes nobody kept: what an unknown e-mail address is verified against, so that it costs
# what a known one costs.
NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$rM8wxGHNXSx09QL82+3hHA$h9ydsJSUI8DlSWevdXwEvX4kNr09AMfHea4Q/qeEgqQ"
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verification:
    matches: bool
    needs_rehash: bool


class Passwords:
    """Hashes and verifies on a few threads; what would wait too long is refused at once."""

    def __init__(self, *, threads: int = 2, waiting: int = 64) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(PARAMETERS)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._places = threading.BoundedSemaphore(threads + waiting)

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash (about 100 characters). Raises Busy."""
        return await self._run(lambda: self._hasher.hash(_encoded(password)))

    async def verify(self, password_hash: str | None, password: str) -> Verification:
        """Costs one Argon2 verification whatever it is given; no hash (an unknown user) matches nothing.

        Raises Busy.
        """
        return await self._run(lambda: self._verify(password_hash, password))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password_hash: str | None, password: str) -> Verification:
        try:
            self._hasher.verify(password_hash or NOBODY, _encoded(password))
        except argon2.exceptions.VerifyMismatchError:
            return Verification(matches=False, needs_rehash=False)
        if password_hash is None:
            return Verification(matches=False, needs_rehash=False)
        return Verification(matches=True, needs_rehash=self._hasher.check_needs_rehash(password_hash))

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise Busy("Too many people are signing in right now. Try again in a few seconds.")
        future: Future[T] = self._threads.submit(work)
        # On the thread's own future: a caller that goes away must not free the place of work still running.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def check_new(password: str, field: tuple[str, ...], *, email: str, name: str) -> None:
    """Raises Invalid for a password that may not be chosen (NIST SP 800-63B-4, 3.1.1.2).

    Length counts code points once normalized; whose `email` and `name` they are is compared without case.
    """
    # Bounded before normalizing: one code point may become eighteen.
    length = len(password) if len(password) > MAX_LENGTH else len(_normalized(password))
    if length < MIN_LENGTH:
        raise Invalid(f"A password has at least {MIN_LENGTH} characters.", field)
    if length > MAX_LENGTH:
        raise Invalid(f"A password has at most {MAX_LENGTH} characters.", field)
    folded = _folded(password)
    if folded in {_folded(email), _folded(email.partition("@")[0]), _folded(name)}:
        raise Invalid("A password must not be the email or the name it belongs to.", field)
    if folded in _common():
        raise Invalid("This password is among the first that are guessed. Choose a less common one.", field)


def same(one: str, other: str) -> bool:
    """Whether one is accepted for the other."""
    return _encoded(one) == _encoded(other)


@cache
def _common() -> frozenset[str]:
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _folded(text: str) -> str:
    return _normalized(text).strip().casefold()


def _normalized(password: str) -> str:
    """One form for whatever keyboard composed it (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _encoded(password: str) -> bytes:
    # A lone surrogate, which JSON can write, is one more character that matches nothing and no error.
    return _normalized(password).encode("utf-8", "surrogatepass")
