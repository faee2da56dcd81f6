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
MAX_SHARED: Final = 2_000
"""Documents kept in Redis: 33 MB at the worst. The one not asked for for longest goes first."""
MAX_KEPT: Final = 1_000
"""Documents kept by a process: 16 MB at the worst."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_USED: Final = "taskflow:documents"
"""A sorted set of the documents' keys, by when each was last asked for."""
_GET: Final = """
local text = redis.call('GET', KEYS[1])
if text then
    redis.call('EXPIRE', KEYS[1], ARGV[1])
    redis.call('ZADD', KEYS[2], redis.call('TIME')[1], KEYS[1])
end
return text
"""
_SET: Final = """
local now = redis.call('TIME')[1]
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])
redis.call('ZADD', KEYS[2], now, KEYS[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
local over = redis.call('ZCARD', KEYS[2]) - ARGV[3]
if over > 0 then
    for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do redis.call('DEL', key) end
    redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
end
return 1
"""


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
        """Once the document is known to be valid and the operation was counted. Redis is not waited for."""
        digest = request.document_id
        if digest is None or digest in self._kept or len(request.query) > MAX_LENGTH:
            return
        self._remember(digest, request.query)
        self._redis.run(Script(_SET, [_key(digest), _USED], [EXPIRY, request.query, MAX_SHARED]))

    async def _find(self, digest: str) -> str:
        known = self._kept.get(digest)
        if known is not None:
            self._kept.move_to_end(digest)
            return known
        found = await self._redis.run(Script(_GET, [_key(digest), _USED], [EXPIRY]))
        text = found.decode() if isinstance(found, bytes) else ""
        if _digest(text) != digest:
            # The message is Apollo Server's, and with application/json the status.
            raise RequestError(None, PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
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
