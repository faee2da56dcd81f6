"""Connections that are handed on as they are: nothing that runs on them leaves session state behind.

asyncpg's own pool wraps each in a proxy, makes a task of each release and resets what was not changed: a
fifth of what a small statement costs, and a round trip of each transaction.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg

from app.config import DatabaseAddress
from app.infra.connections import connect
from app.infra.database_errors import DatabaseUnavailable
from app.infra.metrics import pool_timeouts, pool_wait_seconds

ACQUIRE_SECONDS = 3
"""How long to wait for a connection that comes free."""
_IDLE_SECONDS = 300
"""A connection not used for longer may have been dropped by a firewall without a word."""
_CLOSE_SECONDS = 3
_ABANDONED = "The database does not answer."


@dataclass(slots=True, eq=False)
class Opened:
    connection: Any
    generation: int
    used_at: float
    opening: asyncio.Timeout
    owner: object = None


class _Turn(NamedTuple):
    """Of one who waits: for a connection, or for the news that there is room for another."""

    given: "asyncio.Future[Opened | None]"
    owner: object


class Pool:
    """At most `size` connections, opened when needed. Raises DatabaseUnavailable, and what asyncpg does.

    `name` is what metrics know it by. An `owner` (a user) holds at most three of four at a time, so that
    nobody's slow statements, or waits for a lock, keep everybody else out.
    """

    def __init__(self, address: DatabaseAddress, size: int, name: str = "reads") -> None:
        self.name = name
        self.size = size
        self._address = address
        self._wait_seconds = pool_wait_seconds(name)
        self._timeouts = pool_timeouts.labels(name)
        self._generation = 0
        self._opened: set[Opened] = set()
        self._free: list[Opened] = []
        self._waiting: deque[_Turn] = deque()
        self._share = max(1, size - max(1, size // 4))
        self._held: dict[object, int] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def in_use(self) -> int:
        return len(self._opened) - len(self._free)

    @property
    def waiting(self) -> int:
        return sum(not turn.given.done() for turn in self._waiting)

    async def acquire(self, owner: object = None) -> Opened:
        """A connection for one `fetch`, which gives it back, or to be given to `release` or `discard`."""
        opened = self.take_free(owner)
        if opened is not None:
            return opened
        began = time.monotonic()
        deadline = asyncio.get_running_loop().time() + ACQUIRE_SECONDS
        try:
            while opened is None:
                if self._has_room() and self._may_hold(owner):
                    opened = await self._open(owner, deadline)
                else:
                    opened = await self._wait(owner, deadline) or self._take_told(owner)
        except TimeoutError as error:
            self._timeouts.inc()
            raise DatabaseUnavailable(f"No database connection came free in {ACQUIRE_SECONDS} s.") from error
        finally:
            self._wait_seconds.observe(time.monotonic() - began)
        return opened

    def take_free(self, owner: object = None) -> Opened | None:
        """As `acquire`, if one is free now."""
        while self._free and self._may_hold(owner):
            opened = self._free.pop()
            if not opened.connection.is_closed() and time.monotonic() - opened.used_at < _IDLE_SECONDS:
                self._hand_over(opened, owner)
                return opened
            self.discard(opened)
        return None

    async def fetch(self, opened: Opened, sql: str, args: Sequence[object]) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await opened.connection.rows(sql, args)
        except asyncpg.PostgresError:
            self.release(opened)
            raise
        except BaseException:
            # Given up on our side: the next answer that comes over it may be the one to this.
            self.discard(opened)
            raise
        self.release(opened)
        return rows

    def release(self, opened: Opened) -> None:
        """Hands it on; nothing may be under way on it."""
        self._take_back(opened)
        if opened.generation != self._generation or opened.connection.is_closed():
            self.discard(opened)
            return
        opened.used_at = time.monotonic()
        if not self._pass_on(opened):
            self._free.append(opened)

    def discard(self, opened: Opened) -> None:
        """Closes it, and whatever it still runs is stopped."""
        self._take_back(opened)
        if self._free:  # its owner may hold another one from now on
            self._pass_on(None)
        closing = asyncio.create_task(self._close(opened))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def expire(self) -> None:
        """None of the connections that are open now is used for another statement."""
        self._generation += 1
        for opened in self._free:
            self.discard(opened)
        self._free.clear()

    def abandon(self) -> None:
        """Nobody waits any longer for an answer or a connection; what ran may have been done or not."""
        for opened in self._opened:
            if opened.connection is not None:
                opened.connection.terminate()
            elif not opened.opening.expired():
                opened.opening.reschedule(0)
        self.expire()
        for turn in self._waiting:
            if not turn.given.done():
                turn.given.set_exception(DatabaseUnavailable(_ABANDONED))

    def answered_since(self, moment: float) -> bool:
        """Whether PostgreSQL has answered on any of the connections, in terms of time.monotonic."""
        return any(opened.used_at > moment for opened in self._opened)

    async def close(self) -> None:
        self.expire()
        if self._closing:
            await asyncio.wait(self._closing)

    def _has_room(self) -> bool:
        return len(self._opened) < self.size

    def _take_told(self, owner: object) -> Opened | None:
        """As `take_free`, for who was told of room; where they may not use it by now the next one hears."""
        opened = self.take_free(owner)
        if opened is None and (self._free or self._has_room()) and not self._may_hold(owner):
            self._pass_on(None)
        return opened

    async def _open(self, owner: object, deadline: float) -> Opened:
        opened = Opened(None, self._generation, 0, asyncio.timeout_at(deadline))
        self._opened.add(opened)
        self._hand_over(opened, owner)
        try:
            async with opened.opening:
                opened.connection = await connect(self._address)
        except BaseException as error:
            self._take_back(opened)
            self._leave(opened)
            if isinstance(error, TimeoutError) and opened.generation != self._generation:
                raise DatabaseUnavailable(_ABANDONED) from error
            raise
        return opened

    async def _wait(self, owner: object, deadline: float) -> Opened | None:
        """The next one that comes free, or None when there is room for another. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Opened | None] = loop.create_future()
        self._waiting.append(_Turn(turn, owner))
        giving_up = loop.call_at(deadline, _give_up, turn)  # a third of what asyncio.timeout costs
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():  # given in the same moment
                if (opened := turn.result()) is not None:
                    self.release(opened)
                else:
                    self._pass_on(None)
            raise
        finally:
            giving_up.cancel()

    async def _close(self, opened: Opened) -> None:
        try:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await opened.connection.close(timeout=_CLOSE_SECONDS)
        finally:
            self._leave(opened)

    def _leave(self, opened: Opened) -> None:
        self._opened.remove(opened)
        self._pass_on(None)

    def _pass_on(self, opened: Opened | None) -> bool:
        """To whoever has waited longest of those who may hold another one."""
        kept: list[_Turn] = []
        passed = False
        while self._waiting and not passed:
            turn = self._waiting.popleft()
            if turn.given.done():
                continue
            if not self._may_hold(turn.owner):
                kept.append(turn)
                continue
            if opened is not None:
                self._hand_over(opened, turn.owner)
            turn.given.set_result(opened)
            passed = True
        self._waiting.extendleft(reversed(kept))
        return passed

    def _may_hold(self, owner: object) -> bool:
        return owner is None or self._held.get(owner, 0) < self._share

    def _hand_over(self, opened: Opened, owner: object) -> None:
        opened.owner = owner
        if owner is not None:
            self._held[owner] = self._held.get(owner, 0) + 1

    def _take_back(self, opened: Opened) -> None:
        owner, opened.owner = opened.owner, None
        if owner is not None:
            left = self._held[owner] - 1
            if left:
                self._held[owner] = left
            else:
                del self._held[owner]


def _give_up(turn: "asyncio.Future[Opened | None]") -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
