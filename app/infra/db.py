"""The application's database: a pool to read from, a pool to write with, and the watch over both."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain, repeat
from time import perf_counter
from typing import Literal

import asyncpg

from app.config import Settings
from app.infra import migrations
from app.infra.database_errors import DatabaseTimeout, DatabaseUnavailable, translate_failures
from app.infra.pool import Pool
from app.infra.probe import Probe
from app.infra.statement_time import observe_statement
from app.infra.tortoise_registry import ensure_models
from app.infra.transaction import OpenTransaction, TransactionClient, Watch

__all__ = [
    "Database",
    "DatabaseTimeout",
    "DatabaseUnavailable",
    "OpenTransaction",
    "TransactionClient",
    "Watch",
]

State = Literal["connecting", "migrating", "ready", "outdated", "down"]

_WATCH_SECONDS = 1
"""Between two looks. With the silence that a look takes for an outage, requests wait less than three."""
_FIRST_RETRY_SECONDS = (0.1, 0.25, 0.5)
_RETRY_SECONDS = 1
_UNEXPECTED = "The database cannot be prepared; the server's log says why."

_log = logging.getLogger(__name__)


class Database:
    """
    Until PostgreSQL is reached and migrated, and whenever it is away, every use raises DatabaseUnavailable at
    once; so too while it lacks a migration. `ready`, `state` and `reason` say how things are; they follow a
    loss and a return by themselves.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.state: State = "connecting"
        self.reason: str | None = "The server is connecting to its database."
        self.migration_version: str | None = None
        self._expected: list[str] = []
        self._reads: Pool | None = None
        self._writes: Pool | None = None
        self._state_changed = asyncio.Condition()
        self._doubt = asyncio.Event()
        self._probe = Probe(settings, on_lost=self._doubt.set)
        self._keeper: asyncio.Task[None] | None = None

    @property
    def write_connections(self) -> int:
        """How many transactions may be open at once."""
        return max(1, self._settings.db_pool_size // 2)

    @property
    def ready(self) -> bool:
        return self.state == "ready"

    @property
    def pools(self) -> list[Pool]:
        return [pool for pool in (self._reads, self._writes) if pool is not None]

    async def start(self) -> None:
        """Returns at once; a task connects and migrates, and keeps trying for as long as it takes."""
        await ensure_models()
        self._keeper = asyncio.create_task(self._keep_up(), name="database")

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self.state, self.reason = "down", "The server is stopping."
        await self._probe.close()
        for pool in self.pools:
            await pool.close()

    async def wait_ready(self, timeout: float) -> None:  # noqa: ASYNC109  # waiting is what it does
        """Raises DatabaseUnavailable when it is not ready within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout), self._state_changed:
                await self._state_changed.wait_for(lambda: self.ready)
        except TimeoutError:
            raise DatabaseUnavailable(self.reason) from None

    async def fetch(
        self,
        label: str,
        sql: str,
        args: Sequence[object],
        watch: Watch | None = None,
        owner: object = None,
    ) -> list[asyncpg.Record]:
        """
        The rows of one statement that leaves no session state behind. `label` names it in metrics and to
        `watch`; `owner` is whose it is (see Pool).

        Raises DatabaseUnavailable, also when no connection comes free in 3 s or the answer takes 10 s.
        """
        pool = self._usable(self._reads)
        with translate_failures():
            opened = pool.take_free(owner) or await pool.acquire(owner)
            started = perf_counter()
            try:
                return await pool.fetch(opened, sql, args)
            finally:
                seconds = perf_counter() - started
                observe_statement(label, seconds)
                if watch is not None:
                    watch(label, seconds)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[TransactionClient]:
        """Commits at the end of the block, rolls back when it raises. Raises DatabaseUnavailable."""
        transaction = await self.begin()
        try:
            yield transaction.client
        except BaseException:
            await transaction.rollback()
            raise
        await transaction.commit()

    async def begin(self, watch: Watch | None = None, owner: object = None) -> OpenTransaction:
        """A transaction that the caller ends by `commit` or `rollback`. Raises DatabaseUnavailable."""
        pool = self._usable(self._writes)
        with translate_failures():
            opened = await pool.acquire(owner)
        transaction = OpenTransaction(pool, opened, watch)
        await transaction.begin()
        return transaction

    async def ping(self) -> float:
        """Seconds that PostgreSQL takes to answer, on a connection of its own, so that busy pools do not make
        it look away. Raises DatabaseUnavailable."""
        return await self._probe.ping()

    def _usable(self, pool: Pool | None) -> Pool:
        if pool is None or not self.ready:
            raise DatabaseUnavailable(self.reason)
        return pool

    async def _keep_up(self) -> None:
        while True:
            await self._bring_up()
            await self._watch()

    async def _bring_up(self) -> None:
        for delay in chain(_FIRST_RETRY_SECONDS, repeat(_RETRY_SECONDS)):
            try:
                await self._connect()
            except (DatabaseUnavailable, migrations.MigrationError) as error:
                await self._fail(str(error))
            except Exception:
                if self.reason != _UNEXPECTED:  # once, not at every try
                    _log.exception("The database cannot be prepared.")
                await self._fail(_UNEXPECTED)
            else:
                return
            await asyncio.sleep(delay)

    async def _connect(self) -> None:
        await self._probe.ping()
        if not self.pools:
            await self._migrate()
        self._doubt.clear()
        await self._look_at_migrations()

    async def _migrate(self) -> None:
        """At the start only: whoever takes a migration back later will not want it applied again."""
        files = await migrations.status(self._settings)
        if not all(file.applied for file in files):
            await self._enter("migrating", "The database is being migrated.")
            await migrations.up(self._settings)
        self._expected = [file.name for file in files]

    async def _look_at_migrations(self) -> None:
        try:
            applied = await self._probe.applied_migrations()
        except DatabaseTimeout:  # somebody has locked them
            return
        except asyncpg.InsufficientPrivilegeError:  # MIGRATION_DATABASE_URL may have a user of its own
            applied = set(self._expected)
        missing = [name for name in self._expected if name not in applied]
        self.migration_version = next((name for name in reversed(self._expected) if name in applied), None)
        if missing:
            reason = f"The database lacks the migration {missing[0]}; taskflow migrate up applies it."
            await self._enter("outdated", reason)
        elif not self.ready:
            self._open_pools()
            await self._enter("ready", None)

    def _open_pools(self) -> None:
        address, size = self._settings.database, self._settings.db_pool_size
        if self._reads is None or self._writes is None:
            self._reads, self._writes = (
                Pool(address, size, "reads"),
                Pool(address, self.write_connections, "writes"),
            )
        else:
            # What was open before PostgreSQL went away may hang instead of fail.
            self._reads.expire()
            self._writes.expire()

    async def _watch(self) -> None:
        """Returns when PostgreSQL is away."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_SECONDS):
                    await self._doubt.wait()
            self._doubt.clear()
            try:
                if not await self._probe.answers(self._answered_since):
                    await self._silence()
                    return
                await self._look_at_migrations()
            except DatabaseUnavailable as error:
                await self._fail(str(error))
                return
            except Exception:
                _log.exception("The database cannot be watched.")
                await self._fail(_UNEXPECTED)
                return

    def _answered_since(self, moment: float) -> bool:
        return any(pool.answered_since(moment) for pool in self.pools)

    async def _silence(self) -> None:
        await self._fail("The database answers nobody.")
        # A pooler's queue is silent too while honest statements of others take long.
        if not self._settings.database.pooled:
            for pool in self.pools:
                pool.abandon()

    async def _fail(self, reason: str) -> None:
        await self._enter("connecting" if self._reads is None else "down", reason)

    async def _enter(self, state: State, reason: str | None) -> None:
        if (state, reason) != (self.state, self.reason):
            level = logging.INFO if state in ("migrating", "ready") else logging.WARNING
            told = f" {reason}" if level == logging.WARNING else ""
            _log.log(level, "The database is %s.%s", state, told)
        async with self._state_changed:
            self.state, self.reason = state, reason
            self._state_changed.notify_all()
