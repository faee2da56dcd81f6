"""Access tokens: short-lived JSON Web Tokens that name a user and a session, and nothing else."""

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from jose import JOSEError, jwk, jwt

from app.models.ids import parse_id

ALGORITHM: Final = "HS256"

# A token of ours has about 260 characters. The cap also keeps the JSON that python-jose reads before it has
# checked the signature from nesting deeper than Python's stack.
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{1,512}\.[A-Za-z0-9_-]{1,512}\.[A-Za-z0-9_-]{43}")
_OPTIONS: Final = {"require_exp": True, "require_iat": True, "require_sub": True, "verify_aud": False}


class InvalidToken(Exception):
    """Malformed, tampered with, of another algorithm or key, or expired: told apart for nobody."""


@dataclass(frozen=True, slots=True)
class Claims:
    user_id: UUID
    session_id: UUID
    expires_at: float  # seconds since 1970


class AccessTokens:
    """Signs with `secret`; verifies with it or the `previous` one, for as long as a change of secrets takes.

    Remembers what it has verified until it expires, at most `remembered` tokens.
    """

    def __init__(
        self, secret: str, lifetime: timedelta, *, previous: str | None = None, remembered: int = 10_000
    ) -> None:
        # Key objects, because python-jose would try to read a secret in text as JSON.
        self._keys = [jwk.construct(one, ALGORITHM) for one in (secret, previous) if one is not None]
        self._lifetime = lifetime
        self._remembered = remembered
        self._verified: dict[str, Claims] = {}

    def issue(self, user_id: UUID, session_id: UUID, now: datetime) -> tuple[str, datetime]:
        """The signed token and when it expires."""
        issued_at = now.replace(microsecond=0)
        expires_at = issued_at + self._lifetime
        claims = {
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": int(issued_at.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return jwt.encode(claims, self._keys[0], algorithm=ALGORITHM), expires_at

    def verify(self, token: str) -> Claims:
        """Raises InvalidToken. Says nothing about whether the user and the session still are."""
        claims = self._verified.get(token) or self._decode(token)
        if claims.expires_at <= time.time():
            self._verified.pop(token, None)
            raise InvalidToken
        return claims

    def _decode(self, token: str) -> Claims:
        if not _SHAPE.fullmatch(token):
            raise InvalidToken
        for key in self._keys:
            try:
                # The one algorithm, always: CVE-2026-85394 and every confusion of algorithms before it.
                payload = jwt.decode(token, key, algorithms=[ALGORITHM], options=_OPTIONS)
            except (JOSEError, TypeError, OverflowError):  # the latter two: claims that are no numbers
                continue
            claims = _read(payload)
            self._remember(token, claims)
            return claims
        raise InvalidToken

    def _remember(self, token: str, claims: Claims) -> None:
        if len(self._verified) >= self._remembered:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = claims


def _read(payload: dict[str, object]) -> Claims:
    user_id = parse_id(str(payload["sub"]))
    session_id = parse_id(str(payload.get("sid")))
    expires_at = payload["exp"]
    if user_id is None or session_id is None or not isinstance(expires_at, int):
        raise InvalidToken
    return Claims(user_id, session_id, expires_at)
