"""The contenders as processes, one each."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from bench.contender import Contender, Stage
from bench.contenders.limit import Limit
from bench.contenders.mercurius import Mercurius
from bench.contenders.postgraphile import PostGraphile
from bench.contenders.starlette import StarletteEndpoint
from bench.contenders.strawberry_plain import StrawberryPlain
from bench.contenders.taskflow import TaskFlow
from bench.cores import started_on
from bench.dataset import Dataset
from tests.harness.processes import spawn, stop
from tests.harness.server import free_port
from tests.harness.stores import REPOSITORY, bare_environment

CONTENDERS: dict[str, type[Contender]] = {
    contender.name: contender
    for contender in (TaskFlow, Limit, StarletteEndpoint, Mercurius, PostGraphile, StrawberryPlain)
}
_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Server:
    contender: Contender
    stage: Stage
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.stage.port}"


class Ground(Protocol):
    """The stores that contenders run on, and a folder for their logs."""

    @property
    def database_url(self) -> str: ...
    @property
    def redis_url(self) -> str: ...
    @property
    def folder(self) -> Path: ...


@contextmanager
def running(
    contenders: Sequence[Contender], ground: Ground, dataset: Dataset, cores: frozenset[int]
) -> Iterator[list[Server]]:
    """Starts all on these cores; they are ready when the block begins and stopped when it ends."""
    servers: list[Server] = []
    try:
        for contender in contenders:
            stage = Stage(
                ground.database_url, ground.redis_url, free_port(), dataset.workspace_id, dataset.user_id
            )
            with started_on(cores):
                servers.append(_start(contender, stage, ground.folder))
        asyncio.run(_prepare(servers, dataset))
        yield servers
    finally:
        for server in servers:
            stop(server.process)


def _start(contender: Contender, stage: Stage, folder: Path) -> Server:
    log = folder / f"{contender.name}.log"
    settings = {**bare_environment(), "PYTHONPATH": os.fspath(REPOSITORY), **contender.environment(stage)}
    return Server(contender, stage, spawn(contender.command(), log=log, env=settings, cwd=REPOSITORY), log)


async def _prepare(servers: Sequence[Server], dataset: Dataset) -> None:
    for server in servers:
        headers = server.contender.headers(dataset)
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
            await _wait_ready(server, client)
            await server.contender.prepare(client, dataset)


async def _wait_ready(server: Server, client: httpx.AsyncClient) -> None:
    for _ in range(_START_SECONDS * 10):
        if server.process.poll() is not None:
            break
        try:
            if (await client.get(server.contender.ready_path)).status_code < 500:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise SystemExit(f"{server.contender.name} does not start:\n{server.log.read_text()[-4000:]}")
