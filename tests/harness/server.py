"""The real server as a process."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.harness.processes import kill, spawn, stop
from tests.harness.stores import REPOSITORY, bare_environment

JWT_SECRET = "a-secret-that-only-the-tests-know-0123456789abcdef"


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    env: dict[str, str]

    @property
    def host(self) -> str:
        return self.env.get("APP_HOST", "127.0.0.1")

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://{self.host}:{self.port}/graphql"

    @property
    def database_url(self) -> str:
        return self.env["DATABASE_URL"]

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self, *, grace: float = 15) -> None:
        stop(self.process, grace=grace)

    def kill(self) -> None:
        kill(self.process)

    def output(self, since: int = 0) -> str:
        """What the process wrote, from the byte offset `since` on."""
        with self.log.open("rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")

    async def wait_ready(self, *, path: str = "/health/ready", patience: float = 30) -> None:
        """Polls `path` until it answers 200. Raises AssertionError with the log when it does not."""
        deadline = time.monotonic() + patience
        answer: object = None
        async with httpx.AsyncClient() as client:
            while time.monotonic() < deadline and self.running:
                try:
                    response = await client.get(self.url + path, timeout=5)
                    answer = response.text
                    if response.status_code == 200:
                        return
                except httpx.TransportError as error:
                    answer = error
                await asyncio.sleep(0.05)
        raise AssertionError(f"{path} did not become ready: {answer}\n{self.output()}")


class Servers:
    """Every server of the run, so that none outlives it and each log is at hand when a test fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Server] = []

    def start(
        self, env: dict[str, str], *, port: int | None = None, workers: int = 1, module: str = "app.cli"
    ) -> Server:
        """Starts `taskflow serve` with nothing but `env` for its settings. Returns before it is ready."""
        port = port or free_port()
        # What a killed one leaves behind in the folder for temporary files goes with the folder of the run.
        settings = {**bare_environment(), "TMPDIR": os.fspath(self._folder), "APP_PORT": str(port), **env}
        log = self._folder / f"server-{len(self._all)}.log"
        command = [sys.executable, "-m", module, "serve", "--workers", str(workers)]
        server = Server(spawn(command, log=log, env=settings, cwd=REPOSITORY), port, log, settings)
        self._all.append(server)
        return server

    def offsets(self) -> dict[Path, int]:
        return {server.log: server.log.stat().st_size for server in self._all if server.log.exists()}

    def output(self, since: dict[Path, int]) -> list[tuple[str, str]]:
        """(title, text) of each log that grew, from `since` on."""
        texts = [(server, server.output(since.get(server.log, 0))) for server in self._all]
        return [(f"server {server.port} (pid {server.process.pid})", text) for server, text in texts if text]

    def stop(self) -> None:
        for server in self._all:
            if server.running:
                server.process.terminate()
        for server in self._all:
            server.stop(grace=10)


def server_environment(database_url: str, redis_url: str | None) -> dict[str, str]:
    """The settings of an ordinary test server: development, so that answers name their SQL statements."""
    stores = {"DATABASE_URL": database_url, **({"REDIS_URL": redis_url} if redis_url else {})}
    return {
        **stores,
        "NODE_ENV": "development",
        "JWT_SECRET": JWT_SECRET,
        "RATE_LIMIT_MAX": "0",
        "MAX_CONCURRENT": "0",
        "MAX_CONNECTIONS_PER_ADDRESS": "0",
        "SIGN_IN_MAX": "0",
        "SIGN_IN_MAX_PER_EMAIL": "0",
        "SIGN_IN_MAX_PER_ADDRESS": "0",
        "SIGN_UP_MAX": "0",
        "MEMBER_ADD_MAX": "0",
        "PASSWORD_RESET_MAX": "0",
        "ERROR_DETAIL": "false",
        "LOG_LEVEL": "warn",
        "APP_HOST": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.fspath(REPOSITORY),
    }


def free_port() -> int:
    """On every address. Not one of those that systems give to whoever connects or asks for any port, from
    32768 (Linux) or 49152 (RFC 6335, 6) on: it might be gone before a server takes it."""
    while True:
        # Hypothesis gives `random` of all processes the same seed.
        port = 10_000 + secrets.randbelow(22_768)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("", port))
            return port
