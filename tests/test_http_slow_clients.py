"""Clients that send or read too slowly: their connections end, and others are served."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from app.infra.metrics import registry
from app.infra.tallies import write_tallies
from app.web import http_protocol, middleware
from app.web.middleware import RequestMiddleware
from tests.harness.client import Api
from tests.harness.server import Server
from tests.harness.serving import serving

ApiOf = Callable[[Server], Api]
POST = b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
LARGE = 64 * 1024 * 1024


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of the protocol, so short that a test need not wait for them."""
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT", 0.2)
    monkeypatch.setattr(http_protocol, "WRITE_TIMEOUT", 0.2)


@pytest.mark.parametrize(
    "beginning", [b"POST /graphql HTTP/1.1\r\n", b"G", b"GET / HTTP/1.1\r\nHost: here\r\nX-Slow: ye"]
)
async def test_headers_that_do_not_come_are_not_waited_for(impatient: None, beginning: bytes) -> None:
    async with serving(hello) as (reader, writer):
        writer.write(beginning)
        status, body = await read_answer(reader)
        assert status == 408
        assert body["errors"][0]["extensions"]["code"] == "REQUEST_TIMEOUT"


async def test_who_says_nothing_is_left(impatient: None) -> None:
    async with serving(hello) as (reader, _):
        assert await reader.read() == b""


async def test_headers_byte_by_byte_end_too(impatient: None) -> None:
    async with serving(hello) as (reader, writer):
        answer = asyncio.create_task(read_answer(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        while not answer.done():
            writer.write(b"X-Drop: 1\r\n")
            await asyncio.sleep(0.01)
        assert answer.result()[0] == 408


async def test_a_second_request_has_the_same_time(impatient: None) -> None:
    async with serving(hello) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert (await read_answer(reader))[0] == 200
        writer.write(b"GET / HTTP/1.1\r\n")
        assert (await read_answer(reader))[0] == 408


async def test_headers_without_end_are_refused() -> None:
    async with serving(hello) as (reader, writer):
        answer = asyncio.create_task(read_answer(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        for _ in range(100):
            writer.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            await asyncio.sleep(0)
        status, body = await answer
        assert (status, body["errors"][0]["extensions"]["code"]) == (431, "PAYLOAD_TOO_LARGE")


async def test_an_answer_that_nobody_reads_is_dropped(impatient: None) -> None:
    dropped = asyncio.Event()

    async def generous(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % LARGE)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(LARGE), "more_body": True})
        await receive()
        while (await receive())["type"] != "http.disconnect":
            pass
        dropped.set()

    async with serving(generous, limit=1024) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await asyncio.wait_for(dropped.wait(), 20)


async def test_who_reads_slowly_but_steadily_gets_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "WRITE_TIMEOUT", 1.0)  # the kernel takes by fits and starts
    size = 28 * 1024 * 1024

    async def generous(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    async with serving(generous, limit=1024) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        received = 0
        while received < size:
            part = await reader.read(2**16)
            assert part, received
            received += len(part)
            await asyncio.sleep(0.01)  # of 6 MB a second
    assert head.startswith(b"HTTP/1.1 200 ")


async def test_an_application_that_never_pauses_is_made_to() -> None:
    """What one tick of the event loop writes is sent together, but not without end."""
    part, sent = bytes(2**20), []

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(100):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            sent.append(number)

    async with serving(endless, limit=1024) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        assert 0 < len(sent) < 20


TRAILING = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


@pytest.mark.parametrize("line", [b"X-Trailer: " + b"x" * 1000 + b"\r\n", b"x" * 1000])
async def test_trailers_without_end_are_refused(line: bytes) -> None:
    """Many, and one that has no end."""

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(reading) as (reader, writer):
        answer = asyncio.create_task(read_answer(reader))
        writer.write(TRAILING)
        for _ in range(1000):
            writer.write(line)
            await asyncio.sleep(0)
            if answer.done():
                break
        status, body = await answer
        assert (status, body["errors"][0]["extensions"]["code"]) == (431, "PAYLOAD_TOO_LARGE")


async def test_trailers_are_no_headers() -> None:
    """Of a proxy that hands them on, too: it checks headers alone."""
    seen: list[tuple[bytes, bytes]] = []

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        seen.extend(scope["headers"])
        await hello(scope, receive, send)

    async with serving(reading) as (reader, writer):
        writer.write(TRAILING + b"Authorization: Bearer x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert (await read_answer(reader))[0] == 200
    assert [name for name, _ in seen] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize("begun", [b"", b'{"query":'])
async def test_a_body_that_does_not_come_is_408(impatient: None, begun: bytes) -> None:
    async def reading(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(reading) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n" + begun)
        status, body = await read_answer(reader)
        assert (status, body["errors"][0]["extensions"]["code"]) == (408, "REQUEST_TIMEOUT")
        assert await reader.read() == b""


async def test_such_a_request_is_counted_and_logged_with_the_status_that_its_client_got(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: asyncio.Queue[Any] = asyncio.Queue()
    monkeypatch.setattr(middleware, "logs_access", lambda _: True)
    monkeypatch.setattr(middleware, "log_access", lambda _, entry, __: logged.put_nowait(entry))

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def count(status: str) -> float:
        labels = {"method": "POST", "path": middleware.UNMATCHED, "status": status}
        write_tallies()
        return registry.get_sample_value("taskflow_http_requests_total", labels) or 0

    before = count("400"), count("408")
    async with serving(RequestMiddleware(endpoint)) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n")
        assert (await read_answer(reader))[0] == 408
        assert (await logged.get())["status"] == 408
    assert (count("400"), count("408")) == (before[0], before[1] + 1)


async def test_a_body_that_nobody_waits_for_ends_too(impatient: None) -> None:
    async with serving(hello) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n")
        assert (await read_answer(reader))[0] == 200
        assert await reader.read() == b""


async def test_a_body_in_small_pieces_is_read(server: Server) -> None:
    body = json.dumps({"query": "{ __typename }"}).encode()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    headers = f"Host: here\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(f"POST /graphql HTTP/1.1\r\n{headers}\r\n\r\n".encode())
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.005)
    status, answer = await read_answer(reader)
    writer.close()
    assert (status, answer["data"]) == (200, {"__typename": "Query"})


async def test_what_is_said_to_be_too_large_is_refused_at_once(server: Server) -> None:
    for headers, told in ((b"", b"keep-alive"), (b"Expect: 100-continue\r\n", b"close")):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(POST + headers + b"Content-Length: 50000000\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 413 ")  # and no 100 before it
        assert (b"connection: close" in head) == (told == b"close")
        body = await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head)[0]))
        (error,) = json.loads(body)["errors"]
        assert error["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
        assert "50,000,000 bytes; the limit is 1,048,576" in error["message"]
        writer.close()


@pytest.mark.parametrize("ending", [b"Connection: close\r\n", b""])
async def test_who_sends_on_sees_the_answer_too(server: Server, ending: bytes) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    size = 6 * 2**20
    writer.write(POST + ending + b"Content-Length: %d\r\n\r\n" % size)
    for _ in range(size // 2**18):
        writer.write(b" " * 2**18)
        await writer.drain()
    assert (await read_answer(reader))[0] == 413
    if ending:
        assert await asyncio.wait_for(reader.read(), 10) == b""
    else:
        body = b'{"query": "{ __typename }"}'
        writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        status, answer = await read_answer(reader)
        assert (status, answer["data"]) == (200, {"__typename": "Query"})
    writer.close()


async def test_more_than_that_is_not_taken(server: Server) -> None:
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(POST + b"Content-Length: 1000000000\r\n\r\n")
    sent = 0
    with suppress(ConnectionError):
        while sent < 10**9:
            writer.write(b" " * 2**18)
            await writer.drain()
            sent += 2**18
    assert sent < 64 * 2**20


async def test_a_body_that_comes_after_its_answer_leaves_the_connection_idle() -> None:
    """And an idle one ends."""
    async with serving(hello, timeout_keep_alive=1) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345")
        assert (await read_answer(reader))[0] == 200
        writer.write(b"67890")
        assert await reader.read() == b""


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length:")[1].split("\r\n")[0])
    return int(head.split()[1]), json.loads(await reader.readexactly(length))
