"""Refuses what a page of another site can make a browser send without asking first.

A POST is safe by its content type: application/json is asked for by a preflight. A GET reads only, and no
browser adds a token to it by itself; so what is refused here could do no more than cost work.
"""

from collections.abc import Mapping
from typing import Final

from app.web.errors import CSRF_PREVENTION, RequestError

PREFLIGHT_HEADERS: Final = (
    "X-Apollo-Operation-Name",
    "Apollo-Require-Preflight",
    "GraphQL-Require-Preflight",
)
"""None of them can be sent to another site without a preflight (Apollo Server's rule)."""

_NAMES: Final = tuple(name.lower().encode() for name in PREFLIGHT_HEADERS)
_SIMPLE_TYPES: Final = (b"", b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain")
_MODES: Final = (None, b"cors", b"same-origin")
"""What browsers say of fetch and EventSource (Sec-Fetch-Mode); forms, images and links say something else."""


def refuse_forged(headers: Mapping[bytes, bytes]) -> None:
    """Of a GET. Raises RequestError."""
    if headers.get(b"sec-fetch-mode") in _MODES or any(headers.get(name) for name in _NAMES):
        return
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type in _SIMPLE_TYPES:
        raise RequestError(
            400,
            CSRF_PREVENTION,
            "A page may have been made to send this. Send a content type of application/json or the header"
            " GraphQL-Require-Preflight.",
        )
