"""The figures as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.contender import POOL_SIZE, Contender, Operation
from bench.dataset import Dataset
from bench.turns import CONNECTIONS, Turn

_SUBJECT = "taskflow"


@dataclass(frozen=True, slots=True)
class Setting:
    stores: str
    cores: str
    rounds: int
    seconds: float


def markdown(
    setting: Setting,
    dataset: Dataset,
    agreed: Mapping[str, int],
    turns: Sequence[Turn],
    contenders: Sequence[Contender],
) -> str:
    parts = [*_facts(setting, dataset, agreed, contenders)]
    operations = list(dict.fromkeys(turn.operation for turn in turns))
    if turns:
        parts.append(_rates(turns, contenders, operations))
        parts.append(_processor(turns, contenders, operations))
    if turns and any(contender.name == _SUBJECT for contender in contenders) and len(contenders) > 1:
        parts.append(_ratios(turns, contenders, operations))
    if {"page", "deep"} <= set(operations):
        parts.append(_deep(turns, contenders))
    return "\n\n".join(parts) + "\n"


def _facts(
    setting: Setting, dataset: Dataset, agreed: Mapping[str, int], contenders: Sequence[Contender]
) -> Iterable[str]:
    yield f"{machine()}. {setting.stores}; {setting.cores}."
    yield "Rows: " + ", ".join(f"{count:,} {table}" for table, count in dataset.counts.items()) + "."
    yield (
        f"{setting.rounds} rounds of {setting.seconds:g} s per contender and operation, in turn; "
        f"{CONNECTIONS} HTTP connections; {POOL_SIZE} to PostgreSQL each."
    )
    calls = ", ".join(f"{operation} {count}" for operation, count in agreed.items())
    names = ", ".join(contender.name for contender in contenders)
    yield f"{names} gave equal answers, field by field, to these calls: {calls}."
    yield "\n".join(f"- {contender.title}: {contender.note}" for contender in contenders if contender.note)


def machine() -> str:
    """The processor, its cores, and the date."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    model = next(names, "") or platform.machine()
    return f"{datetime.now(UTC):%Y-%m-%d}, {model}, {os.cpu_count()} cores"


def _rates(turns: Sequence[Turn], contenders: Sequence[Contender], operations: Sequence[Operation]) -> str:
    def cell(operation: Operation, name: str) -> str:
        own = [turn for turn in turns if (turn.operation, turn.contender) == (operation, name)]
        rates = sorted(turn.rate for turn in own)
        latency = median(turn.result.median_ms for turn in own)
        return f"{median(rates):,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f}) · {latency:.1f} ms"

    rows = [[operation, *(cell(operation, c.name) for c in contenders)] for operation in operations]
    head = "Requests per second: median of the rounds (least to most) · median latency"
    return head + "\n\n" + _table(["operation", *(c.title for c in contenders)], rows)


def _processor(
    turns: Sequence[Turn], contenders: Sequence[Contender], operations: Sequence[Operation]
) -> str:
    def cell(operation: Operation, name: str) -> str:
        own = [turn for turn in turns if (turn.operation, turn.contender) == (operation, name)]
        return f"{median(turn.cpu_ms for turn in own):.2f}"

    rows = [[operation, *(cell(operation, c.name) for c in contenders)] for operation in operations]
    head = "Processor time of the contender's processes per request, ms: median of the rounds"
    return head + "\n\n" + _table(["operation", *(c.title for c in contenders)], rows)


def _ratios(turns: Sequence[Turn], contenders: Sequence[Contender], operations: Sequence[Operation]) -> str:
    others = [contender for contender in contenders if contender.name != _SUBJECT]
    rows = [
        [
            operation,
            *(
                _ratio(_by_round(turns, operation, _SUBJECT), _by_round(turns, operation, o.name))
                for o in others
            ),
        ]
        for operation in operations
    ]
    head = "TaskFlow's rate divided by the other's in the same round: median (least to most)"
    return head + "\n\n" + _table(["operation", *(f"against {o.title}" for o in others)], rows)


def _deep(turns: Sequence[Turn], contenders: Sequence[Contender]) -> str:
    rows = [
        [c.title, _ratio(_by_round(turns, "deep", c.name), _by_round(turns, "page", c.name))]
        for c in contenders
    ]
    return "The deep page's rate divided by the first page's\n\n" + _table(["contender", "ratio"], rows)


def _by_round(turns: Sequence[Turn], operation: Operation, name: str) -> dict[int, float]:
    return {turn.round: turn.rate for turn in turns if (turn.operation, turn.contender) == (operation, name)}


def _ratio(one: dict[int, float], other: dict[int, float]) -> str:
    ratios = sorted(one[number] / other[number] for number in one)
    return f"**{median(ratios):.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
