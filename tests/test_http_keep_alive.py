"""How long a connection stays open between two requests."""

import asyncio
from typing import Any

import pytest

from tests.harness.serving import serving

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
ANSWER = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    await asyncio.sleep(float(scope["query_string"] or 0))
    await send({"type": "http.response.start", "status": 204, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_who_asks_in_time_is_answered_for_as_long_as_they_ask() -> None:
    async with serving(app, timeout_keep_alive=1) as (reader, writer):
        for _ in range(6):
            writer.write(GET)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
            await asyncio.sleep(0.4)


async def test_who_does_not_ask_again_is_gone_after_that_time_not_before() -> None:
    async with serving(app, timeout_keep_alive=1) as (reader, writer):
        writer.write(GET)
        await reader.readexactly(len(ANSWER))
        await asyncio.sleep(0.5)
        writer.write(GET)
        await reader.readexactly(len(ANSWER))
        began = asyncio.get_running_loop().time()
        assert await reader.read() == b""
        assert 0.9 < asyncio.get_running_loop().time() - began < 3


async def test_who_waits_for_a_long_answer_gets_it() -> None:
    async with serving(app, timeout_keep_alive=1) as (reader, writer):
        writer.write(GET + GET.replace(b"/ ", b"/?1.5 "))
        assert await reader.readexactly(2 * len(ANSWER)) == 2 * ANSWER
        assert await reader.read() == b""


async def test_a_socket_on_a_connection_that_was_used_before_stays() -> None:
    async with serving(app, timeout_keep_alive=1) as (reader, writer):
        writer.write(GET)
        await reader.readexactly(len(ANSWER))
        writer.write(UPGRADE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(), 1.5)
