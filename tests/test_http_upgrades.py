"""Requests that ask for another protocol than HTTP/1.1."""

import asyncio
from typing import Any

import pytest

from tests.harness.serving import serving

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
BODY = b'{"query":"{ __typename }"}'
ASKING = b"POST /one HTTP/1.1\r\nHost: x\r\n" + H2C + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
NEXT = b"POST /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """The path, the body, and whether an upgrade is asked for."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    told = scope["path"].encode() + body + b"!" * (b"upgrade" in dict(scope["headers"]))
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"%d" % len(told))],
        }
    )
    await send({"type": "http.response.body", "body": told})


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_who_asks_for_http_2_is_answered_by_http_1(size: int) -> None:
    """As Java's HttpClient does in its first request, with its body behind it, in parts of any size."""
    async with serving(echo) as (reader, writer):
        requests = ASKING + NEXT
        for start in range(0, len(requests), size):
            writer.write(requests[start : start + size])
            await asyncio.sleep(0)
        answers = await reader.read()
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    one, two = answers.split(b"\r\n\r\n")[1:]
    assert one.startswith(b"/one" + BODY + b"HTTP/1.1")
    assert two == b"/two{}"


async def test_many_at_once_are_answered_in_order() -> None:
    number = 3_000
    asking = b"".join(
        b"POST /%d HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" % n for n in range(number)
    )
    async with serving(echo) as (reader, writer):
        writer.write(asking + NEXT)
        answers = await reader.read()
    told = [answer.partition(b"HTTP/1.1")[0] for answer in answers.split(b"\r\n\r\n")[1:]]
    assert told == [*(b"/%d" % each for each in range(number)), b"/two{}"]


@pytest.mark.parametrize(
    "body", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
)
async def test_a_socket_that_comes_with_a_body_is_refused(body: bytes) -> None:
    async with serving(echo) as (reader, writer):
        writer.write(HANDSHAKE + body)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"has no body" in answer
