"""Reads GraphQL requests as the GraphQL over HTTP specification words them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from app.web.errors import BAD_REQUEST, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, RequestError

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request, over HTTP or as one WebSocket message."""

# What is too large is still read, up to here: a client cut off while it sends does not see the answer.
_READ_AT_MOST: Final = 8 * MAX_BODY
_TOO_LARGE: Final = f"The request is larger than {MAX_BODY} bytes."


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


async def read_body(request: Request[Any]) -> GraphQLRequest:
    """Reads a POST. Raises RequestError."""
    _check_content_type(request.headers)
    return parse_payload(_loads(await _read(request), "The body"))


def read_query(request: Request[Any]) -> GraphQLRequest:
    """Reads a GET, whose `variables` are JSON in text. Raises RequestError."""
    payload: dict[str, object] = {
        name: request.query_params[name]
        for name in ("query", "operationName")
        if name in request.query_params
    }
    if variables := request.query_params.get("variables"):
        payload["variables"] = _loads(variables, "The parameter `variables`")
    return parse_payload(payload)


def parse_payload(payload: object) -> GraphQLRequest:
    """Checks the four entries of a request. Raises RequestError."""
    if isinstance(payload, list):
        raise _bad("Requests are not taken in batches: send one JSON object.")
    if not isinstance(payload, dict):
        raise _bad("The request must be a JSON object.")
    query = payload.get("query")
    if not isinstance(query, str) or not query.strip():
        raise _bad("`query` must be the text of a GraphQL document.")
    _check_object(payload, "variables")
    _check_object(payload, "extensions")
    operation_name = payload.get("operationName")
    if not isinstance(operation_name, str | None):
        raise _bad("`operationName` must be a string or null.")
    return GraphQLRequest(query, payload.get("variables"), operation_name or None)


def _check_content_type(headers: Headers) -> None:
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise _unsupported("Send the request as application/json.")
    charset = parameters.lower().replace(" ", "").replace('"', "").partition("charset=")[2].partition(";")[0]
    if charset not in ("", "utf-8", "utf8"):
        raise _unsupported("JSON is UTF-8.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("Compressed requests are not taken.")


async def _read(request: Request[Any]) -> bytes:
    body, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BODY:
                body += chunk
            elif size > _READ_AT_MOST:
                break
    except ClientDisconnect:
        raise _bad("The request ended early.") from None
    if size > MAX_BODY:
        raise _too_large()
    return bytes(body)


def _loads(text: bytes | str, what: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # Also for invalid UTF-8, lone surrogates and nesting beyond 1,024 levels.
        raise _bad(f"{what} is not valid JSON: {error.msg}.") from None


def _check_object(payload: Mapping[str, object], name: str) -> None:
    if not isinstance(payload.get(name), dict | None):
        raise _bad(f"`{name}` must be an object or null.")


def _bad(message: str) -> RequestError:
    return RequestError(400, BAD_REQUEST, message)


def _unsupported(message: str) -> RequestError:
    return RequestError(415, UNSUPPORTED_MEDIA_TYPE, message, {"accept-post": "application/json"})


def _too_large() -> RequestError:
    return RequestError(413, PAYLOAD_TOO_LARGE, _TOO_LARGE, {"connection": "close"})
