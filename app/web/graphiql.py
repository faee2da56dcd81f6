"""GraphiQL, from files in this package: the page asks nothing of any other host."""

import re
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.domain import demo
from app.web.errors import BAD_REQUEST, RequestError
from app.web.graphql_request import PARAMETERS
from app.web.http_errors import not_found
from app.web.state import AppState

FOLDER: Final = Path(__file__).parent / "static" / "graphiql"
STATIC_PATH: Final = "/graphql/static"

# Monaco, the editor, sets styles from scripts; nothing else is inline and nothing comes from elsewhere.
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_JSON: Final = re.compile(rb"(\*|application)/\*")
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
    "vary": "accept",
}


class GraphiQLFiles(StaticFiles):
    """Names carry a hash of what is in the file, so whoever has one never asks again."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (super().__call__ if scope["type"] == "http" else not_found)(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["x-content-type-options"] = "nosniff"
        if path.startswith("assets/") and response.status_code in (200, 206, 304):
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def wants_page(accept: bytes) -> bool:
    """Whether a GET or HEAD is a browser's navigation, as against a client's query."""
    return b"text/html" in accept and b"json" not in accept


def refuse_page(accept: bytes, parameters: QueryParams) -> None:
    """Raises RequestError for a browser's navigation that asks nothing, or takes no JSON."""
    if not any(name in parameters for name in PARAMETERS):
        raise RequestError(
            400,
            BAD_REQUEST,
            "There is no page here to explore the API with. Send a request, by POST or as `query`.",
        )
    if not _JSON.search(accept):
        raise RequestError(406, BAD_REQUEST, "Answers are JSON: accept application/json.")


def graphiql_page(request: Request[AppState]) -> Response:
    email, password = _sign_in(production=request.state["services"].settings.is_production)
    html, etag = _page(email, password)
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=_HEADERS | {"etag": etag})
    return HTMLResponse(html, headers=_HEADERS | {"etag": etag})


def _sign_in(*, production: bool) -> tuple[str, str]:
    """What the first tab's sign-in is filled in with."""
    if production:
        return "you@example.com", "your password"
    return demo.EMAIL, demo.PASSWORD


@cache
def _page(email: str, password: str) -> tuple[str, str]:
    html = (FOLDER / "index.html").read_text()
    html = html.replace("%EMAIL%", escape(email)).replace("%PASSWORD%", escape(password))
    return html, f'"{sha256(html.encode()).hexdigest()[:32]}"'
