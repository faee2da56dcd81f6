"""Requests that are sent before the answer to the one before has come."""

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.web import http_protocol
from tests.harness.client import Api
from tests.harness.server import Server
from tests.harness.serving import serving

BODY = b'{"query":"{__typename}"}'
ONE = (
    b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


async def test_clients_that_break_off_leave_no_traceback(server: Server, api: Api) -> None:
    before = len(server.output())
    for _ in range(30):
        connection = socket.create_connection(("127.0.0.1", server.port))
        # Closed with a reset, whatever has not been sent or read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(ONE * 30)
        await asyncio.sleep(0.004)
        connection.close()
    assert (await api.run("{ __typename }")).data
    assert "Traceback" not in server.output()[before:]


FIRST = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
SOCKET = (
    b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LATE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
WRONG = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"


@dataclass
class Stream:
    """An application whose first answer says something again and again, until its client has left or `finish`
    is set. It reads what else it is asked."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    finish: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/first":
            await _departure(receive)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.create_task(_departure(receive))
        while not (leaving.done() or self.finish.is_set()):
            await send({"type": "http.response.body", "body": b".", "more_body": True})
            self.begun.set()
            await asyncio.sleep(0.01)
        if leaving.done():
            self.left.set()
        leaving.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _departure(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("behind", [b"", FIRST, FIRST * 5, SOCKET, LATE, WRONG])
async def test_an_answer_under_way_hears_that_its_client_has_left(behind: bytes) -> None:
    """Whatever was sent behind its request."""
    stream = Stream()
    async with serving(stream) as (_, writer):
        writer.write(FIRST)
        await stream.begun.wait()
        writer.write(behind)
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await stream.left.wait()


@pytest.mark.parametrize("behind", [SOCKET, LATE, WRONG, b"\x16\x03\x01"])
async def test_what_is_wrong_with_a_request_is_not_said_in_the_answer_to_another(
    behind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that opens there would get the rest of the answer."""
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT", 0.1)
    stream = Stream()
    async with serving(stream) as (reader, writer):
        writer.write(FIRST + behind)
        await stream.begun.wait()
        await asyncio.sleep(0.3)
        stream.finish.set()
        received = await reader.readuntil(b"\r\n0\r\n\r\n")
        assert received.count(b"HTTP/1.1 ") == 1
        assert set(received.partition(b"\r\n\r\n")[2].split(b"\r\n")) == {b"1", b".", b"0", b""}
        assert await reader.read() == b""
