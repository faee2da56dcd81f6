"""One open transaction: a Tortoise client and plain statements on the same connection."""

import re
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.backends.base.client import NestedTransactionContext, TransactionContext

from app.infra.database_errors import DatabaseUnavailable, translate_failures
from app.infra.metrics import statement_seconds
from app.infra.tortoise_registry import CONNECTION_NAME, UnopenedClient

Connection: TypeAlias = PoolConnectionProxy
Release: TypeAlias = Callable[[Connection], Coroutine[Any, Any, None]]
Watch: TypeAlias = Callable[[str, float], None]
"""Hears of each statement: its label, and the seconds that it took."""
_TABLE = re.compile(
    r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM|SELECT\b.*?\bFROM)\s+"?(\w+)', re.IGNORECASE | re.DOTALL
)


class TransactionClient(TransactionWrapper):
    """Tortoise's client for models (`using_db=client`) and raw SQL (`execute_query_dict`).

    Raises DatabaseUnavailable beside Tortoise's own exceptions; measures every statement.
    """

    async def _translate_exceptions(
        self, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> Any:
        started = perf_counter()
        with translate_failures():
            result = await super()._translate_exceptions(func, *args, **kwargs)
        label = _label(args[0]) if args else func.__name__
        statement_seconds(label).observe(perf_counter() - started)
        return result

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(TransactionClient(self))


class OpenTransaction:
    """READ COMMITTED, open until `commit` or `rollback`; the pool gets its connection back then."""

    def __init__(self, connection: Connection, release: Release, watch: Watch | None = None) -> None:
        self._connection = connection
        self._release = release
        self._watch = watch
        self._at_end: list[Callable[[], None]] = []
        self._open = True
        self.client = _client_of(connection)

    def at_end(self, callback: Callable[[], None]) -> None:
        """Calls back once this has ended, in whichever way."""
        self._at_end.append(callback)

    async def begin(self) -> None:
        with translate_failures():
            await self._watched("Transaction.begin", self.client.begin)

    async def fetch(self, label: str, sql: str, args: Sequence[object]) -> list[asyncpg.Record]:
        """Like Database.fetch, but sees what this transaction has written; one statement at a time."""
        started = perf_counter()
        async with self.client.acquire_connection() as connection:
            with translate_failures():
                rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
        seconds = perf_counter() - started
        statement_seconds(label).observe(seconds)
        if self._watch is not None:
            self._watch(label, seconds)
        return rows

    async def commit(self) -> None:
        """Raises DatabaseUnavailable when the connection is lost: it may have been committed or not."""
        await self._end("Transaction.commit", self.client.commit)

    async def rollback(self) -> None:
        """Does nothing once the transaction has ended. Never raises for a lost connection: the server has
        rolled back by itself."""
        if self._open:
            with suppress(DatabaseUnavailable, asyncpg.InterfaceError, asyncpg.PostgresError):
                await self._end("Transaction.rollback", self.client.rollback)

    async def _end(self, label: str, how: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if not self._open:
            raise RuntimeError("the transaction has ended")
        self._open = False
        try:
            with translate_failures():
                await self._watched(label, how)
        finally:
            try:
                # asyncpg rolls back what is still open, or ends a connection that is of no more use.
                await self._release(self._connection)
            finally:
                for callback in self._at_end:
                    callback()

    async def _watched(self, label: str, how: Callable[[], Coroutine[Any, Any, None]]) -> None:
        started = perf_counter()
        await how()
        if self._watch is not None:
            self._watch(label, perf_counter() - started)


def _client_of(connection: Connection) -> TransactionClient:
    parent = UnopenedClient(connection_name=CONNECTION_NAME)
    parent._connection = connection
    return TransactionClient(parent)


def _label(sql: str) -> str:
    """Such as "insert tasks": as many labels as there are verbs and tables."""
    verb = sql.split(maxsplit=1)[0].lower()
    table = _TABLE.match(sql)
    return f"{verb} {table[1]}" if table else verb
