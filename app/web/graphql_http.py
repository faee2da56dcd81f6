"""/graphql over HTTP, after the GraphQL over HTTP specification (draft of 2025)."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from graphql import OperationType
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.infra.db import DatabaseUnavailable
from app.web.answers import Answer, encode
from app.web.authentication import caller_of
from app.web.compression import COMPRESSED_FROM, compress, takes_gzip
from app.web.csrf import refuse_forged
from app.web.errors import METHOD_NOT_ALLOWED, RequestError, format_error, is_unavailable
from app.web.event_stream import send_events
from app.web.graphiql import graphiql_page, refuse_page, wants_page
from app.web.graphql_request import Batch, GraphQLRequest, read_body, read_query
from app.web.operations import Admitted, Operations
from app.web.under_way import ClientGone

Headers: TypeAlias = list[tuple[bytes, bytes]]

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
EVENT_STREAM: Final = "text/event-stream"
ANY_TEXT: Final = "text/*"

_CONTENT_TYPES: Final = {name: f"{name}; charset=utf-8".encode() for name in (JSON, GRAPHQL_JSON)}

_ALWAYS: Final = (
    (b"cache-control", b"no-store"),
    (b"vary", b"accept, accept-encoding"),
    (b"x-content-type-options", b"nosniff"),
)
_READS: Final = ("GET", "HEAD")
_BY_GET: Final = (OperationType.QUERY,)
_BY_POST: Final = (OperationType.QUERY, OperationType.MUTATION)


class Accepted(NamedTuple):
    media_type: str
    """What an answer is given as."""
    streams: bool
    """Whether an event stream is accepted at all: what a subscription is answered by."""


class GraphQLEndpoint:
    """An ASGI application, without Starlette's wrapper around functions and its Response in between."""

    def __init__(self, *, graphiql: bool, batch_max: int) -> None:
        self._graphiql = graphiql
        self._batch_max = batch_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accept, method = scope["state"]["headers"].get(b"accept", b""), scope["method"]
        if self._graphiql and method in _READS and wants_page(accept):
            await graphiql_page(Request(scope))(scope, receive, send)
            return
        media_type, streams = negotiate(accept)
        try:
            if method == "POST":
                headers = scope["state"]["headers"]
                request = await read_body(headers, receive, batch_max=self._batch_max)
            else:
                request = _read_query(scope)
        except RequestError as error:
            await _send_answer(scope, send, await _refused(scope, error), media_type)
            return
        try:
            if isinstance(request, list):
                await _answer_batch(scope, receive, send, request, media_type)
            elif streams and method != "HEAD":
                await _answer_or_stream(scope, receive, send, request, media_type)
            else:
                await _send_answer(scope, send, await _answer(scope, receive, request), media_type)
        except ClientGone:
            return


def _read_query(scope: Scope) -> GraphQLRequest:
    """Raises RequestError."""
    if scope["method"] not in _READS:
        message = "GraphQL is sent by POST, and queries by GET too."
        raise RequestError(405, METHOD_NOT_ALLOWED, message, {"allow": "GET, HEAD, POST"})
    headers, parameters = scope["state"]["headers"], QueryParams(scope["query_string"])
    if wants_page(accept := headers.get(b"accept", b"")):
        refuse_page(accept, parameters)
    refuse_forged(headers)
    return read_query(parameters)


async def _answer(scope: Scope, receive: Receive, request: GraphQLRequest) -> Answer:
    """Raises ClientGone."""
    operations = _operations(scope)
    admitted = await operations.admit(request, caller_of(scope), _allowed(scope))
    if isinstance(admitted, Answer):
        return admitted
    scope["state"]["operation_name"] = admitted.operation.name
    return await operations.run(admitted, receive)


async def _answer_batch(scope: Scope, receive: Receive, send: Send, batch: Batch, media_type: str) -> None:
    """One after the other, in a list. The headers are those of the last one."""
    answers = [
        await _refused(scope, one) if isinstance(one, RequestError) else await _answer(scope, receive, one)
        for one in batch
    ]
    headers = _headers(answers[-1])
    media_type = JSON if media_type == EVENT_STREAM else media_type
    await _send(scope, send, 200, headers, media_type, encode([answer.payload() for answer in answers]))


async def _answer_or_stream(
    scope: Scope, receive: Receive, send: Send, request: GraphQLRequest, media_type: str
) -> None:
    """Where an event stream is accepted: by one when nothing is accepted as gladly, or for a subscription."""
    operations = _operations(scope)
    admitted = await operations.admit(
        request, caller_of(scope), (*_allowed(scope), OperationType.SUBSCRIPTION)
    )
    subscribes = False
    if not isinstance(admitted, Answer):
        scope["state"]["operation_name"] = admitted.operation.name
        subscribes = admitted.operation.type is OperationType.SUBSCRIPTION
    if media_type == EVENT_STREAM or subscribes:
        await _stream(scope, receive, send, admitted)
    else:
        answer = admitted if isinstance(admitted, Answer) else await operations.run(admitted, receive)
        await _send_answer(scope, send, answer, media_type)


async def _stream(scope: Scope, receive: Receive, send: Send, admitted: Admitted | Answer) -> None:
    if not isinstance(admitted, Answer) and admitted.operation.type is OperationType.MUTATION:
        answer = await _operations(scope).run(admitted)  # also when its client goes away meanwhile
        await send_events(_only(answer), admitted.allowance, receive, send)
    elif not isinstance(admitted, Answer):
        scope["state"]["streams"] = True
        async with aclosing(_operations(scope).stream(admitted)) as answers:
            await send_events(answers, admitted.allowance, receive, send)
    elif admitted.status in (None, 400):  # what is wrong with a document is told in the stream
        await send_events(_only(admitted), admitted.allowance, receive, send)
    else:
        await _send_answer(scope, send, admitted, JSON)


async def _only(answer: Answer) -> AsyncIterator[Answer]:
    yield answer


def _allowed(scope: Scope) -> tuple[OperationType, ...]:
    return _BY_POST if scope["method"] == "POST" else _BY_GET


def _operations(scope: Scope) -> Operations:
    operations: Operations = scope["state"]["operations"]
    return operations


async def _refused(scope: Scope, error: RequestError) -> Answer:
    """What cannot be read counts too."""
    allowance = None
    try:
        allowance = await _operations(scope).count(caller_of(scope))
    except RequestError as limited:
        error = limited
    except DatabaseUnavailable:
        pass  # which the client hears once its request can be read
    formatted = format_error(error.code, error.message, scope["state"]["request_id"])
    return Answer(errors=[formatted], status=error.status, headers=error.headers, allowance=allowance)


async def _send_answer(scope: Scope, send: Send, answer: Answer, media_type: str) -> None:
    media_type = JSON if media_type == EVENT_STREAM else media_type
    status = _status(answer, media_type)
    await _send(scope, send, status, _headers(answer), media_type, encode(answer.payload()))


async def _send(
    scope: Scope, send: Send, status: int, headers: Headers, media_type: str, body: bytes
) -> None:
    if len(body) >= COMPRESSED_FROM and takes_gzip(scope["state"]["headers"].get(b"accept-encoding", b"")):
        body = await compress(body)
        headers.append((b"content-encoding", b"gzip"))
    headers += ((b"content-type", _CONTENT_TYPES[media_type]), (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(answer: Answer) -> Headers:
    headers: Headers = [*_ALWAYS]
    if answer.allowance is not None:
        headers += answer.allowance.headers()
    if answer.errors and is_unavailable(answer.errors):
        headers.append((b"retry-after", b"1"))
    if answer.headers:
        headers += [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    return headers


def _status(answer: Answer, media_type: str) -> int:
    if answer.status is not None:
        return answer.status
    # With application/json a client tells a failed request by its body alone (section 6.4.1 of the draft).
    return 200 if answer.executed or media_type == JSON else 400


@lru_cache(maxsize=100)  # browsers and clients send one of few; what they send is bounded by the protocol
def negotiate(accept: bytes) -> Accepted:
    """What is asked for most strongly; in doubt the newer type, JSON, an event stream, in this order.

    Clients that can read a stream name it beside JSON in every request (urql), and expect JSON of a query.
    """
    quality = {JSON: 0.0, GRAPHQL_JSON: 0.0, EVENT_STREAM: 0.0, ANY_TEXT: 0.0}
    for entry in accept.decode("latin-1").split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        if name in quality:
            quality[name] = _quality(parameters)
    any_text = quality.pop(ANY_TEXT)
    media_type = max((GRAPHQL_JSON, JSON, EVENT_STREAM), key=quality.__getitem__)
    return Accepted(media_type if any(quality.values()) else JSON, quality[EVENT_STREAM] + any_text > 0)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0  # which NaN is not either
    return 1.0
