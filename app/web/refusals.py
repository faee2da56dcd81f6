"""What is refused before it is a request that the application sees, in the shape of every other error."""

from http import HTTPStatus
from typing import Final

import orjson

from app.infra.logging import log_access
from app.infra.logging import request_id as current_request_id
from app.infra.metrics import http_series
from app.web.errors import BAD_REQUEST, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, format_error
from app.web.http_errors import JSON
from app.web.middleware import UNMATCHED, new_request_id

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers."""
MAX_HEADERS: Final = 100

_PHRASES: Final = {414: "URI Too Long", 431: "Request Header Fields Too Large"}  # as RFC 9110 and 6585 say
_BY_POST: Final = "Send the document and its variables by POST."


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self, request_id: str) -> bytes:
        """Of HTTP/1.1, after which the connection ends."""
        body = error_body(self.code, self.message, request_id)
        head = (
            f"HTTP/1.1 {self.status} {_PHRASES.get(self.status) or HTTPStatus(self.status).phrase}\r\n"
            f"content-type: {JSON}\r\ncontent-length: {len(body)}\r\nx-request-id: {request_id}\r\n"
            "cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + body


UNREADABLE: Final = Refusal(400, BAD_REQUEST, "This cannot be read as a request of HTTP/1.1.")
TOO_LATE: Final = Refusal(408, REQUEST_TIMEOUT, "The request did not come in time.")
URI_TOO_LONG: Final = Refusal(
    414, PAYLOAD_TOO_LARGE, f"The request's line is larger than {MAX_HEAD:,} bytes. {_BY_POST}"
)
HEAD_TOO_LARGE: Final = Refusal(
    431, PAYLOAD_TOO_LARGE, f"The request's line and headers are larger than {MAX_HEAD:,} bytes. {_BY_POST}"
)
TRAILERS_TOO_LARGE: Final = Refusal(
    431,
    PAYLOAD_TOO_LARGE,
    f"Trailers, or extensions of a chunk, are larger than {MAX_HEAD:,} bytes. Send none.",
)
BODY_IN_UPGRADE: Final = Refusal(400, BAD_REQUEST, "A request that opens a WebSocket has no body.")
TOO_MANY_HEADERS: Final = Refusal(
    431, PAYLOAD_TOO_LARGE, f"The request has more than {MAX_HEADERS} headers. Send fewer."
)


def note(status: int) -> str:
    """Counts and logs, as a request, what no application sees. Returns the id that it has."""
    http_series("OTHER", UNMATCHED, status)[0].inc()
    given = new_request_id()
    token = current_request_id.set(given)
    log_access("request", {"method": "OTHER", "route": UNMATCHED, "status": status})
    current_request_id.reset(token)
    return given


def error_body(code: str, message: str, request_id: str) -> bytes:
    return orjson.dumps({"errors": [format_error(code, message, request_id)]})
