"""Connections that are handed on as they are: no reset, no wrapper, the last one used goes out first."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from typing import Any

import asyncpg


class Pool:
    def __init__(self, connections: list[Any]) -> None:
        self._free = connections
        self._waiting: deque[asyncio.Future[Any]] = deque()

    @classmethod
    async def open(cls) -> Pool:
        size = int(os.environ["POOL_SIZE"])
        return cls([await asyncpg.connect(os.environ["DATABASE_URL"]) for _ in range(size)])

    async def take(self) -> Any:
        if self._free:
            return self._free.pop()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        return await turn

    def give_back(self, connection: Any) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._free.append(connection)

    async def fetch(self, sql: str, *args: object) -> Sequence[Any]:
        connection = await self.take()
        try:
            rows: Sequence[Any] = await connection.fetch(sql, *args)
        finally:
            self.give_back(connection)
        return rows
