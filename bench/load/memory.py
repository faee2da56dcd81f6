"""How much memory each part takes: the proportional set size (PSS) of its processes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import asyncpg
import redis

from bench.servers import Ground
from tests.harness.taskflow import descendants, parent_and_state

LIMIT = 4 * 1024**3
"""Bytes: what all parts may take together."""
GROWTH = 0.05
"""What a part may have grown by, from the second third of a run to the last."""
SLACK = 8 * 1024**2
"""Bytes of growth that are never too much."""
_INTERVAL = 5.0


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes."""

    total: int
    private: int
    """Without shared memory, which in PostgreSQL is its buffers: they fill up to what is set, then stay."""


@dataclass
class Watch:
    """Samples of all parts, every five seconds."""

    parts: Mapping[str, int]
    """The main process of each."""
    samples: list[dict[str, Size]] = field(default_factory=list)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.sample()
            await asyncio.sleep(_INTERVAL)

    async def sample(self) -> None:
        self.samples.append(await asyncio.to_thread(self._measure))

    def peak(self, part: str) -> int:
        return max(sample[part].total for sample in self.samples)

    def first(self, part: str) -> int:
        return self.samples[0][part].total

    def last(self, part: str) -> int:
        return self.samples[-1][part].total

    def peak_together(self) -> int:
        return max(sum(size.total for size in sample.values()) for sample in self.samples)

    def growth(self, part: str) -> int:
        """Bytes that the part grew by, from the median of the second third to the median of the last."""
        sizes = [sample[part].private for sample in self.samples]
        third = len(sizes) // 3
        return int(median(sizes[-third:]) - median(sizes[third : 2 * third])) if third else 0

    def faults(self, *, flat: bool) -> list[str]:
        """What is wrong with these figures; `flat` asks whether parts have grown."""
        together = self.peak_together()
        faults = [f"all parts together took {together / 1024**3:.1f} GB"] if together > LIMIT else []
        for part in self.parts if flat else ():
            growth = self.growth(part)
            if growth > max(SLACK, GROWTH * self.samples[len(self.samples) // 2][part].private):
                faults.append(f"{part} grew by {growth / 1024**2:.0f} MB from the second third to the last")
        return faults

    def _measure(self) -> dict[str, Size]:
        return {part: size(pid) for part, pid in self.parts.items()}


def size(pid: int) -> Size:
    """Of a process and all below it."""
    total = private = 0
    for process in (pid, *descendants(pid)):
        # A process may end meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            values = _rollup(process)
            total += values["Pss"]
            private += values["Pss"] - values["Pss_Shmem"]
    return Size(total, private)


async def store_processes(ground: Ground) -> dict[str, int]:
    """The main processes of PostgreSQL and Redis."""
    connection = await asyncpg.connect(ground.database_url)
    try:
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        found = parent_and_state(backend)
    finally:
        await connection.close()
    if found is None:
        raise SystemExit("PostgreSQL's processes are not to be seen from here.")
    with redis.Redis.from_url(ground.redis_url) as client:
        return {"PostgreSQL": found[0], "Redis": int(client.info("server")["process_id"])}


def _rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
