"""Reads GraphQL requests as the GraphQL over HTTP specification words them."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
from starlette.datastructures import QueryParams
from starlette.types import Receive

from app.web.errors import (
    BAD_REQUEST,
    BATCH_REFUSED,
    PAYLOAD_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    RequestError,
)

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request, over HTTP or as one WebSocket message."""

PARAMETERS: Final = ("query", "operationName", "variables", "extensions", "documentId")
"""What an address may say of a request."""

_MAX_ID: Final = 200


class GraphQLRequest(NamedTuple):
    """With a `document_id`, `query` may be empty: the server may know the document."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    document_id: str | None = None


Batch: TypeAlias = list[GraphQLRequest | RequestError]
"""Several requests in one, each to be answered by itself."""


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, *, batch_max: int
) -> GraphQLRequest | Batch:
    """Reads a POST. `batch_max` of 0: no batches are taken. Raises RequestError."""
    if problem := _content_problem(headers.get(b"content-type", b"")):
        raise _unsupported(problem)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise _unsupported("Compressed requests are not taken.")
    if (declared := int(headers.get(b"content-length", b"0"))) > MAX_BODY:
        raise _too_large(f"{declared:,} bytes", waits=b"expect" in headers)
    payload = _loads(await _read(receive), "The body")
    return _parse_batch(payload, batch_max) if isinstance(payload, list) else parse_payload(payload)


def read_query(parameters: QueryParams) -> GraphQLRequest:
    """Reads a GET, whose `variables` and `extensions` are JSON in text. Raises RequestError."""
    if twice := _named_twice(name for name, _ in parameters.multi_items()):
        raise _bad(f"The address has several `{twice}`: send one.")
    payload: dict[str, object] = {
        name: parameters[name] for name in ("query", "operationName", "documentId") if name in parameters
    }
    payload |= {
        name: _loads(text, f"The parameter `{name}`")
        for name in ("variables", "extensions")
        if (text := parameters.get(name))
    }
    return parse_payload(payload)


def parse_payload(payload: object) -> GraphQLRequest:
    """Checks the entries of a request. Raises RequestError."""
    if not isinstance(payload, dict):
        raise _bad("The request must be a JSON object.")
    _check_object(payload, "variables")
    _check_object(payload, "extensions")
    document_id = _document_id(payload)
    query = payload.get("query")
    if query is None and document_id is not None:
        query = ""
    elif not isinstance(query, str) or not query.strip():
        raise _bad("`query` must be the text of a GraphQL document.")
    operation_name = payload.get("operationName")
    if not isinstance(operation_name, str | None):
        raise _bad("`operationName` must be a string or null.")
    return GraphQLRequest(query, payload.get("variables"), operation_name or None, document_id)


def _document_id(payload: Mapping[str, Any]) -> str | None:
    """Named as the draft's appendix on persisted documents does, or as Apollo Client does."""
    named = payload.get("documentId")
    persisted = (payload.get("extensions") or {}).get("persistedQuery")
    if persisted is None:
        return None if named is None else _checked_id(named)
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise _bad("`extensions.persistedQuery` must be an object with `version` 1 and `sha256Hash`.")
    hashed = _checked_id(persisted.get("sha256Hash"))
    if named is not None and _checked_id(named) != hashed:
        raise _bad("`documentId` and `extensions.persistedQuery.sha256Hash` differ: send one of them.")
    return hashed


def _checked_id(document_id: object) -> str:
    if not isinstance(document_id, str) or not 1 <= len(document_id) <= _MAX_ID:
        raise _bad(f"A document's id must be a string of 1 to {_MAX_ID} characters.")
    return document_id.removeprefix("sha256:")


def _parse_batch(payloads: list[Any], batch_max: int) -> Batch:
    if batch_max == 0:
        raise _batch_refused("This server takes no batches: send one JSON object.")
    if not 1 <= len(payloads) <= batch_max:
        raise _batch_refused(f"A batch holds 1 to {batch_max} requests, not {len(payloads)}.")
    return [_parse_one(payload) for payload in payloads]


def _parse_one(payload: object) -> GraphQLRequest | RequestError:
    try:
        return parse_payload(payload)
    except RequestError as error:
        return error


@lru_cache(maxsize=100)  # clients send one of few
def _content_problem(content_type: bytes) -> str | None:
    media_type, _, parameters = content_type.decode("latin-1").lower().partition(";")
    if media_type.strip() != "application/json":
        return "Send the request as application/json."
    charset = parameters.replace(" ", "").replace('"', "").partition("charset=")[2].partition(";")[0]
    return None if charset in ("", "utf-8", "utf8") else "JSON is UTF-8."


async def _read(receive: Receive) -> bytes:
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _bad("The request ended early.")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large(f"more than {MAX_BODY:,} bytes", waits=False)
        chunks.append(chunk)
    return b"".join(chunks)


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


def _batch_refused(message: str) -> RequestError:
    return RequestError(400, BATCH_REFUSED, message)


def _unsupported(message: str) -> RequestError:
    return RequestError(415, UNSUPPORTED_MEDIA_TYPE, message, {"accept-post": "application/json"})


def _too_large(what: str, *, waits: bool) -> RequestError:
    """`waits`: the client sends its body when it is told to, and not with this answer (RFC 9110, 10.1.1)."""
    return RequestError(
        413,
        PAYLOAD_TOO_LARGE,
        f"The request holds {what}; the limit is {MAX_BODY:,}. Send several smaller ones.",
        {"connection": "close"} if waits else None,
    )


def _named_twice(names: Iterable[str]) -> str | None:
    seen = set[str]()
    for name in names:
        if name in PARAMETERS and name in seen:
            return name
        seen.add(name)
    return None
