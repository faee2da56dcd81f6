"""E-mail addresses, as far as a server can know them without sending mail."""

import re
from typing import Final

MAX_LENGTH: Final = 254  # RFC 3696, erratum 1690
_MAX_LOCAL_LENGTH: Final = 64  # RFC 5321, 4.5.3.1.1

# What browsers take in <input type="email"> (WHATWG HTML, "valid e-mail address"), and so ASCII alone: a
# domain in other letters arrives in its xn-- form, and lower() means the same in every database.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NOBODYS: Final = re.compile(r"[@.]invalid$", re.IGNORECASE)
_ADDRESS: Final = re.compile(rf"(?P<local>[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+)@{_LABEL}(?:\.{_LABEL})*")


def parse_email(text: str) -> str | None:
    """The address without the white space around it, or None when it is none. Its case is kept."""
    address = text.strip()
    if len(address) > MAX_LENGTH:
        return None
    match = _ADDRESS.fullmatch(address)
    return address if match and len(match["local"]) <= _MAX_LOCAL_LENGTH else None


def parse_own_email(text: str) -> str | None:
    """An address that somebody wants for themselves. None too for one under .invalid (RFC 2606, 2): it
    reaches nobody, and stands for those whose account is deleted."""
    address = parse_email(text)
    return None if address is None or _NOBODYS.search(address) else address
