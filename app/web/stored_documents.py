"""Documents that clients name instead of sending them."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from app.infra.redis import Redis, Script
from app.web.errors import BAD_REQUEST, PERSISTED_QUERY_NOT_FOUND, UNTRUSTED_DOCUMENT, RequestError
from app.web.graphql_request import GraphQLRequest

EXPIRY: Final = 24 * 60 * 60
"""Seconds that Redis keeps a document after it was last asked for there."""
MAX_LENGTH: Final = 16_384
"""Characters of a document that is kept: anybody may have one kept."""
MAX_KEPT: Final = 1_000
"""Documents kept by a process: 16 MB at the worst."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_GET: Final = """
local text = redis.call('GET', KEYS[1])
if text then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return text
"""
_SET: Final = "return redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])"


class PersistedQueries:
    """Automatic persisted queries as Apollo Client speaks them.

    A client sends a document's SHA-256 alone; where nobody knows it, it sends both once. Kept in Redis for
    all processes, and by each process for itself, which is all there is while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._kept: OrderedDict[str, str] = OrderedDict()

    async def resolve(self, request: GraphQLRequest) -> GraphQLRequest:
        """The request with its document. Raises RequestError."""
        digest = request.document_id
        if digest is None:
            return request
        if not _DIGEST.fullmatch(digest):
            raise _bad("The document's id must be its SHA-256 as 64 hexadecimal digits in lower case.")
        if not request.query:
            return request._replace(query=await self._find(digest))
        if self._kept.get(digest) != request.query and _digest(request.query) != digest:
            raise _bad("The document's id is not the SHA-256 of `query`.")
        return request

    def keep(self, request: GraphQLRequest) -> None:
        """Once the document has turned out to be valid. Redis is not waited for."""
        digest = request.document_id
        if digest is None or digest in self._kept or len(request.query) > MAX_LENGTH:
            return
        self._remember(digest, request.query)
        self._redis.run(Script(_SET, [_key(digest)], [EXPIRY, request.query]))

    async def _find(self, digest: str) -> str:
        known = self._kept.get(digest)
        if known is not None:
            self._kept.move_to_end(digest)
            return known
        found = await self._redis.run(Script(_GET, [_key(digest)], [EXPIRY]))
        text = found.decode() if isinstance(found, bytes) else ""
        if _digest(text) != digest:
            # The message and the status are Apollo Server's.
            raise RequestError(200, PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
        self._remember(digest, text)
        return text

    def _remember(self, digest: str, text: str) -> None:
        self._kept[digest] = text
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


class TrustedDocuments:
    """The documents of a manifest, by their ids or their exact texts, and no others."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self._documents = documents
        self._texts = frozenset(documents.values())

    async def resolve(self, request: GraphQLRequest) -> GraphQLRequest:
        """The request with its document. Raises RequestError."""
        text = request.query if request.document_id is None else self._documents.get(request.document_id)
        if text not in self._texts or (request.query and request.query != text):
            raise RequestError(403, UNTRUSTED_DOCUMENT, "This server runs only the documents that it knows.")
        return request._replace(query=text or "")

    def keep(self, request: GraphQLRequest) -> None:
        """There is nothing to add."""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(digest: str) -> str:
    return f"taskflow:document:{digest}"


def _bad(message: str) -> RequestError:
    return RequestError(400, BAD_REQUEST, message)
