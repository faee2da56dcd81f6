"""GET /account/export: one's own data, as JSON lines in a stream, however much there is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Final
from uuid import UUID

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.domain.account_export import export
from app.domain.errors import Busy, Unauthenticated
from app.domain.viewer import Fetch, Viewer
from app.infra.db import DatabaseUnavailable
from app.web.authentication import caller_of, enter
from app.web.errors import RequestError, format_exception
from app.web.state import AppState

PATH: Final = "/account/export"
AT_ONCE: Final = 4
"""Exports that a process writes side by side, one for each user: they read a great deal."""
SECONDS: Final = 600.0
"""That one may take, its client's reading included."""

_CHUNK: Final = 64 * 1024
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-disposition": 'attachment; filename="taskflow-account.ndjson"',
    "x-content-type-options": "nosniff",
}
_REFUSALS = (RequestError, Unauthenticated, Busy, DatabaseUnavailable)
_log = structlog.stdlib.get_logger("taskflow.export")


class AccountExport:
    """An ASGI application. Counts as one operation; 401 without a valid access token, 429, 503.

    What fails once the answer has begun ends the connection: the last line, of type `end`, is then missing.
    """

    def __init__(self) -> None:
        self._writing: set[UUID] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[AppState] = Request(scope, receive)
        try:
            viewer = await _viewer(request)
            with self._place(viewer.user_id):
                await self._write(request, viewer, send)
        except _REFUSALS as error:
            await _refusal(request, error)(scope, receive, send)
        except TimeoutError:
            _log.warning("An export took too long and was stopped", user=str(viewer.user_id))

    @contextmanager
    def _place(self, user_id: UUID) -> Iterator[None]:
        """Raises Busy."""
        if user_id in self._writing or len(self._writing) >= AT_ONCE:
            raise Busy
        self._writing.add(user_id)
        try:
            yield
        finally:
            self._writing.discard(user_id)

    async def _write(self, request: Request[AppState], viewer: Viewer, send: Send) -> None:
        fetch = request.state["services"].database.fetch
        async with asyncio.timeout(SECONDS), aclosing(_chunks(fetch, viewer)) as chunks:
            first = await anext(chunks)  # before the answer begins, so that a database that is away is a 503
            body = _after(first, chunks)
            response = StreamingResponse(body, media_type="application/x-ndjson", headers=_HEADERS)
            try:
                await response(request.scope, request.receive, send)
            except DatabaseUnavailable:
                _log.warning("An export was cut short: the database is away", user=str(viewer.user_id))


async def _viewer(request: Request[AppState]) -> Viewer:
    """Raises RequestError, Unauthenticated, DatabaseUnavailable."""
    limit = request.state["operations"].rate_limit
    context, _ = await enter(caller_of(request.scope), request.state["services"], limit)
    return context.require_viewer()


async def _chunks(fetch: Fetch, viewer: Viewer) -> AsyncGenerator[bytes, None]:
    """Lines, several at a time."""
    lines = bytearray()
    async with aclosing(export(fetch, viewer)) as records:
        async for record in records:
            lines += orjson.dumps(record, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
            if len(lines) >= _CHUNK:
                yield bytes(lines)
                lines.clear()
    yield bytes(lines)


async def _after(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


def _refusal(request: Request[AppState], error: Exception) -> Response:
    formatted = format_exception(error, request.state["request_id"])
    if isinstance(error, RequestError):
        status, headers = error.status or 400, error.headers
    elif isinstance(error, Unauthenticated):
        status, headers = 401, {"www-authenticate": "Bearer"}
    else:
        status, headers = 503, {"retry-after": "5"}
    body = {"errors": [formatted]}
    return JSONResponse(body, status_code=status, headers={**headers, "cache-control": "no-store"})
