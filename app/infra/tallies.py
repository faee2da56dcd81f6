"""Metrics that are counted with every request: gathered in this process and written together.

prometheus-client takes a lock and writes to a file each time, which with the several metrics of a request
takes as long as a small query. What is gathered here is written before this process answers a scrape, once a
second, and when it stops; a process that is killed loses the last second of it.
"""

from bisect import bisect_left
from collections import Counter as Numbers
from typing import Protocol

from prometheus_client import Counter, Gauge, Histogram


class _Gathered(Protocol):
    def write(self) -> None: ...


_changed: list[_Gathered] = []


def write_tallies() -> None:
    """Writes what was gathered since the last time."""
    changed = _changed.copy()
    _changed.clear()
    for gathered in changed:
        gathered.write()


class Tally:
    """Counts for a Counter without labels, or with all of them given."""

    __slots__ = ("_counter", "_number")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._number = 0

    def inc(self) -> None:
        if not self._number:
            _changed.append(self)
        self._number += 1

    def write(self) -> None:
        number, self._number = self._number, 0
        self._counter.inc(number)


class Level:
    """Goes up and down for a Gauge without labels, or with all of them given."""

    __slots__ = ("_changed", "_gauge", "_value")

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._value = 0
        self._changed = False

    def inc(self) -> None:
        self._move(1)

    def dec(self) -> None:
        self._move(-1)

    def write(self) -> None:
        self._changed = False
        self._gauge.set(self._value)

    def _move(self, step: int) -> None:
        self._value += step
        if not self._changed:
            self._changed = True
            _changed.append(self)


class Observations:
    """Observes for a Histogram without labels, or with all of them given."""

    __slots__ = ("_histogram", "_values")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._values: list[float] = []

    def observe(self, value: float) -> None:
        if not self._values:
            _changed.append(self)
        self._values.append(value)

    def write(self) -> None:
        values, self._values = self._values, []
        histogram = self._histogram
        # What `observe` does, by bucket instead of by value.
        histogram._sum.inc(sum(values))
        for bucket, number in Numbers(
            bisect_left(histogram._upper_bounds, value) for value in values
        ).items():
            histogram._buckets[bucket].inc(number)
