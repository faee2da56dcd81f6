"""Bytes on a connection, with no client library that would keep them well-formed."""

import json
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tests.harness.server import Server
from tests.harness.sockets import PROTOCOL

PATIENCE = 20.0
_CHUNK = 65_536


def exchange(server: Server, request: bytes, *, finish: bool = False) -> bytes:
    """All that the server answers until it closes, for which a request asks by `connection: close`.

    `finish` says that nothing more will come: for what may be read as the beginning of something.
    """
    with socket.create_connection((server.host, server.port), PATIENCE) as connection:
        with suppress(OSError):  # it may answer and close before it has all
            connection.sendall(request)
            if finish:
                connection.shutdown(socket.SHUT_WR)
        return _read_all(connection)


def status_and_body(answer: bytes) -> tuple[int, bytes]:
    """Of the final answer, after those that only say to go on."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    return status_and_body(body) if 100 <= status < 200 and body else (status, body)


class Wire:
    """A WebSocket on which anything can be sent. `received` are the server's messages so far."""

    def __init__(
        self, server: Server, *, protocol: Subprotocol = PROTOCOL, receive_buffer: int | None = None
    ) -> None:
        self._connection = socket.socket()
        if receive_buffer is not None:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._connection.settimeout(PATIENCE)
        self._connection.connect((server.host, server.port))
        self._protocol = ClientProtocol(parse_uri(server.websocket_url), subprotocols=[protocol])
        self._protocol.send_request(self._protocol.connect())
        self.received: list[dict[str, object]] = []
        self._flush()
        while self._protocol.handshake_exc is None and self._protocol.state is State.CONNECTING:
            self._receive()
        assert self._protocol.handshake_exc is None, self._protocol.handshake_exc

    def send(self, data: bytes, *, patience: float = PATIENCE) -> bool:
        """False when the server has closed. Raises TimeoutError when it takes nothing more."""
        self._connection.settimeout(patience)
        try:
            self._connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def close_code(self) -> int | None:
        """Reads to the end of the connection. None where there was no close frame."""
        deadline = time.monotonic() + PATIENCE
        while self._receive():
            assert time.monotonic() < deadline, "the server did not close"
        closed = self._protocol.close_rcvd
        return closed.code if closed else None

    def receive(self, number: int) -> list[dict[str, object]]:
        """The first messages of the server."""
        while len(self.received) < number and self._receive():
            pass
        return self.received[:number]

    def settle(self, seconds: float) -> None:
        """Receives until nothing has come for so long, or the server has closed."""
        self._connection.settimeout(seconds)
        with suppress(TimeoutError):
            while self._receive():
                pass
        self._connection.settimeout(PATIENCE)

    def finish(self) -> None:
        """Sends nothing any more, and still reads."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        self._connection.close()

    def reset(self) -> None:
        """Breaks off without a word."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def _receive(self) -> bool:
        try:
            data = self._connection.recv(_CHUNK)
        except ConnectionResetError:
            data = b""
        if not data:
            return False
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.received.append(json.loads(bytes(event.data)))
        self._flush()
        return True

    def _flush(self) -> None:
        """What the protocol answers by itself: the handshake, pongs, the close."""
        for data in self._protocol.data_to_send():
            if data:
                self.send(data)


def frame(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


def message(content: object) -> bytes:
    return frame(json.dumps(content).encode())


def fragments(parts: Iterable[bytes]) -> bytes:
    """One message in as many frames as there are parts."""
    first, *rest = parts
    frames = [frame(first, fin=not rest)]
    frames += [frame(part, Opcode.CONT, fin=number == len(rest) - 1) for number, part in enumerate(rest)]
    return b"".join(frames)


def _read_all(connection: socket.socket) -> bytes:
    chunks: list[bytes] = []
    while True:
        try:
            chunk = connection.recv(_CHUNK)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
