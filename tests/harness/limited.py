"""Servers with limits, each with counts of its own, and addresses that nobody has used yet."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.harness.client import Api
from tests.harness.server import Server, Servers
from tests.harness.stores import Stores

_numbers = itertools.count(1)


@asynccontextmanager
async def limited_server(
    server: Server, servers: Servers, stores: Stores, limits: dict[str, str]
) -> AsyncIterator[Server]:
    """Beside `server` on its database, with these settings and an empty Redis. Skips where there is none."""
    redis_url = stores.new_redis() or pytest.skip("needs Redis")
    env = {**server.env, **limits, "REDIS_URL": redis_url}
    env.pop("APP_PORT")
    started = servers.start(env)
    await started.wait_ready()
    yield started
    started.kill()


def seen_from(api: Api, address: str | None = None) -> Api:
    """The same client, whose requests come from `address`, else from one that nobody has used yet."""
    number = next(_numbers)
    api.http.headers["x-forwarded-for"] = address or f"203.0.{number // 250}.{number % 250 + 1}"
    return api
