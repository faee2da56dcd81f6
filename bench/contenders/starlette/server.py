"""The routes. Run as `python -m bench.contenders.starlette.server`; the settings are Stage's."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.contenders.limit import reads, statements
from bench.contenders.limit.writes import created, write

WORKSPACE_ID, USER_ID = os.environ["WORKSPACE_ID"], os.environ["USER_ID"]


async def page(request: Request) -> Response:
    given = orjson.loads(await request.body())
    return _json(await reads.page(request.app.state.pool, WORKSPACE_ID, given))


async def one(request: Request) -> Response:
    given = orjson.loads(await request.body())
    return _json(await reads.one(request.app.state.pool, WORKSPACE_ID, given))


async def board(request: Request) -> Response:
    given = orjson.loads(await request.body())
    return _json(await reads.board(request.app.state.pool, WORKSPACE_ID, given))


async def task_create(request: Request) -> Response:
    given = orjson.loads(await request.body())
    async with request.app.state.pool.acquire() as connection:
        async with connection.transaction():
            task_id, seq = await write(connection, WORKSPACE_ID, USER_ID, given)
        row = await connection.fetchrow(statements.CREATED, WORKSPACE_ID, task_id)
    return _json(created(task_id, seq, row))


async def ready(_request: Request) -> Response:
    return Response()


def _json(data: Any) -> Response:
    return Response(orjson.dumps({"data": data}), media_type="application/json")


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    size = int(os.environ["POOL_SIZE"])
    pool = asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=size, max_size=size, reset=_no_reset)
    async with pool as application.state.pool:
        # What is alive now lives on: the collector need not look at it again.
        gc.freeze()
        yield


async def _no_reset(_connection: Any) -> None:
    """Nothing here leaves session state behind, and asyncpg's own reset is a statement."""


app = Starlette(
    routes=[
        Route("/page", page, methods=["POST"]),
        Route("/one", one, methods=["POST"]),
        Route("/board", board, methods=["POST"]),
        Route("/taskCreate", task_create, methods=["POST"]),
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
