"""From a connection's headers to the context of one operation."""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address
from typing import Any

from starlette.requests import HTTPConnection

from app.domain.tokens import AccessTokens, Claims, InvalidToken
from app.domain.viewer import Viewer
from app.graphql.context import Context, Services
from app.infra.rate_limit import Allowance, RateLimit
from app.web.errors import RATE_LIMITED, RequestError


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end, before any token is believed."""

    authorization: str | None
    client_address: str
    user_agent: str | None
    request_id: str
    connection_params: dict[str, Any] | None = None


def caller_of(connection: HTTPConnection[Any], connection_params: dict[str, Any] | None = None) -> Caller:
    """Over WebSocket the authorization comes in `connection_init`, else in a header (non-browser clients)."""
    headers = connection.headers
    given = _parameter(connection_params, "authorization")
    return Caller(
        authorization=given if given is not None else headers.get("authorization"),
        client_address=connection.client.host if connection.client else "unknown",
        user_agent=headers.get("user-agent"),
        request_id=connection.scope["state"]["request_id"],
        connection_params=connection_params,
    )


async def context_of(caller: Caller, services: Services) -> Context:
    """A broken token is no failure here: only fields that need a viewer mind. Raises DatabaseUnavailable."""
    context, _ = await enter(caller, services, None)
    return context


async def enter(
    caller: Caller, services: Services, limit: RateLimit | None
) -> tuple[Context, Allowance | None]:
    """The context of an operation that has been counted, if there is a `limit`.

    One round trip to Redis counts it and says whether the viewer is as remembered; only a token whose session
    has ended needs a second one. Raises RequestError beyond the limit, DatabaseUnavailable.
    """
    claims = _claims(caller.authorization, services.access_tokens)
    if claims is None:
        allowance = await _count(limit, _address_key(caller.client_address))
        return _context(caller, services, None, None), allowance
    key = f"user:{claims.user_id}"
    counting = limit.begin(key) if limit else None
    look = services.viewers.look(claims.user_id)
    allowance = _check(await limit.counted(counting)) if limit else None
    viewer = await services.viewers.load(services.database.fetch, claims.user_id, claims.session_id, look)
    if viewer is None and limit is not None:
        # Whoever holds the token of an ended session does not use up the limit of the user it was for.
        limit.take_back(key)
        allowance = await _count(limit, _address_key(caller.client_address))
    return _context(caller, services, viewer, claims), allowance


def _claims(authorization: str | None, tokens: AccessTokens) -> Claims | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    try:
        return tokens.verify(token.strip()) if scheme.lower() == "bearer" else None
    except InvalidToken:
        return None


def _context(caller: Caller, services: Services, viewer: Viewer | None, claims: Claims | None) -> Context:
    return Context(
        services=services,
        viewer=viewer,
        request_id=caller.request_id,
        client_address=caller.client_address,
        user_agent=caller.user_agent,
        token_broken=caller.authorization is not None and viewer is None,
        token_expires_at=datetime.fromtimestamp(claims.expires_at, UTC) if claims and viewer else None,
        connection_params=caller.connection_params,
    )


async def _count(limit: RateLimit | None, key: str) -> Allowance | None:
    return _check(await limit.count(key)) if limit else None


def _check(allowance: Allowance | None) -> Allowance | None:
    if allowance is None or allowance.allowed:
        return allowance
    raise RequestError(
        429,
        RATE_LIMITED,
        f"More than {allowance.limit} requests in the current window. Try again in {allowance.reset} s.",
        {"retry-after": str(max(1, allowance.reset)), **allowance.headers()},
    )


def _address_key(client_address: str) -> str:
    """Of IPv6 the network, as a host has 2^64 addresses."""
    try:
        address = ip_address(client_address)
    except ValueError:
        return f"address:{client_address}"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return f"address:{address.ipv4_mapped}"
        return f"address:{IPv6Address(int(address) >> 64 << 64)}/64"
    return f"address:{address}"


def _parameter(connection_params: dict[str, Any] | None, name: str) -> str | None:
    for key, value in (connection_params or {}).items():
        if key.lower() == name:
            return value if isinstance(value, str) else ""
    return None
