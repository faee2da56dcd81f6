"""wrk with hundreds of users, as users.lua makes them."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from uuid import uuid4

import httpx

from bench.load import documents
from bench.load.teams import Person, Team
from tests.harness.server import Server
from tests.harness.stores import bare_environment

_SCRIPT = Path(__file__).with_name("users.lua")
_TIMEOUT_SECONDS = 30
_CURSORS = 100


@dataclass(frozen=True, slots=True)
class Result:
    requests: float
    seconds: float
    p50: float
    """Milliseconds, as the others."""
    p95: float
    p99: float
    most: float
    reads: float
    writes: float
    lists: float
    failures: float
    """Answers with a status, an error or a userError."""
    lost: float
    """Requests without an answer."""
    failure: str
    """The first."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


async def write_requests(server: Server, people: Sequence[Person], file: Path, seed: int) -> None:
    """Everybody's requests, for users.lua."""
    chance = random.Random(seed)  # noqa: S311 - which task is asked for
    found: dict[str, list[str]] = {}
    with file.open("w") as lines:
        for person in people:
            team = person.team
            if team.workspace_id not in found:
                found[team.workspace_id] = await _cursors(server, person, team, chance)
            lines.write(f"user\t{person.token}\n")
            kinds = {
                "read": documents.reads(person, chance),
                "write": documents.writes(person, chance),
                "list": documents.lists(person, found[team.workspace_id], chance),
            }
            lines.writelines(f"{kind}\t{body}\n" for kind, bodies in kinds.items() for body in bodies)


async def run(
    server: Server, requests: Path, connections: int, seconds: float, think: float, seed: int
) -> Result:
    """Loads the server; `think` is the mean pause of a user before a request, in seconds."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("The load needs wrk on the PATH (Debian's package wrk).")
    result = requests.with_name("result.txt")
    settings = {
        "LOAD_REQUESTS": os.fspath(requests),
        "LOAD_RESULT": os.fspath(result),
        "LOAD_THINK": str(think * 1000),
        "LOAD_SEED": str(seed),
        "LOAD_RUN": uuid4().hex[:8],
    }
    process = await asyncio.create_subprocess_exec(
        *(program, "--threads", "1", "--connections", str(connections), "--duration", f"{round(seconds)}s"),
        *("--timeout", f"{_TIMEOUT_SECONDS}s", "--script", os.fspath(_SCRIPT), server.url),
        env={**bare_environment(), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds + 2 * _TIMEOUT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not result.exists():
        raise SystemExit(f"wrk failed:\n{output.decode()}")
    return _parse(dict(line.split("\t", 1) for line in result.read_text().splitlines()))


async def _cursors(server: Server, person: Person, team: Team, chance: random.Random) -> list[str]:
    """Of tasks that a deep page begins after: cursors are opaque."""
    ids = chance.sample(team.deep_ids, min(_CURSORS, len(team.deep_ids)))
    async with httpx.AsyncClient(headers=documents.headers(person), timeout=30) as client:
        response = await client.post(f"{server.url}/graphql", content=documents.cursors(person, ids))
    return [edge["cursor"] for edge in response.raise_for_status().json()["data"]["tasks"]["edges"]]


def _parse(values: Mapping[str, str]) -> Result:
    numbers = {field.name: float(values[field.name]) for field in fields(Result) if field.name != "failure"}
    return Result(**numbers, failure=values["failure"])
