"""Refuses what a process cannot carry while it can still say so."""

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.errors import SERVICE_UNAVAILABLE, format_error

_NEVER_REFUSED: Final = ("/health", "/metrics")


class ConnectionCap:
    """At most `maximum` open sockets and requests under way; health checks and scrapes come on top."""

    def __init__(self, app: ASGIApp, *, maximum: int) -> None:
        self._app = app
        self._maximum = maximum
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith(_NEVER_REFUSED):
            await self._app(scope, receive, send)
        elif self._open >= self._maximum:
            await _refuse(scope, receive, send)
        else:
            self._open += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._open -= 1


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    message = "This server has as many connections as it takes. Try again soon."
    error = format_error(SERVICE_UNAVAILABLE, message, scope["state"]["request_id"])
    # Also in place of a WebSocket, whose client has not been let in yet.
    response = JSONResponse({"errors": [error]}, status_code=503, headers={"retry-after": "1"})
    await response(scope, receive, send)
