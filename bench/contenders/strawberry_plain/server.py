"""Run as `python -m bench.contenders.strawberry_plain.server`; the settings are Stage's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.asgi import GraphQL
from tortoise import Tortoise

from bench.contenders.strawberry_plain.loaders import Loaders
from bench.contenders.strawberry_plain.schema import schema


class Endpoint(GraphQL[Any, Any]):
    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        return {"request": request, "response": response, "loaders": Loaders()}


async def ready(_request: Request) -> Response:
    return Response()


@asynccontextmanager
async def lifespan(_application: Starlette) -> AsyncIterator[None]:
    url = os.environ["DATABASE_URL"].replace("postgresql:", "asyncpg:")
    await Tortoise.init(
        db_url=f"{url}&maxsize={os.environ['POOL_SIZE']}",
        modules={"models": ["app.models"]},
        use_tz=True,
        timezone="UTC",
        _enable_global_fallback=True,
    )
    yield
    await Tortoise.close_connections()


endpoint = Endpoint(schema, graphql_ide=None)
app = Starlette(
    routes=[Route("/ready", ready), Route("/graphql", endpoint, methods=["POST"])], lifespan=lifespan
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
