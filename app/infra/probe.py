import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

import asyncpg

from app.config import Settings
from app.infra.connections import connect_arguments
from app.infra.database_errors import translate_failures

_PING_SECONDS = 3
_CLOSE_SECONDS = 1


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
            with translate_failures():
                try:
                    async with asyncio.timeout(_PING_SECONDS):
                        connection = await self._connected()
                        await connection.execute("SELECT 1")
                except BaseException:
                    self._drop()
                    raise
            return perf_counter() - started

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connection.close(timeout=_CLOSE_SECONDS)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(**connect_arguments(self._settings.database))
            self._connection.add_termination_listener(lambda _: self._on_lost())
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
