import asyncio
from typing import Final

import httptools

from app.web.http_upgrade import UpgradingProtocol
from app.web.refusals import (
    HEAD_TOO_LARGE,
    MAX_HEAD,
    MAX_HEADERS,
    TOO_LATE,
    TOO_MANY_HEADERS,
    TRAILERS_TOO_LARGE,
    UNREADABLE,
    URI_TOO_LONG,
    Refusal,
    note,
)

REQUEST_TIMEOUT: Final = 30.0
"""Seconds in which a request must have come, its body too; and a new connection's first one."""
WRITE_TIMEOUT: Final = 30.0
"""Seconds in which a client must read what waits for it, or MIN_READ of it."""
MIN_READ: Final = 256 * 1024
"""Bytes: what waits takes memory, so that it must not wait for ever."""
MAX_UNREAD: Final = 8 * 1024 * 1024
"""Bytes that are taken, and dropped, of a request that has been answered: a client that is cut off while it
sends does not see the answer."""

LINGER: Final = 0.5
"""Seconds in which a request that is on its way may still arrive."""


class PatientProtocol(UpgradingProtocol):
    """HTTP/1.1 for clients that are slow or send much, to a limit: uvicorn waits for ever for what has begun,
    takes a head and trailers of any size, and answers what it cannot read in plain text, with a warning for
    each."""

    _incoming = True
    _in_head = True
    _refused = False
    _ending = False
    _received = 0
    """Bytes of what is being read now."""
    _head_size = 0
    """Bytes of what was read before and holds a part of this head."""
    _before_head = 0
    """How many of them may be of the request before."""
    _since_body = 0
    """Bytes that came behind this head without any of its body: trailers, if there are so many."""
    _unread = 0
    _rests_since = 0.0
    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _unsent = 0
    """Bytes that waited for the client when it was last looked at."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._late = self.loop.call_later(REQUEST_TIMEOUT, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._write_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._drop(len(data))
            return
        self._received = len(data)
        try:
            self._feed(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._unset_keepalive_if_required()
                self.handle_websocket_upgrade()
        except httptools.HttpParserError as error:
            if not self.transport.is_closing():
                self._refuse(self._reason(error))
            return
        if self._incoming and self.parser is not None:
            self._wait_for_more()

    def on_message_begin(self) -> None:
        self._incoming = self._in_head = True
        self._before_head = self._received
        self._unread = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # trailers say nothing that anybody here asks for (RFC 9110, 6.5.1)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if len(self.headers) > MAX_HEADERS:
            raise TOO_MANY_HEADERS
        if self._head_size + self._received > MAX_HEAD:
            self._check_head()
        super().on_headers_complete()
        self._in_head = False
        self._head_size = 0
        self._since_body = -self._received

    def on_body(self, body: bytes) -> None:
        self._since_body = -self._received
        if self.cycle is not None and self.cycle.response_complete:
            self._drop(len(body))
        super().on_body(body)

    def on_request_complete(self) -> None:
        self._arrived()
        super().on_request_complete()
        if self.cycle is not None and self.cycle.response_complete and not self.parser.should_upgrade():
            self._answered_before()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._rest()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._incoming or not self.cycle.response_complete:
            return
        left = self._rests_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        elif not self.transport.is_closing():
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_on()

    def _reason(self, error: httptools.HttpParserError) -> Refusal:
        cause = error.__context__
        if isinstance(cause, Refusal):
            return cause.with_traceback(None)  # one is raised again and again, and would keep them all
        if cause is not None and not isinstance(cause, httptools.HttpParserError | UnicodeError):
            self.logger.error("A request could not be read", exc_info=cause)
        return UNREADABLE

    def _check_head(self) -> None:
        """Raises Refusal."""
        line = len(self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n")
        if line > MAX_HEAD:
            raise URI_TOO_LONG
        if line + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers) > MAX_HEAD:
            raise HEAD_TOO_LARGE

    def _wait_for_more(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_TIMEOUT, self._give_up)
        if self._in_head:
            self._head_size += self._received
            if self._head_size - self._before_head > MAX_HEAD:
                self._refuse(URI_TOO_LONG if len(self.url) > MAX_HEAD else HEAD_TOO_LARGE)
        else:
            self._since_body += self._received
            if self._since_body > MAX_HEAD:
                self._refuse(TRAILERS_TOO_LARGE)

    def _arrived(self) -> None:
        self._incoming = False
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _watch_reader(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(WRITE_TIMEOUT, self._look_at_reader)

    def _look_at_reader(self) -> None:
        if self._unsent - self.transport.get_write_buffer_size() < MIN_READ:
            self.transport.abort()
        else:
            self._watch_reader()

    def _write_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _give_up(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:  # it is not the client who is late
            self._late = self.loop.call_later(REQUEST_TIMEOUT, self._give_up)
        elif self._in_head and not self._head_size:
            self.transport.close()
        else:
            self._refuse(TOO_LATE)

    def _refuse(self, refusal: Refusal) -> None:
        cycle = self.cycle
        if self._in_head or not self._incoming:
            if not self._is_idle():
                self._end_after_answers()
                return
            request_id = note(refusal.status)
        elif self._withdraw():
            self._refused = True
            self._arrived()
            return
        elif cycle.response_started:
            self._ending = True
            self.transport.close()
            return
        else:
            cycle.scope["state"]["refused"] = refusal.status  # its client hears of no other
            request_id = cycle.scope["state"].get("request_id") or note(refusal.status)
            cycle.disconnected = True
            cycle.message_event.set()
        self._refused = True
        self._arrived()
        self.transport.write(refusal.response(request_id))
        self.transport.write_eof()
        self._late = self.loop.call_later(LINGER, self.transport.close)

    def _drop(self, received: int) -> None:
        self._unread += received
        if self._unread > MAX_UNREAD:
            self.transport.abort()

    def _answered_before(self) -> None:
        """What has been answered before it had come is here now. uvicorn would wait for the next for ever."""
        if self._ending:
            self.transport.close()
        else:
            self._rest()

    def _rest(self) -> None:
        """Waits for another request, with one timer for many: uvicorn makes and cancels one for each."""
        self._rests_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
