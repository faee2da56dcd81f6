"""One open transaction: a Tortoise client and plain statements on the same connection."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import cached_property
from time import perf_counter
from typing import Any, TypeAlias

import asyncpg
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.backends.base.client import NestedTransactionContext, TransactionContext

from app.infra.database_errors import DatabaseUnavailable, translate_failures
from app.infra.pool import Opened, Pool
from app.infra.statement_time import observe_statement
from app.infra.tortoise_registry import CONNECTION_NAME, UnopenedClient

Watch: TypeAlias = Callable[[str, float], None]
"""Hears of each statement: its label, and the seconds that it took."""
_TABLE = re.compile(
    r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM|SELECT\b.*?\bFROM)\s+"?(\w+)', re.IGNORECASE | re.DOTALL
)


_ENDED = "the transaction has ended"


class TransactionClient(TransactionWrapper):
    """Tortoise's client for models (`using_db=client`) and raw SQL (`execute_query_dict`).

    Raises DatabaseUnavailable beside Tortoise's own exceptions; measures every statement.
    """

    async def _translate_exceptions(
        self, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> Any:
        started = perf_counter()
        try:
            with translate_failures():
                return await super()._translate_exceptions(func, *args, **kwargs)
        finally:
            observe_statement(_label(args[0]) if args else func.__name__, perf_counter() - started)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(TransactionClient(self))


class OpenTransaction:
    """READ COMMITTED, open until `commit` or `rollback`; the pool gets its connection back then."""

    def __init__(self, pool: Pool, opened: Opened, watch: Watch | None = None) -> None:
        self._pool = pool
        self._opened = opened
        self._watch = watch
        self._transaction = opened.connection.transaction()
        self._turn = asyncio.Lock()
        self._at_end: list[Callable[[], None]] = []
        self._open = True

    @cached_property
    def client(self) -> TransactionClient:
        """For models; it shares the connection with `fetch`."""
        parent = UnopenedClient(connection_name=CONNECTION_NAME)
        parent._connection = self._opened.connection
        client = TransactionClient(parent)
        client._lock = self._turn
        return client

    def at_end(self, callback: Callable[[], None]) -> None:
        """Calls back once this has ended, in whichever way."""
        self._at_end.append(callback)

    async def begin(self) -> None:
        try:
            await self._watched("Transaction.begin", self._transaction.start)
        except BaseException:
            self._pool.discard(self._opened)
            raise

    async def fetch(self, label: str, sql: str, args: Sequence[object]) -> list[asyncpg.Record]:
        """Like Database.fetch, but sees what this transaction has written; one statement at a time."""
        started = perf_counter()
        async with self._turn:
            if not self._open:  # the connection may be another one's by now
                raise RuntimeError(_ENDED)
            try:
                with translate_failures():
                    rows: list[asyncpg.Record] = await self._opened.connection.rows(sql, args)
            finally:
                seconds = perf_counter() - started
                observe_statement(label, seconds)
        if self._watch is not None:
            self._watch(label, seconds)
        return rows

    async def commit(self) -> None:
        """Raises DatabaseUnavailable when the connection is lost: it may have been committed or not."""
        await self._end("Transaction.commit", self._transaction.commit)

    async def rollback(self) -> None:
        """Does nothing once the transaction has ended. Never raises for a lost connection: the server has
        rolled back by itself."""
        if self._open:
            with suppress(DatabaseUnavailable, asyncpg.InterfaceError, asyncpg.PostgresError):
                await self._end("Transaction.rollback", self._transaction.rollback)

    async def _end(self, label: str, how: Callable[[], Awaitable[None]]) -> None:
        if not self._open:
            raise RuntimeError(_ENDED)
        self._open = False
        try:
            await self._watched(label, how)
        except BaseException:
            # It may be open still, or on its way; the server rolls back what a closed connection leaves.
            self._pool.discard(self._opened)
            raise
        else:
            self._pool.release(self._opened)
        finally:
            if "client" in self.__dict__:
                self.client._connection = None
            for callback in self._at_end:
                callback()

    async def _watched(self, label: str, how: Callable[[], Awaitable[None]]) -> None:
        started = perf_counter()
        async with self._turn:
            with translate_failures():
                await how()
        seconds = perf_counter() - started
        observe_statement(label, seconds)
        if self._watch is not None:
            self._watch(label, seconds)


def _label(sql: str) -> str:
    """Such as "insert tasks": as many labels as there are verbs and tables."""
    verb = sql.split(maxsplit=1)[0].lower()
    table = _TABLE.match(sql)
    return f"{verb} {table[1]}" if table else verb
