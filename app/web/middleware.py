"""What happens to every request: its id, its line in the log, its place in the metrics."""

import random
import re
from collections.abc import Awaitable
from time import perf_counter
from typing import Any, Final, Literal

import structlog
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.infra import tracing
from app.infra.logging import log_access, logs_access
from app.infra.logging import request_id as current_request_id
from app.infra.metrics import active_connections, http_series
from app.web.errors import RequestError, format_exception
from app.web.http_errors import JSON
from app.web.single_headers import check_single_headers
from app.web.tracing import traced

UNMATCHED: Final = "(unmatched)"
"""The path label of requests that no route takes: raw paths would make series without bound."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,128}")
_QUIET: Final = ("/health", "/metrics", "/graphql/static")
_NO_ANSWER: Final = 499
"""nginx's status for a request that ended before its answer began."""
_log = structlog.stdlib.get_logger("taskflow.access")


class RequestMiddleware:
    """The outermost of ours, pure ASGI: nothing inside raises through it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] not in ("http", "websocket"):
            return self._app(scope, receive, send)
        headers = dict(reversed(scope["headers"]))
        request_id = _request_id(headers.get(b"x-request-id"))
        state = scope.setdefault("state", {})
        state["request_id"], state["headers"], state["operation_name"] = request_id, headers, None
        current_request_id.set(request_id)
        handle = self._http if scope["type"] == "http" else self._websocket
        return handle(scope, receive, send, request_id)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = perf_counter()
        counted = scope["path"] != "/metrics"  # a scrape does not count itself
        if counted:
            active_connections.inc()
        status = 0
        added = scope["state"]["answer_headers"] = [(b"x-request-id", request_id.encode())]

        def send_with_id(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *added]
            return send(message)

        try:
            given = scope["state"]["headers"]
            if len(given) != len(scope["headers"]) or b"host" not in given:
                check_single_headers(scope)
            if tracing.spans is None:
                await self._app(scope, receive, send_with_id)
            else:
                await traced(tracing.spans, self._app, scope, receive, send_with_id)
        except Exception as error:
            formatted = format_exception(error, request_id)
            if status == 0:
                refused = error.status if isinstance(error, RequestError) else None
                body, headers = {"errors": [formatted]}, {"cache-control": "no-store"}
                response = JSONResponse(body, refused or 500, headers, media_type=JSON)
                await response(scope, receive, send_with_id)
        finally:
            _observe(scope, scope["state"].get("refused", status), perf_counter() - started)
            if counted:
                active_connections.dec()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = perf_counter()
        active_connections.inc()
        code: int | None = None

        async def receive_close() -> Message:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code")
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal code
            if message["type"] in ("websocket.accept", "websocket.http.response.start"):
                MutableHeaders(scope=message)["x-request-id"] = request_id
            elif message["type"] == "websocket.close":
                code = message.get("code")
            await send(message)

        try:
            await self._app(scope, receive_close, send_with_id)
        except Exception:
            _log.exception("A socket failed")
            await _close(send)
        finally:
            seconds = round(perf_counter() - started, 3)
            _log.info("socket closed", route=_route(scope), code=code, seconds=seconds)
            active_connections.dec()


def _request_id(given: bytes | None) -> str:
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return new_request_id()


def new_request_id() -> str:
    return f"{random.getrandbits(128):032x}"


def _observe(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    route = _route(scope)
    status = status or _NO_ANSWER
    requests, durations = http_series(method, route, status)
    requests.inc()
    durations.observe(seconds)
    level = _level(route, status)
    if not logs_access(level):
        return
    entry: dict[str, Any] = {
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
    }
    if (operation := scope["state"].get("operation_name")) is not None:
        entry["operation"] = operation[:100]
    log_access("request", entry, level)


def _level(route: str, status: int) -> Literal["debug", "info"]:
    return "debug" if status < 400 and route.startswith(_QUIET) else "info"


def _route(scope: Scope) -> str:
    """The route's template, known once the router has run."""
    path: str = getattr(scope.get("route"), "path", UNMATCHED)
    return path


async def _close(send: Send) -> None:
    try:
        await send({"type": "websocket.close", "code": 1011})
    except RuntimeError:
        return  # it is closed already
