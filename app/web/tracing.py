"""A request as a span, where tracing is on (app/infra/tracing.py)."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from app.infra.spans import Spans

_PARENT: Final = ("traceparent", "tracestate")


async def traced(spans: "Spans", app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers one HTTP request by `app`, within a span."""
    status = 0

    async def send_watched(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    with spans.request(scope["method"], scope["path"], _parent(scope)) as span:
        try:
            await app(scope, receive, send_watched)
        finally:
            spans.end_request(span, scope["method"], getattr(scope.get("route"), "path", None), status)


def _parent(scope: Scope) -> Mapping[str, str]:
    """The trace that this request is part of, if whoever says so is believed: others could have everything
    they do traced, or write into traces that are not theirs."""
    headers: Mapping[bytes, bytes] = scope["state"]["headers"]
    found = {name: headers[name.encode()].decode("latin-1") for name in _PARENT if name.encode() in headers}
    proxies = scope["state"]["services"].settings.trusted_proxies
    return found if found and _believed(scope["client"], proxies) else {}


@lru_cache(maxsize=10_000)
def _believed(client: tuple[str, int] | None, proxies: tuple[str, ...]) -> bool:
    if client is None:
        return False
    address, port = client
    if port == 0:  # no socket has it: uvicorn writes it beside the address that a trusted proxy has told
        return True
    try:
        return any(ip_address(address) in ip_network(proxy) for proxy in proxies)
    except ValueError:  # a proxy may tell anything
        return False
