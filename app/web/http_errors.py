"""What the router refuses, in the shape of every other error."""

from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.web.errors import BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND, format_error

JSON: Final = "application/json; charset=utf-8"

_KNOWN: Final = {
    404: (NOT_FOUND, "There is nothing at this address. The API is at /graphql."),
    405: (METHOD_NOT_ALLOWED, "This address does not take that method."),
}


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for that class alone
    code, message = _KNOWN.get(error.status_code, (BAD_REQUEST, error.detail))
    return refusal(error.status_code, code, message, request.state["request_id"], error.headers)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Also in place of a WebSocket, which Starlette would answer with 403."""
    await refusal(404, *_KNOWN[404], scope["state"]["request_id"])(scope, receive, send)


def refusal(
    status: int, code: str, message: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer for HTTP, and in place of a WebSocket, whose client has not been let in yet."""
    return JSONResponse(
        {"errors": [format_error(code, message, request_id)]},
        status_code=status,
        headers={"cache-control": "no-store", **(headers or {})},
        media_type=JSON,
    )
