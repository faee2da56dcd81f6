"""From a connection's headers to the context of one operation."""

from functools import lru_cache, partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from starlette.types import Scope

from app.domain.tokens import AccessTokens, Claims, InvalidToken
from app.domain.viewer import Viewer
from app.domain.viewer_cache import LOOK, Look, mark_key
from app.graphql.context import Context, Services
from app.infra.addresses import network_of
from app.infra.rate_limit import COUNT, Allowance, RateLimit
from app.infra.redis import Script
from app.web.errors import RATE_LIMITED, RequestError

_COUNT_AND_LOOK: Final = f"""
{COUNT}{LOOK}
local counted, left, spent, refused = count(KEYS[1], unpack(ARGV))
return {{counted, left, spent, refused, look(KEYS[2])}}
"""


class Caller(NamedTuple):
    """Who is at the other end, before any token is believed."""

    authorization: str | None
    client_address: str
    user_agent: str | None
    request_id: str
    connection_params: dict[str, Any] | None = None


def caller_of(scope: Scope, connection_params: dict[str, Any] | None = None) -> Caller:
    """Over WebSocket the authorization comes in `connection_init`, else in a header (non-browser clients)."""
    state, client = scope["state"], scope["client"]
    headers = state["headers"]
    given = _parameter(connection_params, "authorization") if connection_params else None
    return Caller(
        given if given is not None else _text(headers.get(b"authorization")),
        client[0] if client else "unknown",
        _text(headers.get(b"user-agent")),
        state["request_id"],
        connection_params,
    )


async def context_of(caller: Caller, services: Services) -> Context:
    """A broken token is no failure here: only fields that need a viewer mind. Raises DatabaseUnavailable."""
    context, _ = await enter(caller, services, None)
    return context


def refuse_exhausted(caller: Caller, services: Services, limit: RateLimit) -> None:
    """Raises RequestError for whom no operation is left, as far as this process knows."""
    claims = _claims(caller.authorization, services.access_tokens)
    key = _address_key(caller.client_address) if claims is None else _user_key(claims.user_id)
    _check(limit.exhausted(key), 0)


async def enter(
    caller: Caller, services: Services, limit: RateLimit | None, cost: int = 0
) -> tuple[Context, Allowance | None]:
    """The context of an operation that has been counted, if there is a `limit`, with its `cost` in points.

    One round trip to Redis counts it and says whether the viewer is as remembered. Whose session this process
    does not remember is counted by a second one, once it is known who they are: whoever holds the token of an
    ended session must not use up the limit of the user it was for. Raises RequestError beyond the limit,
    DatabaseUnavailable.
    """
    claims = _claims(caller.authorization, services.access_tokens)
    if claims is None:
        return await _enter_by_address(caller, services, limit, cost)
    viewers, who, key = services.viewers, (claims.user_id, claims.session_id), _user_key(claims.user_id)
    allowance = None
    counts_at_once = limit is not None and limit.on and viewers.remembers(claims.session_id)
    if limit is not None and counts_at_once:
        look, allowance = await _look_and_count(claims, services, limit, key, cost)
    else:
        look = await viewers.look(claims.user_id)
    viewer = viewers.remembered(*who, look) or await viewers.load(services.database.fetch, *who, look)
    if viewer is None:
        if limit is not None and counts_at_once:
            limit.take_back(key, cost)
        return await _enter_by_address(caller, services, limit, cost)
    if limit is not None and not counts_at_once:
        allowance = await limit.count(key, cost)
    _check(allowance, cost)
    return _context(caller, services, viewer, claims, allowance), allowance


async def _enter_by_address(
    caller: Caller, services: Services, limit: RateLimit | None, cost: int
) -> tuple[Context, Allowance | None]:
    allowance = await _count(limit, _address_key(caller.client_address))
    context = _context(caller, services, None, None, allowance)
    if limit is not None:
        context.charge = partial(_charge, limit, cost)
    return context, allowance


async def _charge(limit: RateLimit, cost: int, user_id: UUID) -> RequestError | None:
    """For who signs in by the operation. Returns why the rest of it is not theirs to have."""
    try:
        _check(await limit.charge(_user_key(user_id), cost), cost)
    except RequestError as refusal:
        return refusal
    return None


async def _look_and_count(
    claims: Claims, services: Services, limit: RateLimit, key: str, cost: int
) -> tuple[Look, Allowance]:
    connection = services.redis.connections
    answer = await services.redis.run(_count_and_look(limit, key, claims.user_id, cost))
    counted, looked = (answer[:4], answer[4:]) if answer else (None, None)
    return Look(looked, connection), limit.allowance(key, counted, cost)


@lru_cache(maxsize=10_000)  # users and costs; to write it out takes longer than to send it
def _count_and_look(limit: RateLimit, key: str, user_id: UUID, cost: int) -> Script:
    return Script(_COUNT_AND_LOOK, [limit.key(key), mark_key(user_id)], limit.arguments(cost))


@lru_cache(maxsize=10_000)
def _user_key(user_id: UUID) -> str:
    return f"user:{user_id}"


def _claims(authorization: str | None, tokens: AccessTokens) -> Claims | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    try:
        return tokens.verify(token.strip()) if scheme.lower() == "bearer" else None
    except InvalidToken:
        return None


def _context(
    caller: Caller,
    services: Services,
    viewer: Viewer | None,
    claims: Claims | None,
    allowance: Allowance | None,
) -> Context:
    return Context(
        services=services,
        viewer=viewer,
        request_id=caller.request_id,
        client_address=caller.client_address,
        user_agent=caller.user_agent,
        token_broken=caller.authorization is not None and viewer is None,
        token_expires=claims.expires_at if claims and viewer else None,
        connection_params=caller.connection_params,
        allowance=allowance,
    )


async def _count(limit: RateLimit | None, key: str) -> Allowance | None:
    return _check(await limit.count(key), 0) if limit else None


def _check(allowance: Allowance | None, cost: int) -> Allowance | None:
    if allowance is None or allowance.exceeded is None:
        return allowance
    reset = max(1, allowance.exceeded.reset)
    if allowance.exceeded is allowance.operations:
        what = f"More than {allowance.operations.limit:,} operations in the current window."
    else:
        left, limit = allowance.exceeded.remaining, allowance.exceeded.limit
        what = f"This operation costs {cost:,} points; {left:,} of {limit:,} are left in the current window."
    raise RequestError(
        429,
        RATE_LIMITED,
        f"{what} Try again in {reset} s.",
        {"retry-after": str(reset)} | {name.decode(): value.decode() for name, value in allowance.headers()},
    )


def _address_key(client_address: str) -> str:
    return f"address:{network_of(client_address)}"


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _parameter(connection_params: dict[str, Any], name: str) -> str | None:
    for key, value in connection_params.items():
        if key.lower() == name:
            return value if isinstance(value, str) else ""
    return None
