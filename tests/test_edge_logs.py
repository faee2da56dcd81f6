"""Logs, request ids and CORS."""

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import PASSWORD, SIGN_UP, unique
from tests.harness.processes import spawn
from tests.harness.server import Server, free_port
from tests.harness.sockets import open_socket
from tests.harness.stores import REPOSITORY, bare_environment
from tests.harness.taskflow import COMMAND

ApiOf = Callable[[Server], Api]


def lines(server: Server) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.output().splitlines() if line.strip()]


async def test_production_logs_one_json_object_a_line(start_server: StartServer, api_of: ApiOf) -> None:
    server = await start_server(NODE_ENV="production", LOG_LEVEL="info")
    api = api_of(server)
    variables = {"input": {"email": f"{unique('p')}@example.com", "password": PASSWORD, "name": "Robin"}}
    signed_up = await api.run(SIGN_UP.replace("mutation", "mutation Join"), variables)
    token = signed_up.data["signUp"]["accessToken"]
    answer = await api.run("query Mine { viewer { id } }", token=token, headers={"x-request-id": "mine-0001"})
    assert answer.headers["x-request-id"] == "mine-0001"
    async with open_socket(server.websocket_url, token=token) as socket:
        await (await socket.subscribe("{ viewer { id } }")).next()

    (request,) = [line for line in lines(server) if line.get("request_id") == "mine-0001"]
    assert request["message"] == "request"
    assert request["level"] == "info"
    assert (request["method"], request["route"], request["status"]) == ("POST", "/graphql", 200)
    assert request["operation"] == "Mine"
    assert isinstance(request["ms"], float)
    assert str(request["timestamp"]).endswith("Z")
    messages = {line["message"] for line in lines(server)}
    assert {"operation", "request"} <= messages
    assert any("Application startup complete" in str(message) for message in messages)

    for secret in (token, PASSWORD, signed_up.data["signUp"]["refreshToken"], "Bearer"):
        assert secret not in server.output()


async def test_the_level_is_kept(start_server: StartServer, api_of: ApiOf) -> None:
    server = await start_server(NODE_ENV="production", LOG_LEVEL="error")
    await api_of(server).run("{ __typename }")
    assert server.output() == ""


async def test_a_log_that_takes_no_more_costs_no_request(server: Server) -> None:
    """As on a full disk: not an answer, and not the connection that it came by."""
    own = {"NODE_ENV": "production", "LOG_LEVEL": "info", "APP_PORT": str(free_port())}
    env = {**bare_environment(), **server.env, **own}
    process = spawn([*COMMAND, "serve"], log=Path("/dev/full"), env=env, cwd=REPOSITORY)
    started = Server(process, int(own["APP_PORT"]), Path(os.devnull), env)
    try:
        await started.wait_ready()
        reader, writer = await asyncio.open_connection(started.host, started.port)
        for _ in range(3):
            writer.write(b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: x\r\nX-CSRF: 1\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.startswith(b"HTTP/1.1 ")
            [length] = re.findall(rb"content-length: (\d+)", head)
            assert b"__typename" in await reader.readexactly(int(length))
        writer.close()
    finally:
        started.stop()


async def test_probes_are_not_logged(api: Api, server: Server) -> None:
    for path in ("/health", "/metrics"):
        answer = await api.http.get(path, headers={"x-request-id": "a-probe-0001"})
        assert answer.headers["x-request-id"] == "a-probe-0001"
    assert "a-probe-0001" not in server.output()


@pytest.mark.parametrize("given", ["short", "x" * 129, "with space 123", "semi;colon;123", "<script>aaaa"])
async def test_an_unfit_request_id_is_replaced(api: Api, given: str) -> None:
    answer = await api.run("{ __typename }", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 32


async def preflight(api: Api, origin: str) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    return await api.http.options("/graphql", headers=headers)


async def test_cors_for_everybody(api: Api) -> None:
    allowed = await preflight(api, "https://anybody.example")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in allowed.headers
    answer = await api.run("{ __typename }", headers={"origin": "https://anybody.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    for headers in ({"origin": "https://anybody.example"}, {}):
        answer = await api.run("{ __typename }", headers=headers)
        assert "origin" in answer.headers["vary"].lower()  # or caches give one origin's answer to another
    assert "access-control-allow-origin" not in answer.headers


async def test_cors_for_some(start_server: StartServer, api_of: ApiOf) -> None:
    server = await start_server(CORS_ORIGINS="https://app.example.com,http://localhost:5173")
    api = api_of(server)
    for origin in ("https://app.example.com", "http://localhost:5173"):
        allowed = await preflight(api, origin)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == origin
    refused = await preflight(api, "https://evil.example.com")
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    for path in ("/graphql", "/health"):
        for origin in ("https://app.example.com", "http://localhost:5173"):
            answer = await read(api, path, origin)
            assert answer.headers["access-control-allow-origin"] == origin
        answer = await read(api, path, "https://evil.example.com")
        assert "access-control-allow-origin" not in answer.headers
        assert "origin" in answer.headers["vary"].lower()


async def read(api: Api, path: str, origin: str) -> httpx.Response:
    """By the way straight to GraphQL, or by the router's."""
    headers = {"origin": origin}
    if path == "/graphql":
        return await api.http.post(path, json={"query": "{ __typename }"}, headers=headers)
    return await api.http.get(path, headers=headers)
