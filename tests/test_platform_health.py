"""`taskflow health`: what the container's health check runs, without curl."""

import json
from pathlib import Path

from tests.conftest import StartServer
from tests.harness.server import Server, free_port
from tests.harness.taskflow import run_taskflow


def test_a_server_that_lives_and_is_ready(server: Server, redis_url: str, tmp_path: Path) -> None:
    for arguments, keys in (
        ((), {"status", "timestamp"}),
        (("--ready",), {"status", "timestamp", "services"}),
    ):
        asked = run_taskflow("health", *arguments, cwd=tmp_path, APP_PORT=str(server.port))
        assert asked.returncode == 0, asked.stderr
        assert set(json.loads(asked.stdout)) == keys


async def test_a_server_that_lives_and_is_not_ready(start_server: StartServer, tmp_path: Path) -> None:
    server = await start_server(wait="/health", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert run_taskflow("health", cwd=tmp_path, APP_PORT=str(server.port)).returncode == 0
    asked = run_taskflow("health", "--ready", cwd=tmp_path, APP_PORT=str(server.port))
    assert (asked.returncode, asked.stdout) == (1, "")
    assert json.loads(asked.stderr)["services"]["database"]["status"] == "down"


def test_no_server(tmp_path: Path) -> None:
    port = free_port()
    asked = run_taskflow("health", cwd=tmp_path, APP_PORT=str(port))
    assert asked.returncode == 1
    assert asked.stderr.startswith(f"No answer from 127.0.0.1 port {port}: ")
