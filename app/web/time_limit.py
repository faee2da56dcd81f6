import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class TimeLimit:
    """`asyncio.timeout` for operations that may all take the same `seconds`.

    They run out in the order in which they began, so one timer that watches the oldest is enough; making and
    cancelling one for each took longer than the engine does for a small query.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadlines: dict[asyncio.Task[object], float | None] = {}  # None: over, and being cancelled
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, work: Awaitable[T]) -> T:
        """Raises TimeoutError. A task runs one at a time."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of asyncio runs in a task
        loop, cancelling = task.get_loop(), task.cancelling()
        self._deadlines[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._cancel_the_late)
        try:
            return await work
        except asyncio.CancelledError as error:
            # Unless somebody else has cancelled it too, as in asyncio.timeout.
            if self._deadlines[task] is None and task.cancelling() - 1 <= cancelling:
                raise TimeoutError from error
            raise
        finally:
            if self._deadlines.pop(task) is None:
                task.uncancel()

    def _cancel_the_late(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        for task, deadline in self._deadlines.items():
            if deadline is None:
                continue
            if deadline > loop.time():
                self._timer = loop.call_at(deadline, self._cancel_the_late)
                return
            self._deadlines[task] = None
            task.cancel()
