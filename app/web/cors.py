"""What answers tell browsers about other origins, after the Fetch standard."""

from collections.abc import Awaitable, Collection
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.infra.logging import request_id
from app.web.errors import BAD_REQUEST, ORIGIN_REFUSED
from app.web.http_errors import refusal

REFUSED: Final = "Pages of this origin may not call this server: CORS_ORIGINS does not name it."


class Cors(CORSMiddleware):
    """Starlette's, which reads all headers of each request and answer: a tenth of a small query's time.

    What an answer carries depends on the request's origin alone, so it is remembered. Preflights are
    Starlette's own. Answers to requests with credentials are not provided for: tokens come in a header.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allow_origins: Collection[str],
        allow_methods: Collection[str],
        allow_headers: Collection[str],
        expose_headers: Collection[str],
    ) -> None:
        super().__init__(
            app,
            allow_origins=allow_origins,
            allow_methods=allow_methods,
            allow_headers=allow_headers,
            expose_headers=expose_headers,
        )
        self._headers = lru_cache(maxsize=1_000)(self._make_headers)

    def __call__(  # type: ignore[override]  # a coroutine less, for every request
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            return super().__call__(scope, receive, send)
        state = scope["state"]
        state["answer_headers"] += self._headers(state["headers"].get(b"origin"))
        return self.app(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        if self.is_allowed_origin(request_headers["origin"]):
            message = f"{bytes(response.body).decode()}: pages of other origins may not send that."
            return refusal(response.status_code, BAD_REQUEST, message, request_id.get() or "", headers)
        return refusal(response.status_code, ORIGIN_REFUSED, REFUSED, request_id.get() or "", headers)

    def _make_headers(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        headers = MutableHeaders({"vary": "origin"})
        if origin is not None:
            headers.update(self.simple_headers)
            if not self.allow_all_origins and self.is_allowed_origin(given := origin.decode("latin-1")):
                headers["access-control-allow-origin"] = given
        return headers.raw
