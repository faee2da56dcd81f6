"""Documents that never repeat leave the server's memory flat and other requests answered."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest

from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.taskflow import descendants

CLIENTS = 8
SOAK = int(os.environ.get("TASKFLOW_SOAK_DOCUMENTS", "100000"))
LARGE_EVERY = 100
"""One document in so many is about as large as those that are remembered can be."""
OTHER = "{ viewer { name } tasks(first: 5) { nodes { id title project { key } } } }"

Figures = dict[str, float]


async def test_documents_that_never_repeat(
    start_server: Callable[..., Awaitable[Server]],
    api_of: Callable[[Server], Api],
    person: Person,
    tell: Callable[[str], None],
) -> None:
    server = await start_server()
    figures = await _flood(server, api_of(server), person, before=1_500, then=2_000)
    tell(f"documents that never repeat: {figures}")
    assert figures["grown by MB"] < 60
    assert figures["other requests, slowest ms"] < 5_000


@pytest.mark.soak
async def test_many_documents_that_never_repeat(
    start_server: Callable[..., Awaitable[Server]],
    api_of: Callable[[Server], Api],
    person: Person,
    tell: Callable[[str], None],
) -> None:
    server = await start_server()
    figures = await _flood(server, api_of(server), person, before=SOAK // 10, then=SOAK * 9 // 10)
    tell(f"documents that never repeat: {figures}")
    assert figures["grown by MB"] < 60
    assert figures["other requests, slowest ms"] < 5_000


async def _flood(server: Server, api: Api, person: Person, *, before: int, then: int) -> Figures:
    """`before` fills the caches; what memory does `then` is what counts."""
    numbers, waits = iter(range(before + then)), list[float]()
    started, done = time.monotonic(), asyncio.Event()
    memory: dict[str, float] = {}

    async def client() -> None:
        for number in numbers:
            if number == before:
                memory["full"] = _megabytes(server)
            answer = await person.run(*_document(number), api=api)
            assert answer.data, answer.body

    async def others() -> None:
        while not done.is_set():
            clock = time.monotonic()
            assert (await person.run(OTHER, api=api)).data
            waits.append((time.monotonic() - clock) * 1000)
            await asyncio.sleep(0.1)

    other = asyncio.create_task(others())
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    seconds = time.monotonic() - started
    done.set()
    await other
    memory["end"] = _megabytes(server)
    return {
        "documents": before + then,
        "seconds": round(seconds),
        f"MB after {before}": memory["full"],
        "MB at the end": memory["end"],
        "grown by MB": memory["end"] - memory["full"],
        "other requests": len(waits),
        "other requests, median ms": round(quantiles(waits, n=100)[49], 1),
        "other requests, 99 % ms": round(quantiles(waits, n=100)[98], 1),
        "other requests, slowest ms": round(max(waits), 1),
    }


def _document(number: int) -> tuple[str, dict[str, Any]]:
    """No two are alike; some read variables in directives, of which plans are kept by value."""
    fields = 600 if number % LARGE_EVERY == 0 else 3 + number % 20
    aliases = " ".join(f"a{number}_{one}: title" for one in range(fields))
    text = f"""query Q{number}($on: Boolean!) {{ tasks(first: {1 + number % 3}) {{
      nodes {{ id project {{ key @include(if: $on) }} {aliases} }} }} }}"""
    return text, {"on": number % 2 == 0}


def _megabytes(server: Server) -> float:
    """Resident memory of the server and what it started."""
    pids = [server.process.pid, *descendants(server.process.pid)]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return round(pages * 4096 / 1e6, 1)
