"""What the router refuses, in the shape of every other error."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.web.errors import BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND, format_error

_KNOWN: Final = {
    404: (NOT_FOUND, "There is nothing at this address. The API is at /graphql."),
    405: (METHOD_NOT_ALLOWED, "This address does not take that method."),
}


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for that class alone
    code, message = _KNOWN.get(error.status_code, (BAD_REQUEST, error.detail))
    formatted = format_error(code, message, request.state["request_id"])
    return JSONResponse({"errors": [formatted]}, status_code=error.status_code, headers=error.headers)
