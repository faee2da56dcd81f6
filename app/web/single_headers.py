from collections import Counter
from typing import Final

from starlette.types import Scope

from app.web.errors import BAD_REQUEST, RequestError

_ONCE: Final = {b"host": "Host", b"content-type": "Content-Type"}


def check_single_headers(scope: Scope) -> None:
    """Of headers that a proxy and a server might take another one of (RFC 9112, 3.2; RFC 9110, 5.3). Raises
    RequestError."""
    given = Counter(name for name, _ in scope["headers"])
    for name, written in _ONCE.items():
        if given[name] > 1:
            raise RequestError(
                400, BAD_REQUEST, f"The request has {given[name]} headers {written}: send one."
            )
    if not given[b"host"] and scope["http_version"] != "1.0":
        raise RequestError(400, BAD_REQUEST, "The request has no header Host, which HTTP/1.1 requires.")
