"""What is under way: how much of it for each caller, and for whom."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

from starlette.types import Receive

from app.graphql.context import Context
from app.infra.addresses import network_of
from app.web.errors import TOO_MANY_CONCURRENT, RequestError

T = TypeVar("T")

PATIENCE: Final = 0.2
"""Seconds that an operation runs before anybody looks whether its client is there: most are done sooner,
and looking takes longer than they do."""


class Concurrency:
    """At most `maximum` operations at a time for each caller in this process; 0 sets no limit."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._numbers: dict[object, int] = {}

    def enter(self, context: Context) -> object:
        """Counts one more of the caller, whom it returns for `leave`. Raises RequestError."""
        viewer = context.viewer
        caller: object = viewer.user_id if viewer else network_of(context.client_address)
        number = self._numbers.get(caller, 0) + 1
        if self._maximum and number > self._maximum:
            raise RequestError(
                429,
                TOO_MANY_CONCURRENT,
                f"{self._maximum:,} operations of yours are under way here, which is the limit. "
                "Send the next one when one of them is answered.",
                {"retry-after": "1"},
            )
        self._numbers[caller] = number
        return caller

    def leave(self, caller: object) -> None:
        left = self._numbers[caller] - 1
        if left:
            self._numbers[caller] = left
        else:
            del self._numbers[caller]


@dataclass(slots=True, eq=False)
class _Awaited:
    since: float
    receive: Receive
    watcher: asyncio.Task[None] | None = None
    gone: bool = False


class ClientGone(Exception):
    """Nobody is there to answer."""


class Departures:
    """Stops work whose client goes away. One timer looks after all that takes long."""

    def __init__(self) -> None:
        self._awaited: dict[asyncio.Task[object], _Awaited] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def unless_gone(self, receive: Receive, work: Awaitable[T]) -> T:
        """What `work` returns. Raises ClientGone when the client has closed its connection before."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of asyncio runs in a task
        loop = task.get_loop()
        awaited = self._awaited[task] = _Awaited(loop.time(), receive)
        if self._timer is None:
            self._timer = loop.call_later(PATIENCE, self._look)
        try:
            return await work
        except asyncio.CancelledError:
            if awaited.gone and task.uncancel() == 0:
                raise ClientGone from None
            raise
        finally:
            del self._awaited[task]
            if awaited.watcher is not None:
                awaited.watcher.cancel()

    def _look(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        for task, awaited in self._awaited.items():
            if awaited.watcher is None and loop.time() - awaited.since >= PATIENCE / 2:
                awaited.watcher = loop.create_task(_watch(task, awaited))
        if self._awaited:
            self._timer = loop.call_later(PATIENCE, self._look)


async def _watch(task: asyncio.Task[object], awaited: _Awaited) -> None:
    while (await awaited.receive())["type"] != "http.disconnect":
        pass
    awaited.gone = True
    task.cancel()
