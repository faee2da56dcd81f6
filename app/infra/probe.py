import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic, perf_counter
from typing import TypeVar

import asyncpg

from app.config import Settings
from app.infra.connections import connect_arguments
from app.infra.database_errors import translate_failures
from app.infra.migrations import applied_names

_PING_SECONDS = 3
_LOOK_SECONDS = 1  # PostgreSQL may fall silent then, too; the next ping tells
_TICK_SECONDS = 0.25
_SILENT_TICKS = 5
_CLOSE_SECONDS = 1
_T = TypeVar("_T")


class Probe:
    """One connection that tells whether PostgreSQL answers; `on_lost` is called when it breaks."""

    def __init__(self, settings: Settings, on_lost: Callable[[], None]) -> None:
        self._settings = settings
        self._on_lost = on_lost
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    async def ping(self) -> float:
        """Seconds to the answer, with the connecting where that is needed. Raises DatabaseUnavailable."""
        async with self._lock:
            started = perf_counter()
            await self._ask(lambda connection: connection.execute("SELECT 1"), _PING_SECONDS)
            return perf_counter() - started

    async def answers(self, others_heard_since: Callable[[float], bool]) -> bool:
        """
        False when PostgreSQL stays silent: it answers neither this nor, by `others_heard_since` a moment of
        time.monotonic, anybody else. Raises DatabaseUnavailable.
        """
        asked = asyncio.create_task(self.ping())
        silent = 0
        try:
            while not asked.done() and silent < _SILENT_TICKS:
                # Counted, not timed: while this process itself stood still, answers may lie there unread.
                moment = monotonic()
                await asyncio.wait([asked], timeout=_TICK_SECONDS)
                silent = 0 if others_heard_since(moment) else silent + 1
            if asked.done():
                await asked
            return asked.done()
        finally:
            asked.cancel()

    async def applied_migrations(self) -> set[str]:
        """Raises like `migrations.applied_names`."""
        async with self._lock:
            return await self._ask(applied_names, _LOOK_SECONDS)

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connection.close(timeout=_CLOSE_SECONDS)

    async def _ask(self, question: Callable[[asyncpg.Connection], Awaitable[_T]], seconds: float) -> _T:
        with translate_failures():
            try:
                async with asyncio.timeout(seconds):
                    return await question(await self._connected())
            except asyncpg.PostgresError:  # an answer, too
                raise
            except BaseException:
                self._drop()
                raise

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(**connect_arguments(self._settings.database))
            self._connection.add_termination_listener(lambda _: self._on_lost())
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
