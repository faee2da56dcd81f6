"""The load's figures as Markdown, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.load.idle import IdleCost
from bench.load.memory import Watch
from bench.load.wrk import Result
from bench.report import machine


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    seconds: float
    think: float
    """Mean seconds between a user's requests."""


@dataclass(frozen=True, slots=True)
class Outcome:
    stores: str
    people: int
    workspaces: int
    tasks: int
    workers: int
    phases: Sequence[tuple[Phase, Result]]
    watch: Watch
    events: int
    """How many all subscribers have received together."""
    idle: IdleCost | None
    flat: bool
    """Whether memory must not have grown."""
    errors: Sequence[str]
    """What the server logged as an error."""

    def faults(self) -> list[str]:
        """What the load must not show; none when all is well."""
        faults = [f"the server logged: {line}" for line in self.errors[:3]]
        for phase, result in self.phases:
            if result.failures or result.lost:
                counts = f"{result.failures:.0f} failed answers, {result.lost:.0f} without one"
                faults.append(f"{phase.name}: {counts}. {result.failure}")
        if self.idle is not None:
            faults += self.idle.faults()
        return [*faults, *self.watch.faults(flat=self.flat)]


def markdown(outcome: Outcome) -> str:
    return "\n\n".join([_head(outcome), _requests(outcome), _memory(outcome), _sockets(outcome)]) + "\n"


def _head(outcome: Outcome) -> str:
    return (
        f"{machine()}; {outcome.workers} server workers, PostgreSQL, Redis, wrk and the subscribers share "
        f"all cores; {outcome.stores}. {outcome.people} users in {outcome.workspaces} workspaces of "
        f"{outcome.tasks:,} tasks, each with a token of their own, a connection and an open subscription."
    )


def _requests(outcome: Outcome) -> str:
    rows = [
        [
            phase.name,
            f"{result.seconds:.0f} s",
            *(f"{count:,.0f}" for count in (result.requests, result.reads, result.writes, result.lists)),
            f"{result.rate:,.0f}",
            *(f"{latency:,.0f} ms" for latency in (result.p50, result.p95, result.p99, result.most)),
            f"{result.failures + result.lost:.0f}",
        ]
        for phase, result in outcome.phases
    ]
    head = "load,time,requests,reads,writes,heavy lists,per second,p50,p95,p99,most,errors"
    return _table(head.split(","), rows)


def _memory(outcome: Outcome) -> str:
    watch = outcome.watch
    rows = [
        [
            part,
            *(
                _mb(value)
                for value in (watch.first(part), watch.peak(part), watch.last(part), watch.growth(part))
            ),
        ]
        for part in watch.parts
    ]
    head = ["memory (PSS)", "before", "most", "after", "grown, second third to last"]
    return f"{_table(head, rows)}\n\nAll together at most: {_mb(watch.peak_together())}."


def _sockets(outcome: Outcome) -> str:
    text = f"{outcome.events:,} events reached the subscribers, each once, in order, none missing."
    if outcome.idle is None:
        return text
    idle = outcome.idle
    return (
        f"{text} Of {idle.sockets:,} idle sockets each cost {idle.acknowledged / 1000:.1f} kB in the server, "
        f"with a subscription {idle.subscribed / 1000:.1f} kB."
    )


def _mb(size: int) -> str:
    return f"{size / 1024**2:,.0f} MB"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
