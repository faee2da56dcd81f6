"""The load: a process that keeps some connections busy with requests made beforehand.

Reads what to do as pickle from standard input and writes a Result as JSON. It looks at no more of an answer
than its length and whether it failed: about 20 µs of one core per request, a tenth of what the fastest
contender takes.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count, cycle

import uvloop

MARK = b"@@@@@@@@@@@@"
"""Stands in a request for twelve digits that never come again."""
_PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Load:
    port: int
    connections: int
    seconds: float
    requests: list[bytes]
    """Sent in turn, again and again."""
    first_number: int
    """What MARK counts from."""
    once: bool = False
    """Whether to end after the last request, should that come before `seconds` are over."""


@dataclass(frozen=True, slots=True)
class Result:
    answers: int
    failures: int
    seconds: float
    median_ms: float
    slowest_ms: float
    """The 99th percentile."""
    client_share: float
    """Of one core, that the client itself took."""
    first_failure: str


def main() -> None:
    load: Load = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by whoever started this process
    result = uvloop.run(run(load))
    json.dump(asdict(result), sys.stdout)


async def run(load: Load) -> Result:
    turn = _Turn(load)
    loop = asyncio.get_running_loop()
    connections = [
        await loop.create_connection(lambda: _Connection(turn), "127.0.0.1", load.port)
        for _ in range(load.connections)
    ]
    started, used = time.perf_counter(), _cpu_seconds()
    turn.ends_at = started + load.seconds
    for _, connection in connections:
        connection.send()
    async with asyncio.timeout(load.seconds + _PATIENCE):
        await asyncio.gather(*(connection.idle for _, connection in connections))
    seconds = time.perf_counter() - started
    times = sorted(turn.times) or [0.0]
    return Result(
        len(turn.times),
        turn.failures,
        seconds,
        times[len(times) // 2] * 1000,
        times[len(times) * 99 // 100] * 1000,
        (_cpu_seconds() - used) / seconds,
        turn.first_failure,
    )


class _Turn:
    def __init__(self, load: Load) -> None:
        self.ends_at = 0.0
        self.times: list[float] = []
        self.failures = 0
        self.first_failure = ""
        self.requests = _numbered(load)

    def fail(self, answer: bytes) -> None:
        self.failures += 1
        self.first_failure = self.first_failure or answer[:2000].decode(errors="replace")


class _Connection(asyncio.Protocol):
    def __init__(self, turn: _Turn) -> None:
        self._turn = turn
        self._answer = bytearray()
        self._length = 0
        self._sent = 0.0
        self.idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self) -> None:
        request = next(self._turn.requests, None)
        if request is None:
            self.idle.set_result(None)
            return
        self._sent = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._length:
            self._length = _length(self._answer)
        if self._length and len(self._answer) >= self._length:
            self._finish(bytes(self._answer))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.idle.done():
            self._turn.fail(b"the connection was closed")
            self.idle.set_result(None)

    def _finish(self, answer: bytes) -> None:
        now = time.perf_counter()
        self._turn.times.append(now - self._sent)
        if _failed(answer):
            self._turn.fail(answer)
        self._answer.clear()
        self._length = 0
        if now < self._turn.ends_at:
            self.send()
        elif not self.idle.done():
            self.idle.set_result(None)


def _numbered(load: Load) -> Iterator[bytes]:
    numbers = count(load.first_number)
    for request in load.requests if load.once else cycle(load.requests):
        yield request.replace(MARK, b"%012d" % next(numbers)) if MARK in request else request


def _length(answer: bytearray) -> int:
    """Of head and body together; 0 while the head is not whole. Raises ValueError for a chunked answer."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = bytes(answer[:end]).lower()
    before, found, after = head.partition(b"content-length:")
    if not found:
        raise ValueError(f"an answer without its length: {before!r}")
    return end + 4 + int(after.partition(b"\r\n")[0])


def _failed(answer: bytes) -> bool:
    if not answer.startswith(b"HTTP/1.1 200"):
        return True
    return b'"errors":' in answer or b'"userErrors":[{' in answer or b'":null}}' in answer[-12:]


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
