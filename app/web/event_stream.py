"""Answers as text/event-stream, after GraphQL over SSE in its distinct connections mode.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.types import Receive, Send

from app.infra.rate_limit import Allowance
from app.web.answers import Answer, encode

KEEP_ALIVE: Final = 12.0
"""Seconds between two comments: proxies close connections on which nothing is said."""

_COMMENT: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata: \n\n"  # a browser's EventSource drops events without data
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"vary", b"accept"),
    (b"x-accel-buffering", b"no"),  # nginx passes on what comes
    (b"x-content-type-options", b"nosniff"),
]


async def send_events(
    answers: AsyncIterator[Answer], allowance: Allowance | None, receive: Receive, send: Send
) -> None:
    """Sends the answers as they come, until there are no more or the client goes away."""
    headers = _HEADERS if allowance is None else [*_HEADERS, *allowance.headers()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _send(send, _COMMENT)  # a client that waits for the first event knows that it is connected
    sending = asyncio.create_task(_send_all(answers, send))
    leaving = asyncio.create_task(_disconnected(receive))
    keeping = asyncio.create_task(_keep_alive(send))
    try:
        await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving, keeping):
            task.cancel()
        await asyncio.wait([sending, leaving, keeping])
    if not sending.cancelled():
        sending.result()
        await send({"type": "http.response.body", "body": _COMPLETE})


async def _send_all(answers: AsyncIterator[Answer], send: Send) -> None:
    async for answer in answers:
        await _send(send, b"event: next\ndata: %b\n\n" % encode(answer.payload()))
        if not answer.executed:
            return


async def _keep_alive(send: Send) -> None:
    while True:
        await asyncio.sleep(KEEP_ALIVE)
        await _send(send, _COMMENT)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
