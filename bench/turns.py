"""The measurement: short turns of load, every contender in each round, so that a slow minute hits all."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path

from bench.client import Load, Result
from bench.contender import Operation
from bench.dataset import Dataset
from bench.operations import calls, requests
from bench.servers import Server
from tests.harness.stores import REPOSITORY
from tests.harness.taskflow import descendants

CONNECTIONS = 16
_WARM_UP_SECONDS = 1.5
_NUMBERS_A_TURN = 1_000_000


class LoadFailed(Exception):
    """Requests failed under load; the message holds the first answer."""


@dataclass(frozen=True, slots=True)
class Turn:
    operation: Operation
    contender: str
    round: int
    result: Result
    cpu: float
    """Seconds of processor time that the contender's processes took."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.result.answers / self.result.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time per request."""
        return self.cpu / self.result.answers * 1000


def play(
    servers: Sequence[Server],
    dataset: Dataset,
    operations: Sequence[Operation],
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Turn]:
    """Raises LoadFailed at the first failed request: a fast error is no answer."""
    turns, numbers = [], count()
    prepared: dict[tuple[Operation, str], list[bytes]] = {}
    for operation in operations:
        asked = calls(operation, dataset)
        for server in servers:
            made = requests(server.contender, asked, dataset)
            prepared[operation, server.contender.name] = made
            _load(server, made, _WARM_UP_SECONDS, next(numbers))
    # A round has all operations, so that they may be compared; each begins with another contender.
    for number, operation in product(range(rounds), operations):
        start = number % len(servers)
        for server in [*servers[start:], *servers[:start]]:
            name = server.contender.name
            used = _cpu_seconds(server.process.pid)
            result = _load(server, prepared[operation, name], seconds, next(numbers))
            cpu = _cpu_seconds(server.process.pid) - used
            turns.append(Turn(operation, name, number, result, cpu))
            tell(f"{operation} {number + 1}/{rounds} {name}: {turns[-1].rate:,.0f}/s")
    return turns


def _load(server: Server, prepared: list[bytes], seconds: float, number: int) -> Result:
    load = Load(server.stage.port, CONNECTIONS, seconds, prepared, number * _NUMBERS_A_TURN)
    process = subprocess.run(
        [sys.executable, "-m", "bench.client"],
        input=pickle.dumps(load),
        capture_output=True,
        cwd=REPOSITORY,
        timeout=seconds + 60,
        check=False,
    )
    if process.returncode:
        raise LoadFailed(process.stderr.decode()[-2000:])
    result = Result(**json.loads(process.stdout))
    if result.failures:
        raise LoadFailed(f"{server.contender.name}: {result.failures} failed; {result.first_failure}")
    return result


def _cpu_seconds(pid: int) -> float:
    """What a process and its living descendants have used, in user and system mode (proc(5), stat)."""
    ticks = 0
    for process in (pid, *descendants(pid)):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
