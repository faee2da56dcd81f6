"""What is under way: how much of it for each caller, how long, and whether anybody waits for it."""

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


class ClientGone(Exception):
    """Nobody is there to answer."""


@dataclass(slots=True, eq=False)
class _Watched:
    since: float
    receive: Receive | None
    waiting: asyncio.Task[None] | None = None
    """For news of the client."""
    ended: type[TimeoutError | ClientGone] | None = None
    """What it is being cancelled for."""


class Watch:
    """Ends work that takes longer than `seconds`, and work whose client goes away.

    One timer looks after all of it: an `asyncio.timeout` for each takes longer than a small query.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._watched: dict[asyncio.Task[object], _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, work: Awaitable[T], receive: Receive | None = None) -> T:
        """What `work` returns. A task runs one at a time.

        Raises TimeoutError, and where `receive` is given ClientGone.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - a coroutine of asyncio runs in a task
        cancelling = task.cancelling()
        watched = self._watched[task] = _Watched(loop.time(), receive)
        if self._timer is None:
            self._timer = loop.call_later(min(PATIENCE, self._seconds), self._look)
        try:
            return await work
        except asyncio.CancelledError as error:
            # Unless somebody else has cancelled it too, as in asyncio.timeout.
            if watched.ended is not None and task.cancelling() - 1 <= cancelling:
                raise watched.ended from error
            raise
        finally:
            del self._watched[task]
            if watched.ended is not None:
                task.uncancel()
            if watched.waiting is not None:
                watched.waiting.cancel()

    def _look(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        now, left = loop.time(), PATIENCE
        for task, watched in self._watched.items():
            lasted = now - watched.since
            if lasted >= self._seconds:
                _end(task, watched, TimeoutError)
            else:
                left = min(left, self._seconds - lasted)
            if watched.receive is not None and watched.waiting is None and lasted >= PATIENCE / 2:
                watched.waiting = loop.create_task(_wait_for_departure(task, watched, watched.receive))
        if self._watched:
            self._timer = loop.call_later(left, self._look)


async def _wait_for_departure(task: asyncio.Task[object], watched: _Watched, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    _end(task, watched, ClientGone)


def _end(task: asyncio.Task[object], watched: _Watched, reason: type[TimeoutError | ClientGone]) -> None:
    if watched.ended is None:
        watched.ended = reason
        task.cancel()
