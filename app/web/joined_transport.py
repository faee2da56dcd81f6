import asyncio
from collections.abc import Callable
from typing import Any, Final

AT_ONCE: Final = 64 * 1024
"""Bytes that are held back at most: the transport says when its client takes no more only of what it has."""


class Joined:
    """A transport that sends in one piece what is written in one tick of the event loop, at its end.

    uvicorn writes the head and the body of a response apart: a system call each, and for the client a packet.
    And who is answered asks again: what is answered together comes together, and then takes a tenth less.
    """

    __slots__ = ("_held", "_loop", "_may_close", "_size", "_transport", "is_closing")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        may_close: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._may_close = may_close
        self._held: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing  # asked for every request

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > AT_ONCE:
            self._flush()

    def write_eof(self) -> None:
        self.release().write_eof()

    def close(self) -> None:
        """Only its own side where `may_close` says so."""
        transport = self.release()
        if self._may_close():
            transport.close()
        elif not transport.is_closing():
            transport.write_eof()

    def release(self) -> asyncio.Transport:
        """The transport itself, with all written."""
        self._flush()
        return self._transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            if not self._transport.is_closing():  # else its client is gone, and it does not take any more
                self._transport.write(b"".join(held))
