"""What leaves by the server's protocol, whole responses and others."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.harness.serving import serving

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
LENGTH = (b"content-length", b"4")


def answering(*bodies: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for place, body in enumerate(bodies, 1):
            await send({"type": "http.response.body", "body": body, "more_body": place < len(bodies)})

    return app


async def received(app: Any, *requests: bytes) -> bytes:
    """All that comes, for requests that are sent at once, the last of which closes."""
    async with serving(app) as (reader, writer):
        writer.write(b"".join(requests))
        return await reader.read()


@pytest.mark.parametrize(
    ("bodies", "headers", "answer"),
    [
        (
            [b"done"],
            [LENGTH, (b"x-a", b"1")],
            b"content-length: 4\r\nx-a: 1\r\nconnection: close\r\n\r\ndone",
        ),
        (
            [b"do", b"ne"],
            [LENGTH],
            b"content-length: 4\r\nconnection: close\r\n\r\ndone",
        ),
        (
            [b"do", b"ne"],
            [],
            b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\ndo\r\n2\r\nne\r\n0\r\n\r\n",
        ),
        (
            [b"done"],
            [LENGTH, (b"connection", b"close")],
            b"content-length: 4\r\nconnection: close\r\n\r\ndone",
        ),
    ],
    ids=["whole", "in parts", "of unknown length", "with a connection header"],
)
async def test_an_answer_leaves_as_it_is_given(
    bodies: list[bytes], headers: list[tuple[bytes, bytes]], answer: bytes
) -> None:
    assert await received(answering(*bodies, headers=headers), LAST) == b"HTTP/1.1 200 OK\r\n" + answer


async def test_answers_leave_in_the_order_of_the_requests() -> None:
    app = answering(b"done", headers=[LENGTH])
    one = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone"
    last = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone"
    assert await received(app, GET, GET, LAST) == one + one + last


async def test_the_answer_to_head_has_no_body() -> None:
    answers = await received(answering(b"done", headers=[LENGTH]), HEAD, LAST)
    assert answers.startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("value", [b"1\r\nx-b: 2", b"1\nx-b: 2", b"1\r", b"\r\n\r\n"])
@pytest.mark.parametrize("place", ["name", "value"])
async def test_no_header_begins_another(value: bytes, place: str) -> None:
    header = (b"x-a", value) if place == "value" else (value, b"1")
    answer = await received(answering(b"done", headers=[LENGTH, header]), LAST)
    assert answer.startswith(b"HTTP/1.1 500 ") or answer == b""
    assert b"x-b" not in answer
    assert b"done" not in answer


@pytest.mark.parametrize("body", [b"too long", b""])
async def test_no_body_has_another_length_than_its_head_says(body: bytes) -> None:
    answer = await received(answering(body, headers=[LENGTH]), LAST)
    assert answer.partition(b"\r\n\r\n")[2] == b""
