"""Connections to read with, handed on as they are: for single statements that leave no session state behind.

asyncpg's own pool wraps each in a proxy and makes a task of each release: a fifth of what
a small statement costs.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.config import DatabaseAddress
from app.infra.connections import connect
from app.infra.database_errors import DatabaseUnavailable

ACQUIRE_SECONDS = 3
"""How long to wait for a connection that comes free."""
_IDLE_SECONDS = 300
"""A connection not used for longer may have been dropped by a firewall without a word."""
_CLOSE_SECONDS = 3


@dataclass(slots=True, eq=False)
class Opened:
    connection: Any
    generation: int
    used_at: float


class ReadPool:
    """At most `size` connections, opened when needed. Raises DatabaseUnavailable, and what asyncpg does."""

    def __init__(self, address: DatabaseAddress, size: int) -> None:
        self._address = address
        self._size = size
        self._generation = 0
        self._count = 0
        self._free: list[Opened] = []
        self._waiting: deque[asyncio.Future[Opened | None]] = deque()
        self._closing: set[asyncio.Task[None]] = set()

    async def acquire(self) -> Opened:
        """A connection for one `fetch`, which gives it back."""
        opened = self._take_free()
        if opened is not None:
            return opened
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                while opened is None:
                    opened = await (self._open() if self._count < self._size else self._wait())
        except TimeoutError as error:
            raise DatabaseUnavailable(f"No database connection came free in {ACQUIRE_SECONDS} s.") from error
        return opened

    async def fetch(self, opened: Opened, sql: str, args: Sequence[object]) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await opened.connection.fetch(sql, *args)
        except asyncpg.PostgresError:
            self._give_back(opened)
            raise
        except BaseException:
            # Given up on our side: the next answer that comes over it may be the one to this.
            self._discard(opened)
            raise
        self._give_back(opened)
        return rows

    def expire(self) -> None:
        """None of the connections that are open now is used for another statement."""
        self._generation += 1
        for opened in self._free:
            self._discard(opened)
        self._free.clear()

    async def close(self) -> None:
        self.expire()
        if self._closing:
            await asyncio.wait(self._closing)

    def _take_free(self) -> Opened | None:
        while self._free:
            opened = self._free.pop()
            if not opened.connection.is_closed() and time.monotonic() - opened.used_at < _IDLE_SECONDS:
                return opened
            self._discard(opened)
        return None

    async def _open(self) -> Opened:
        self._count += 1
        generation = self._generation
        try:
            return Opened(await connect(self._address), generation, 0)
        except BaseException:
            self._leave()
            raise

    async def _wait(self) -> Opened | None:
        """The next one that comes free, or None when there is room for another."""
        turn: asyncio.Future[Opened | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # given in the same moment
                if (opened := turn.result()) is not None:
                    self._give_back(opened)
                else:
                    self._pass_on(None)
            raise

    def _give_back(self, opened: Opened) -> None:
        if opened.generation != self._generation or opened.connection.is_closed():
            self._discard(opened)
            return
        opened.used_at = time.monotonic()
        if not self._pass_on(opened):
            self._free.append(opened)

    def _discard(self, opened: Opened) -> None:
        closing = asyncio.create_task(self._close(opened))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close(self, opened: Opened) -> None:
        try:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await opened.connection.close(timeout=_CLOSE_SECONDS)  # stops what it still runs
        finally:
            self._leave()

    def _leave(self) -> None:
        self._count -= 1
        self._pass_on(None)

    def _pass_on(self, opened: Opened | None) -> bool:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(opened)
                return True
        return False
