import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# How long a request that is on its way may still arrive.
_LINGER_SECONDS = 0.5


class DrainingProtocol(HttpToolsProtocol):
    """
    HTTP/1.1 whose shutdown loses no request. uvicorn's closes at once a connection that it has accepted and
    not read from, whose client then gets no answer; this one answers what arrives in a moment, and tells the
    client to close.
    """

    _draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(cast(asyncio.Transport, Joined(transport)))

    def shutdown(self) -> None:
        if self._is_idle():
            self._draining = True
            self.loop.call_later(_LINGER_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def handle_websocket_upgrade(self) -> None:
        if self._draining:
            # It would not hear of the shutdown, which has begun; its client connects again.
            self.transport.close()
        else:
            if isinstance(self.transport, Joined):
                self.transport = self.transport.release()
            super().handle_websocket_upgrade()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._is_idle() and not self.transport.is_closing():
            self.transport.close()


class Joined:
    """A transport that sends in one piece what is written in one tick of the event loop.

    uvicorn writes the head and the body of a response apart: a system call each, and for the client a packet.
    """

    __slots__ = ("_held", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._held:
            asyncio.get_running_loop().call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        self.release().close()

    def release(self) -> asyncio.Transport:
        """The transport itself, with all written."""
        self._flush()
        return self._transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.write(b"".join(held))
