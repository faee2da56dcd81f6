"""One statement for what many ask at the same time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class SharedRead(Generic[Key, Value]):
    """Asks `read`, which answers for many keys at once, some `at_most` keys at a time.

    One call of it is under way. Whoever asks meanwhile shares the next, which begins after they have asked:
    what they get is never older than their question. Thousands that ask at once need a few statements, and
    one connection.
    """

    def __init__(
        self, read: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]], *, at_most: int
    ) -> None:
        self._read = read
        self._at_most = at_most
        self._waiting: deque[_Batch[Key, Value]] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def get(self, keys: Collection[Key]) -> Mapping[Key, Value]:
        """What `read` has found for these keys, and maybe for others. Raises what it raises."""
        if not keys:
            return {}
        batch = self._batch()
        batch.keys.update(dict.fromkeys(keys))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all(), name="shared-read")
        return await asyncio.shield(batch.answer)

    async def stop(self) -> None:
        """Nobody waits any longer."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _batch(self) -> "_Batch[Key, Value]":
        if not self._waiting or len(self._waiting[-1].keys) >= self._at_most:
            self._waiting.append(_Batch())
        return self._waiting[-1]

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                await self._answer(self._waiting.popleft())
        finally:
            self._reading = None
            for batch in self._waiting:
                batch.answer.cancel()
            self._waiting.clear()

    async def _answer(self, batch: "_Batch[Key, Value]") -> None:
        try:
            batch.answer.set_result(await self._read(list(batch.keys)))
        except Exception as error:
            batch.answer.set_exception(error)
        finally:
            batch.answer.cancel()  # which does nothing where there is an answer


class _Batch(Generic[Key, Value]):
    def __init__(self) -> None:
        self.keys: dict[Key, None] = {}
        self.answer: asyncio.Future[Mapping[Key, Value]] = asyncio.get_running_loop().create_future()
