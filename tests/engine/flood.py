"""A server under requests of which no two are alike: its memory meanwhile, and how others fare."""

import asyncio
import json
import pickle
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.client import Load
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.stores import REPOSITORY
from tests.harness.taskflow import descendants

CLIENTS = 8
OTHER = "{ viewer { name } tasks(first: 5) { nodes { id title project { key } } } }"
_PATIENCE = 1_200

MakeRequest = Callable[[int], tuple[str, Mapping[str, Any]]]
"""The document and the variables of a number."""


@dataclass
class Figures:
    seconds: float = 0
    megabytes: dict[int, float] = field(default_factory=dict)
    """Resident memory of the server's processes by the number of requests answered so far."""
    waits_ms: list[float] = field(default_factory=list)
    """How long other requests waited meanwhile."""

    @property
    def grown(self) -> float:
        """Megabytes since the first step, which filled the caches."""
        first, *_, last = self.megabytes.values()
        return round(last - first, 1)

    def __str__(self) -> str:
        percentiles = quantiles(self.waits_ms, n=100)
        memory = ", ".join(f"{number:,}: {size:.0f}" for number, size in self.megabytes.items())
        return (
            f"{max(self.megabytes):,} in {self.seconds:.0f} s; MB after {memory}; {len(self.waits_ms)} other "
            f"requests meanwhile: median {percentiles[49]:.0f} ms, 99 % {percentiles[98]:.0f} ms, "
            f"slowest {max(self.waits_ms):.0f} ms"
        )


async def flood(
    server: Server, api: Api, person: Person, make: MakeRequest, *, total: int, step: int
) -> Figures:
    """Sends `make` of each number once, CLIENTS at a time. Raises AssertionError when any answer fails."""
    figures, started = Figures(), time.monotonic()
    async with _others(api, person, figures.waits_ms):
        for start in range(0, total, step):
            requests = [_http(person, *make(number)) for number in range(start, start + step)]
            await _send(server, requests)
            figures.megabytes[start + step] = _megabytes(server)
    figures.seconds = time.monotonic() - started
    return figures


@asynccontextmanager
async def _others(api: Api, person: Person, waits_ms: list[float]) -> AsyncIterator[None]:
    """Somebody who asks something ordinary now and then, for as long as the block lasts."""

    async def ask() -> None:
        clock = time.monotonic()
        assert (await person.run(OTHER, api=api)).data
        waits_ms.append((time.monotonic() - clock) * 1000)

    async def ask_now_and_then() -> None:
        while True:
            await ask()
            await asyncio.sleep(0.1)

    asking = asyncio.create_task(ask_now_and_then())
    try:
        yield
    finally:
        asking.cancel()
        [outcome] = await asyncio.gather(asking, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError), outcome


def _http(person: Person, document: str, variables: Mapping[str, Any]) -> bytes:
    body = json.dumps({"query": document, "variables": variables}).encode()
    return (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {person.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _send(server: Server, requests: list[bytes]) -> None:
    """By the bench's client, a process that costs little itself."""
    load = Load(server.port, CLIENTS, _PATIENCE, requests, first_number=0, once=True)
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.client"),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await client.communicate(pickle.dumps(load))
    finally:
        if client.returncode is None:
            client.kill()
    assert client.returncode == 0, errors.decode()
    result = json.loads(output)
    assert (result["answers"], result["failures"]) == (len(requests), 0), result["first_failure"]


def _megabytes(server: Server) -> float:
    """Resident memory of the server and what it started."""
    pids = [server.process.pid, *descendants(server.process.pid)]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return round(pages * 4096 / 1e6, 1)
