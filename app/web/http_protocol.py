import asyncio
from typing import Any, Final, cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_TIMEOUT: Final = 30.0
"""Seconds in which a request must have come, its body too; and a new connection's first one."""
WRITE_TIMEOUT: Final = 30.0
"""Seconds that a client may read nothing of what waits for it."""
MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers."""

# How long a request that is on its way may still arrive.
_LINGER_SECONDS = 0.5

_HEAD_TOO_LARGE: Final = f"The request's line and headers are larger than {MAX_HEAD} bytes."


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 for clients that are slow, to a limit: uvicorn waits for ever for what has begun."""

    _incoming = True
    _in_head = True
    _head_size = 0
    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._late = self.loop.call_later(REQUEST_TIMEOUT, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._write_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._incoming and self.parser is not None:
            self._wait_for_more(len(data))

    def on_message_begin(self) -> None:
        self._incoming = self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_size = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(WRITE_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_on()

    def _wait_for_more(self, received: int) -> None:
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_TIMEOUT, self._give_up)
        if self._in_head:
            self._head_size += received
            if self._head_size > MAX_HEAD:
                self._refuse("431 Request Header Fields Too Large", "PAYLOAD_TOO_LARGE", _HEAD_TOO_LARGE)

    def _arrived(self) -> None:
        self._incoming = False
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _write_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _give_up(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self._head_size if self._in_head else not self.cycle.response_started:
            self._refuse("408 Request Timeout", "REQUEST_TIMEOUT", "The request did not come in time.")
        else:
            self.transport.close()

    def _refuse(self, status: str, code: str, message: str) -> None:
        body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


class DrainingProtocol(PatientProtocol):
    """
    HTTP/1.1 whose shutdown loses no request. uvicorn's closes at once a connection that it has accepted and
    not read from, whose client then gets no answer; this one answers what arrives in a moment, and tells the
    client to close.
    """

    _draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(cast(asyncio.Transport, Joined(transport, self.loop)))

    def shutdown(self) -> None:
        if self._is_idle():
            self._draining = True
            self.loop.call_later(_LINGER_SECONDS, self._close_if_idle)
        elif self.cycle.scope["state"].get("streams"):
            self.transport.close()  # it would not end by itself; its client connects again
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
            self._arrived()
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

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
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
