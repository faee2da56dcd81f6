"""Which processes run where: the contender under load has a core for itself, everything else the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    contenders: frozenset[int]
    others: frozenset[int]
    """PostgreSQL, Redis and the load client."""

    @classmethod
    def split(cls, pin: bool) -> Cores:
        own = sorted(os.sched_getaffinity(0))
        if not pin or len(own) < 2:
            return cls(frozenset(own), frozenset(own))
        return cls(frozenset(own[:1]), frozenset(own[1:]))

    def describe(self) -> str:
        if self.contenders == self.others:
            return "all processes share all cores"
        return (
            f"contenders on core {min(self.contenders)}, one under load at a time; PostgreSQL, Redis and the "
            f"load client on {', '.join(map(str, sorted(self.others)))}"
        )


@contextmanager
def started_on(cores: frozenset[int]) -> Iterator[None]:
    """Processes that start meanwhile run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
