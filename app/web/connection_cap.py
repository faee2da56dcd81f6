"""Refuses what a process cannot carry while it can still say so."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.infra.addresses import network_of
from app.web.errors import SERVICE_UNAVAILABLE, TOO_MANY_CONNECTIONS
from app.web.http_errors import refusal

_NEVER_REFUSED: Final = ("/health", "/metrics")


class ConnectionCap:
    """At most `maximum` open sockets and requests under way, health checks and scrapes on top.

    per_address: how many of them may be from one address; 0 sets no limit of its own.
    """

    def __init__(self, app: ASGIApp, *, maximum: int, per_address: int) -> None:
        self._app = app
        self._maximum = maximum
        self._per_address = per_address or maximum
        self._open = 0
        self._open_from: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith(_NEVER_REFUSED):
            await self._app(scope, receive, send)
            return
        client = scope["client"]
        address = network_of(client[0] if client else "")
        open_from = self._open_from.get(address, 0)
        if self._open >= self._maximum:
            message = "This server has as many connections as it takes. Try again soon."
            await _refuse(503, SERVICE_UNAVAILABLE, message, scope, receive, send)
        elif open_from >= self._per_address:
            message = (
                f"Your address has {open_from:,} connections open here, which is the limit. "
                "Close some, or use one WebSocket for many subscriptions."
            )
            await _refuse(429, TOO_MANY_CONNECTIONS, message, scope, receive, send)
        else:
            self._open += 1
            self._open_from[address] = open_from + 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._leave(address)

    def _leave(self, address: str) -> None:
        self._open -= 1
        left = self._open_from[address] - 1
        if left:
            self._open_from[address] = left
        else:
            del self._open_from[address]


async def _refuse(status: int, code: str, message: str, scope: Scope, receive: Receive, send: Send) -> None:
    response = refusal(status, code, message, scope["state"]["request_id"], {"retry-after": "1"})
    await response(scope, receive, send)
