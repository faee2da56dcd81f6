"""/health, /health/live and /health/ready, as the deployment guide words them."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from app.config import load_settings
from app.infra import migrations
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.own_redis import OwnRedis
from tests.harness.server import Server

ApiOf = Callable[[Server], Api]
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SIGN_IN = 'mutation { signIn(input: { email: "a@example.com", password: "long enough" }) { accessToken } }'
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


async def ready(api: Api) -> httpx.Response:
    started = time.perf_counter()
    response = await api.http.get("/health/ready")
    assert time.perf_counter() - started < 3
    assert TIMESTAMP.fullmatch(response.json()["timestamp"])
    return response


@pytest.mark.parametrize("path", ["/health", "/health/live"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_process_lives(api: Api, path: str, method: str) -> None:
    response = await api.http.request(method, path)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    if method == "GET":
        assert response.json()["status"] == "ok"


async def test_everything_is_there(api: Api) -> None:
    response = await ready(api)
    body = response.json()
    assert response.status_code == 200
    assert set(body) == {"status", "timestamp", "services"}
    assert body["status"] == "ok"
    for name in ("database", "redis"):
        assert set(body["services"][name]) == {"status", "latency_ms"}
        assert body["services"][name]["status"] == "ok"
        assert 0 <= body["services"][name]["latency_ms"] < 1000
        assert isinstance(body["services"][name]["latency_ms"], int)
    migrations = body["services"]["migrations"]
    assert migrations["status"] == "ok"
    assert set(migrations) == {"status", "version"}
    assert re.match(r"\d+_\d{14}_", migrations["version"])


async def test_no_database(start_server: StartServer, api_of: ApiOf) -> None:
    server = await start_server(wait="/health", DATABASE_URL=NOWHERE)
    api = api_of(server)
    response = await ready(api)
    body = response.json()
    assert (response.status_code, body["status"]) == (503, "down")
    assert body["services"]["database"]["status"] == "down"
    assert body["services"]["migrations"]["status"] == "down"
    for name in ("database", "migrations"):  # why, with names of hosts and users, is in the log
        assert body["services"][name]["reason"] == "Not available; the server's log says why."
    assert "Connect" in server.output()
    assert body["services"]["redis"]["status"] == "ok"
    assert (await api.http.get("/health/live")).status_code == 200

    started = time.perf_counter()
    answer = await api.run("{ tasks(first: 1) { nodes { id } } }", token="broken")
    assert (answer.status, answer.code) == (200, "UNAUTHENTICATED")
    answer = await api.run(SIGN_IN)
    assert (answer.status, answer.code) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    assert time.perf_counter() - started < 3


async def test_a_hanging_and_a_dead_redis(start_server: StartServer, api_of: ApiOf, tmp_path: Path) -> None:
    redis = OwnRedis(tmp_path)
    api = api_of(await start_server(REDIS_URL=redis.url))
    for harm, mend in ((redis.hang, redis.resume), (redis.kill, redis.start)):
        harm()
        await ready(api)
        response = await ready(api)
        body = response.json()
        assert (response.status_code, body["status"]) == (503, "degraded")
        assert body["services"]["redis"]["status"] == "down"
        assert "the server's log says why" in body["services"]["redis"]["reason"]
        assert body["services"]["database"]["status"] == "ok"
        assert (await api.http.get("/health")).status_code == 200
        assert (await api.run("{ __typename }")).status == 200
        mend()
        await becomes(api, 200)
    redis.stop()


async def test_migrations_taken_back_and_applied_again(
    start_server: StartServer, api_of: ApiOf, new_database: Callable[..., Awaitable[str]]
) -> None:
    """Under a running server, which notices and leaves them as they are."""
    settings = load_settings(database_url=await new_database())
    api = api_of(await start_server(DATABASE_URL=settings.database.url()))
    *_, before, newest = migrations.migration_names()
    assert await migrations.down(settings) == newest
    body = (await becomes(api, 503)).json()
    assert (body["status"], body["services"]["database"]["status"]) == ("down", "ok")
    assert body["services"]["migrations"] == {
        "status": "down",
        "version": before,
        "reason": f"The database lacks the migration {newest}; taskflow migrate up applies it.",
    }
    await has_metric(api, 'taskflow_dependency_up{dependency="database"} 0.0')
    refused = await api.run(SIGN_IN)
    assert (refused.status, refused.code) == (503, "SERVICE_UNAVAILABLE")
    assert not (await migrations.status(settings))[-1].applied

    await migrations.up(settings)
    body = (await becomes(api, 200)).json()
    assert body["services"]["migrations"] == {"status": "ok", "version": newest}
    await has_metric(api, 'taskflow_dependency_up{dependency="database"} 1.0')
    assert (await api.run(SIGN_IN)).data["signIn"]["accessToken"] is None


async def has_metric(api: Api, line: str) -> None:
    deadline = time.monotonic() + 10
    while line not in (await api.http.get("/metrics")).text.splitlines():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def becomes(api: Api, status: int) -> httpx.Response:
    deadline = time.monotonic() + 10
    while (response := await ready(api)).status_code != status:
        assert time.monotonic() < deadline, response.text
        await asyncio.sleep(0.05)
    return response
