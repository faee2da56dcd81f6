"""How single values are written in the environment. Each function raises ValueError with what is wrong."""

import base64
import binascii
import ipaddress
import re
from datetime import timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit

MINIMUM_SECRET_BYTES = 32
_LEAST_VARIETY = 8
"""Different bytes; 32 random ones have about 30, the same in base64 or hexadecimal at least 12."""
_PLACEHOLDER = re.compile(r"^\$[({]|replace[-_ ]this|change[-_ ]?me|your[-_ ].*secret", re.IGNORECASE)

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST_DURATION = timedelta(days=3650)
_KEY_MARKS = ("-----BEGIN", "---- BEGIN", "ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")


def parse_duration(text: str) -> timedelta:
    """Reads `30s`, `15m`, `24h` or `7d`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a whole number followed by s, m, h or d")
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not timedelta(seconds=1) <= duration <= _LONGEST_DURATION:
        raise ValueError(f"is not between 1s and {_LONGEST_DURATION.days}d")
    return duration


def write_duration(duration: timedelta) -> str:
    """The inverse of parse_duration, in the largest unit that leaves no rest."""
    seconds = int(duration.total_seconds())
    sizes = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    unit = next(unit for unit, size in sizes.items() if seconds % size == 0)
    return f"{seconds // sizes[unit]}{unit}"


def parse_list(text: str) -> tuple[str, ...]:
    """Reads comma-separated entries; spaces around them and empty ones are dropped."""
    return tuple(entry for entry in (part.strip() for part in text.split(",")) if entry)


def check_signing_secret(secret: str) -> str:
    """
    Refuses what must not sign HS256 tokens: fewer bytes than the hash (RFC 7518, 3.2), anything shaped like a
    key, since python-jose takes public keys for HMAC secrets (CVE-2026-85394), and what an example holds in
    place of a secret.
    """
    raw = secret.encode("utf-8", "surrogateescape")
    if len(raw) < MINIMUM_SECRET_BYTES:
        raise ValueError(f"is {len(raw)} bytes long; {MINIMUM_SECRET_BYTES} are the least")
    if _is_key_shaped(secret, raw):
        raise ValueError("is shaped like a key (PEM, DER, JWK or SSH); use random characters")
    if len(set(raw)) < _LEAST_VARIETY or _PLACEHOLDER.search(secret):
        raise ValueError("is no secret but a placeholder; use the output of `openssl rand -base64 48`")
    return secret


def check_origin(origin: str) -> str:
    """Accepts `*` and web origins: scheme and host, without a path (RFC 6454)."""
    if origin == "*":
        return origin
    parts = urlsplit(origin)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or origin != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError(f"holds {origin!r}, which is not an origin such as https://app.example.com")
    return origin


def check_network(text: str) -> str:
    """Reads an address or a network in CIDR notation and returns it as a network."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(f"holds {text!r}, which is not an address or a network in CIDR notation") from error


def check_sender(sender: str) -> str:
    """Accepts `tasks@example.com` and `TaskFlow <tasks@example.com>`, on one line (RFC 5322, 3.4)."""
    local, at, domain = parseaddr(sender)[1].rpartition("@")
    if not sender.isprintable() or not (local and at and domain) or not local.isascii():
        raise ValueError("is no sender such as TaskFlow <tasks@example.com>")
    try:
        domain.encode("idna")
    except UnicodeError as error:
        raise ValueError("holds a domain that no mail reaches") from error
    return sender


def check_redis_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("does not begin with redis://, rediss:// or unix://")
    if parts.scheme == "unix" and not parts.path.startswith("/"):
        raise ValueError("names no socket")
    if parts.scheme != "unix":
        _check_host(url)
    return url


def check_public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError("is not an http:// or https:// address without a query")
    _check_host(url)
    return url.rstrip("/")


def _check_host(url: str) -> None:
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("has a port that is not a number from 0 to 65535") from error
    if not host:
        raise ValueError("names no host")


def _is_key_shaped(secret: str, raw: bytes) -> bool:
    text = secret.strip()
    if text.startswith(_KEY_MARKS) or (text.startswith("{") and '"kty"' in text):
        return True
    return _is_der(raw) or _is_der(_decode_base64(text))


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()).replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_der(raw: bytes) -> bool:
    """Whether one ASN.1 SEQUENCE fills the bytes exactly, as in every DER key (X.690, 8.1.3)."""
    if len(raw) < 2 or raw[0] != 0x30:
        return False
    if raw[1] < 0x80:
        return len(raw) == 2 + raw[1]
    size = raw[1] & 0x7F
    return len(raw) == 2 + size + int.from_bytes(raw[2 : 2 + size], "big")
