"""A bound for writes that are tried and taken back: until its answer is read, each holds locks."""

import asyncio
from typing import Final

from app.domain.errors import Busy

AT_ONCE: Final = 3
"""How many of a process may be open, where its pool for writes has room beside them."""
PATIENCE: Final = 5.0
"""Seconds that another one waits."""


class Trials:
    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._patience = patience

    @classmethod
    def beside_writes(cls, connections: int) -> "Trials":
        """For a pool of so many: one of them stays for writes, if there is more than one."""
        return cls(min(AT_ONCE, max(1, connections - 1)))

    async def enter(self) -> None:
        """Takes a place, to be given back by `leave`. Raises Busy."""
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            raise Busy(
                "Too many mutations are being validated right now. Try again in a few seconds."
            ) from None

    def leave(self) -> None:
        self._places.release()
