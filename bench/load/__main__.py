"""TaskFlow under hundreds of users: `make load`, or `python -m bench.load`."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench import dataset
from bench.load import idle, memory, report, teams, wrk
from bench.load.followers import following
from bench.load.report import Outcome, Phase
from bench.load.teams import Person
from bench.stores import Stores
from tests.harness.server import JWT_SECRET, Server, Servers
from tests.harness.stores import REPOSITORY, migrate

_WORKERS = 2
_SOAK_SECONDS = 900.0
_FILES = 10_000
_SEED = 1
_ERROR = re.compile(r'"level": ?"(error|critical)"|^Traceback')


def main() -> None:
    options = _options()
    _allow_files()
    with Stores(options.folder) as stores:
        _tell(f"building {options.workspaces} workspaces of {options.tasks:,} tasks and {teams.TEAM} people")
        migrate(stores.database_url)
        asyncio.run(dataset.fill(stores.database_url, options.tasks))
        asyncio.run(teams.copy_workspace(stores.database_url, options.workspaces - 1))
        people = asyncio.run(teams.sign_everybody_in(stores.database_url))
        outcome = asyncio.run(_measure(stores, people, options))
    sys.stdout.write(report.markdown(outcome))
    if faults := outcome.faults():
        raise SystemExit("\n".join(faults))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=60, help="half with pauses, half without (default 60)"
    )
    parser.add_argument("--soak", action="store_true", help="15 minutes with pauses; memory must stay flat")
    parser.add_argument(
        "--think", type=float, default=2, help="mean seconds between a user's requests (default 2)"
    )
    parser.add_argument(
        "--workspaces", type=int, default=10, help=f"of {teams.TEAM} people each (default 10)"
    )
    parser.add_argument("--tasks", type=int, default=5_000, help="in each workspace (default 5,000)")
    parser.add_argument("--idle", type=int, default=2_000, help="idle sockets to measure (default 2,000)")
    parser.add_argument("--folder", type=Path, help="where to make the throwaway folder of the database")
    return parser.parse_args()


def _allow_files() -> None:
    """Each socket is a file, here and in the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _measure(stores: Stores, people: Sequence[Person], options: argparse.Namespace) -> Outcome:
    servers, cost = Servers(stores.folder), None
    if options.idle:
        _tell(f"opening {options.idle:,} idle sockets")
        async with _serving(stores, servers) as server:
            cost = await idle.measure(server, people, options.idle)
    phases = _phases(options)
    async with _serving(stores, servers) as server:
        _tell(f"subscribing {len(people)} users")
        requests = stores.folder / "requests.txt"
        await wrk.write_requests(server, people, requests, _SEED)
        watch = memory.Watch({"server processes": server.process.pid, **await memory.store_processes(stores)})
        async with following(server, people) as followers:
            results = [await _play(phase, server, requests, len(people), watch) for phase in phases]
            _tell("comparing what the subscribers received with the log")
            await followers.check()
    return Outcome(
        stores=stores.describe(),
        people=len(people),
        workspaces=options.workspaces,
        tasks=options.tasks,
        workers=_WORKERS,
        phases=list(zip(phases, results, strict=True)),
        watch=watch,
        events=followers.received,
        idle=cost,
        flat=options.soak,
        errors=_logged_errors(servers),
    )


def _phases(options: argparse.Namespace) -> list[Phase]:
    if options.soak:
        return [Phase(_with_pauses(options.think), _SOAK_SECONDS, options.think)]
    half = options.seconds / 2
    return [Phase(_with_pauses(options.think), half, options.think), Phase("without pauses", half, 0)]


def _with_pauses(think: float) -> str:
    return f"with pauses of {think:g} s"


async def _play(
    phase: Phase, server: Server, requests: Path, connections: int, watch: memory.Watch
) -> wrk.Result:
    _tell(f"{phase.name}: {phase.seconds:.0f} s")
    watching = asyncio.create_task(watch.run())
    try:
        return await wrk.run(server, requests, connections, phase.seconds, phase.think, _SEED)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await watch.sample()


@asynccontextmanager
async def _serving(stores: Stores, servers: Servers) -> AsyncIterator[Server]:
    """A server in production, ready, without limits to how much one may ask."""
    environment = {
        "NODE_ENV": "production",
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "JWT_SECRET": JWT_SECRET,
        "APP_HOST": "127.0.0.1",
        "RATE_LIMIT_MAX": "0",
        "RATE_LIMIT_POINTS": "0",
        "MAX_CONNECTIONS_PER_ADDRESS": "0",
        "LOG_LEVEL": "warn",
        "PYTHONPATH": os.fspath(REPOSITORY),
    }
    server = servers.start(environment, workers=_WORKERS)
    try:
        await server.wait_ready()
        yield server
    finally:
        await asyncio.to_thread(server.stop)


def _logged_errors(servers: Servers) -> list[str]:
    lines = (line for _, output in servers.output({}) for line in output.splitlines())
    return [line for line in lines if _ERROR.search(line)]


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
