"""/graphql over HTTP, after the GraphQL over HTTP specification (draft of 2025)."""

from functools import lru_cache
from typing import Final

from graphql import OperationType
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.web.authentication import caller_of
from app.web.errors import RequestError, format_error, is_unavailable
from app.web.graphiql import graphiql_page, wants_page
from app.web.graphql_request import GraphQLRequest, read_body, read_query
from app.web.operations import Answer, Operations, encode
from app.web.state import AppState

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"

_ALWAYS: Final = (
    (b"cache-control", b"no-store"),
    (b"vary", b"accept"),
    (b"x-content-type-options", b"nosniff"),
)
_BY_GET = frozenset({OperationType.QUERY})
_BY_POST = frozenset({OperationType.QUERY, OperationType.MUTATION})


class GraphQLEndpoint:
    """An ASGI application, without Starlette's wrapper around functions and its Response in between."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[AppState] = Request(scope, receive, send)
        if wants_page(request):
            await graphiql_page(request)(scope, receive, send)
            return
        media_type = negotiate(request.headers.get("accept", ""))
        try:
            graphql_request, allowed = await _read(request)
        except RequestError as error:
            answer = _refusal(error, request)
        else:
            answer = await _answer(request, graphql_request, allowed)
        body = encode(answer.payload())
        headers = _headers(answer, media_type, len(body))
        status = _status(answer, media_type)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _read(request: Request[AppState]) -> tuple[GraphQLRequest, frozenset[OperationType]]:
    if request.method == "POST":
        return await read_body(request), _BY_POST
    return read_query(request), _BY_GET


async def _answer(
    request: Request[AppState], graphql_request: GraphQLRequest, allowed: frozenset[OperationType]
) -> Answer:
    operations: Operations = request.state["operations"]
    admitted = await operations.admit(graphql_request, caller_of(request), allowed)
    if isinstance(admitted, Answer):
        return admitted
    request.state["operation_name"] = admitted.operation.name
    return await operations.run(admitted)


def _refusal(error: RequestError, request: Request[AppState]) -> Answer:
    formatted = format_error(error.code, error.message, request.state["request_id"])
    return Answer(errors=[formatted], status=error.status, headers=error.headers)


def _headers(answer: Answer, media_type: str, length: int) -> list[tuple[bytes, bytes]]:
    varying: dict[str, str] = {}
    if answer.allowance is not None:
        varying |= answer.allowance.headers()
    if is_unavailable(answer.errors):
        varying["retry-after"] = "1"
    varying |= answer.headers
    return [
        *_ALWAYS,
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", str(length).encode()),
        *[(name.encode(), value.encode("latin-1")) for name, value in varying.items()],
    ]


def _status(answer: Answer, media_type: str) -> int:
    if answer.status is not None:
        return answer.status
    # With application/json a client tells a failed request by its body alone (section 6.4.1 of the draft).
    return 200 if answer.executed or media_type == JSON else 400


@lru_cache(maxsize=100)  # browsers and clients send one of few; what they send is bounded by uvicorn
def negotiate(accept: str) -> str:
    """application/json unless the newer type is asked for at least as strongly."""
    quality = {JSON: 0.0, GRAPHQL_JSON: 0.0}
    for entry in accept.split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        if name in quality:
            quality[name] = _quality(parameters)
    return GRAPHQL_JSON if 0 < quality[GRAPHQL_JSON] >= quality[JSON] else JSON


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
