"""Redis, as something that may be away: a call costs little then and nothing fails because of it."""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from redis.exceptions import RedisError

from app.infra.redis_connection import Connection
from app.infra.resp import Reply, ReplyError, encode

CALL_TIMEOUT = 0.5
"""Seconds that one call may take, connecting included. A hung server costs each call under way this once."""
RECOVERY_INTERVAL = 1.0
"""Seconds between two attempts to find a lost server again. Nobody's request pays for them."""
ROOM_INTERVAL = 10.0
"""Seconds without a refused write after which a full server has room again. At its limit it takes one now and
then, when something expires."""
_SECOND_LOOK = 0.01
"""Seconds until what is late is looked for once more."""

_SMALL_WRITE = encode([b"SET", b"taskflow:room", b"", b"PX", b"1000"])
_FAILURES = (RedisError, OSError, TimeoutError, ValueError)
_log = structlog.stdlib.get_logger("taskflow.redis")


class RedisUnavailable(Exception):
    pass


class Script:
    """A Lua script with its keys and arguments, ready to be sent: worth keeping where they come again."""

    __slots__ = ("_parts", "by_digest", "text")

    def __init__(self, text: str, keys: Sequence[str], arguments: Sequence[int | str] = ()) -> None:
        self.text = text
        self._parts = [part.encode() for part in (str(len(keys)), *keys, *map(str, arguments))]
        self.by_digest = encode([b"EVALSHA", _digest(text), *self._parts])

    def in_full(self) -> bytes:
        return encode([b"EVAL", self.text.encode(), *self._parts])


@dataclass(slots=True, eq=False)
class _Call:
    command: bytes | Script
    answer: asyncio.Future[Reply | None]
    deadline: float
    repeated: bool = False


class Redis:
    """A client for one URL, or for none: then it is away for good and says so.

    All calls share one connection; those of one tick of the event loop leave in one piece.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._late: _Call | None = None
        self._flushing = False
        self._loop: asyncio.AbstractEventLoop | None = None  # asking for it is a system call
        self._waiting: deque[_Call] = deque()
        self._sent: deque[_Call] = deque()
        self._loaded: set[str] = set()
        self.connections = 0
        """How many were made so far. Another one may lead to a server that has lost or regained memory."""
        self.available = url is not None
        self.takes_writes = True
        """False while it is at its limit of memory (maxmemory, noeviction); it goes on with all else."""
        self.reason: str | None = None if url else "REDIS_URL is not set"
        self._room: asyncio.Task[None] | None = None
        self._refused_at = 0.0

    @property
    def configured(self) -> bool:
        return self._url is not None

    async def stop(self) -> None:
        self._give_up("The server is stopping")
        for task in (self._recovery, self._connecting, self._room):
            if task is not None:
                task.cancel()

    async def ping(self) -> float:
        """The seconds one round trip took. Raises RedisUnavailable, also while writes are refused."""
        started = time.perf_counter()
        if await self._send(encode([b"PING"])) is None or not self.takes_writes:
            raise RedisUnavailable(self.reason)
        return time.perf_counter() - started

    def run_script(
        self, script: str, keys: Sequence[str], arguments: Sequence[int | str] = ()
    ) -> asyncio.Future[Any | None]:
        return self.run(Script(script, keys, arguments))

    def run(self, script: Script) -> asyncio.Future[Any | None]:
        """The script's answer in one round trip, on its way at the end of this tick; None when away."""
        return self._send(script)

    def publish(self, channel: str, message: int) -> asyncio.Future[Any | None]:
        """How many subscribers a message has reached, sent like a script; None when away."""
        return self._send(encode([b"PUBLISH", channel.encode(), b"%d" % message]))

    def _send(self, command: bytes | Script) -> asyncio.Future[Reply | None]:
        loop = self._loop = self._loop or asyncio.get_running_loop()
        call = _Call(command, loop.create_future(), loop.time() + CALL_TIMEOUT)
        if not self.available:
            call.answer.set_result(None)
            return call.answer
        self._waiting.append(call)
        self._move()
        if self._timer is None:
            self._timer = loop.call_at(call.deadline, self._check_deadlines)
        return call.answer

    def _move(self) -> None:
        """Sees to it that what waits is sent: soon, or once there is a connection."""
        if self._connection is None:
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect())
        elif not self._flushing:
            self._flushing = True
            (self._loop or asyncio.get_running_loop()).call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._connection is None or not self._waiting:
            return
        self._connection.send(b"".join([self._encoded(call.command) for call in self._waiting]))
        self._sent.extend(self._waiting)
        self._waiting.clear()

    def _encoded(self, command: bytes | Script) -> bytes:
        if isinstance(command, bytes):
            return command
        if command.text in self._loaded:
            return command.by_digest
        self._loaded.add(command.text)  # EVAL keeps it, for the calls behind this one too
        return command.in_full()

    async def _connect(self) -> None:
        assert self._url is not None  # noqa: S101 - without a URL it is never available
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                self._connection = await Connection.open(self._url, self._on_reply, self._on_disconnect)
        except _FAILURES as error:
            self._lost(error)
        else:
            self.connections += 1
            self._loaded.clear()
            self._flush()
        finally:
            self._connecting = None

    def _on_reply(self, reply: Reply) -> None:
        call = self._sent.popleft()
        if not isinstance(reply, ReplyError):
            if not call.answer.done():  # whoever asked may be gone
                call.answer.set_result(reply)
        elif str(reply).startswith("NOSCRIPT") and not call.repeated:
            self._loaded.clear()  # by SCRIPT FLUSH
            self._repeat([call])
        elif str(reply).startswith("OOM"):
            _answer([call], None)
            self._on_refusal(reply)
        else:
            self._sent.appendleft(call)
            self._lost(reply)

    def _on_refusal(self, error: ReplyError) -> None:
        self._refused_at = time.monotonic()
        if self.takes_writes:
            self.takes_writes, self.reason = False, _reason(error)
            _log.warning("Redis refuses writes", reason=self.reason)
            self._room = asyncio.create_task(self._wait_for_room())

    async def _wait_for_room(self) -> None:
        while time.monotonic() - self._refused_at < ROOM_INTERVAL:
            await asyncio.sleep(RECOVERY_INTERVAL)
            await self._send(_SMALL_WRITE)
        self.takes_writes = True
        _log.info("Redis takes writes again")

    def _on_disconnect(self, error: Exception) -> None:
        """By the server: a restart is not noticed by calls that find the new one within their time."""
        self._connection = None
        again = [call for call in self._sent if not call.repeated]
        failed = [call for call in self._sent if call.repeated]
        self._sent.clear()
        self._repeat(again)
        if failed:
            _answer(failed, None)
            self._lost(error)

    def _repeat(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            call.repeated = True
        self._waiting.extendleft(reversed(calls))
        if self._waiting:
            self._move()

    def _check_deadlines(self) -> None:
        oldest = next(iter(self._sent), None) or next(iter(self._waiting), None)
        self._timer = None
        if oldest is None:
            return
        loop = asyncio.get_running_loop()
        if oldest.deadline <= loop.time():
            if oldest is self._late:
                self._lost(TimeoutError(f"No answer within {CALL_TIMEOUT} s."))
                return
            # It may have been this process that was busy, with the answer there and not read yet.
            self._late = oldest
            self._timer = loop.call_later(_SECOND_LOOK, self._check_deadlines)
        else:
            self._timer = loop.call_at(oldest.deadline, self._check_deadlines)

    def _lost(self, error: Exception) -> None:
        was_available = self.available
        self._give_up(_reason(error))
        if was_available:
            _log.warning("Redis is away", reason=self.reason)
            self._recovery = asyncio.create_task(self._recover())

    def _give_up(self, reason: str) -> None:
        """Nobody waits any longer, and nobody begins to."""
        self.available, self.reason = False, reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        calls = [*self._sent, *self._waiting]
        self._sent.clear()
        self._waiting.clear()
        _answer(calls, None)

    async def _recover(self) -> None:
        assert self._url is not None  # noqa: S101 - as above
        while not self.available:
            await asyncio.sleep(RECOVERY_INTERVAL)
            try:
                async with asyncio.timeout(CALL_TIMEOUT):
                    await Connection.probe(self._url)
            except _FAILURES as error:
                self.reason = _reason(error)
            else:
                self.available, self.reason = True, None
                _log.info("Redis is back")


@cache
def _digest(script: str) -> bytes:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest().encode()


def _answer(calls: Sequence[_Call], reply: Reply | None) -> None:
    for call in calls:
        with suppress(asyncio.InvalidStateError):  # whoever asked may be gone
            call.answer.set_result(reply)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
