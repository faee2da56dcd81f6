import asyncio
from collections.abc import Sequence
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from app.web import http_protocol
from app.web.errors import BAD_REQUEST, INTERNAL
from app.web.http_errors import JSON
from app.web.refusals import error_body, note

MAX_FRAGMENTS: Final = 1_024
"""Frames of one message: each costs memory, also when it is empty and the limit of bytes does not see it."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """
    A WebSocket that holds no more for its client than the client takes, and not for ever. uvicorn's stops
    sending messages when the client does not read, but goes on answering its pings, and waits for it without
    end, also with a connection that it has closed; it takes a message in any number of frames, and has a
    traceback in the log for what only the client did wrong.
    """

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _Handshake(max_size=self.config.ws_max_size, logger=self.logger)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()
        self._abort_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.close_sent:
            self._forget_deadline()
        if not self.read_paused:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    async def receive(self) -> Any:
        message = await super().receive()
        if not self.writable.is_set():  # it has just begun to read again
            self.transport.pause_reading()
        return message

    async def send(self, message: Any) -> None:
        await self.writable.wait()
        if self.close_sent and message["type"] == "websocket.send":
            # The protocol itself has closed, as a frame was wrong: uvicorn would blame whoever sends now.
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.close":
            self._abort_later()
        elif message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # else uvicorn would log an error for each that is not let in

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(self.frames):
            self._fail(CloseCode.INVALID_DATA, "not UTF-8")  # uvicorn would log a traceback for each
        else:
            super().send_receive_event_to_app()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def _abort_later(self) -> None:
        """Also of a transport that is closed: it waits until its client has taken all."""
        if self._deadline is None and not self.disconnected:
            self._deadline = self.loop.call_later(http_protocol.WRITE_TIMEOUT, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Handshake(ServerProtocol):
    """Whose refusals have the shape of every other error."""

    def reject(self, status: StatusLike, text: str) -> Response:
        response = super().reject(status, text)
        message, _, _ = text.partition("\n")
        code = BAD_REQUEST if response.status_code < 500 else INTERNAL
        request_id = note(response.status_code)
        response.body = error_body(code, message or "The connection was refused.", request_id)
        del response.headers["Content-Length"], response.headers["Content-Type"]
        response.headers.update(
            {
                "Content-Length": str(len(response.body)),
                "Content-Type": JSON,
                "Cache-Control": "no-store",
                "X-Request-Id": request_id,
            }
        )
        return response


def _is_utf8(parts: Sequence[bytes]) -> bool:
    try:
        (parts[0] if len(parts) == 1 else b"".join(parts)).decode()
    except UnicodeDecodeError:
        return False
    return True
