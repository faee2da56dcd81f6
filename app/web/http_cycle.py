from typing import Final

from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_LENGTH: Final = b"\r\ncontent-length: "


class Cycle(RequestResponseCycle):
    """A request and its response, whose headers are looked at together: uvicorn does so one by one, by two
    regular expressions for each. What is not a head with its length, and all of the body behind it, is left
    to uvicorn."""

    _start: HTTPResponseStartEvent | None = None
    """What waits for its body."""
    _head = b""
    _length = b""
    """As the head says it."""

    async def send(self, message: ASGISendEvent) -> None:
        """Raises RuntimeError, as uvicorn does, for what is no response."""
        start, self._start = self._start, None
        if message["type"] == "http.response.start":
            if not self.response_started and self._take(message):
                self._start = message
                return
        elif start is not None and message["type"] == "http.response.body":
            body = message.get("body", b"")
            if not message.get("more_body") and b"%d" % len(body) == self._length:
                if self.flow.write_paused and not self.disconnected:
                    await self.flow.drain()
                if not self.disconnected:
                    self._send_whole(body)
                return
            await super().send(start)
        await super().send(message)

    def _take(self, message: HTTPResponseStartEvent) -> bool:
        """Writes out the head, unless there is more to it."""
        lines = [b"%b: %b\r\n" % header for header in self.default_headers]
        lines += [b"%b: %b\r\n" % header for header in message.get("headers", ())]
        block = b"".join(lines)
        # A name or a value with an end of line in it would begin another header, or another response.
        if not block.count(b"\n") == block.count(b"\r") == len(lines):
            return False
        length = block.rfind(_LENGTH) + len(_LENGTH)
        if length < len(_LENGTH) or b"\r\nconnection: " in block or self.scope["method"] == "HEAD":
            return False
        self._length = block[length : block.index(b"\r", length)]
        close = b"" if self.keep_alive else b"connection: close\r\n"
        self._head = b"%b%b%b\r\n" % (STATUS_LINE[message["status"]], block, close)
        return True

    def _send_whole(self, body: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(self._head + body)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
