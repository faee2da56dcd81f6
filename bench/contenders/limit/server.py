"""The routes. Run as `python -m bench.contenders.limit.server`; the settings are Stage's."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from bench.contenders.limit import reads, writes
from bench.contenders.limit.pool import Pool

WORKSPACE_ID, USER_ID = os.environ["WORKSPACE_ID"], os.environ["USER_ID"]
Json = dict[str, Any]
Answer = Callable[[Pool, str, Json], Awaitable[Json]]


class Endpoint:
    """JSON in, JSON out, as an ASGI application: without a Request and a Response object."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = orjson.loads(await _body(receive))
        body = orjson.dumps({"data": await self._answer(scope["app"].state.pool, WORKSPACE_ID, given)})
        head: Message = {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
        await send(head)
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    return body


async def ready(_request: Request) -> Response:
    return Response()


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    application.state.pool = await Pool.open()
    # What is alive now lives on: the collector need not look at it again.
    gc.freeze()
    yield


app = Starlette(
    routes=[
        Route("/page", Endpoint(reads.page), methods=["POST"]),
        Route("/one", Endpoint(reads.one), methods=["POST"]),
        Route("/board", Endpoint(reads.board), methods=["POST"]),
        Route("/taskCreate", Endpoint(partial(writes.task_create, user_id=USER_ID)), methods=["POST"]),
        Route("/ready", ready),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        log_level="warning",
    )
