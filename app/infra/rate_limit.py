"""How many operations one caller may run in a window; counted in Redis, per process while Redis is away."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from app.infra.redis import Redis

_REMEMBERED = 10_000
"""Callers counted at most within one process. Beyond it the one that was first seen is forgotten."""

# One round trip, atomic. A key that has lost its expiry would lock its caller out for ever.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
return {count, left}
"""


_TAKE_BACK = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end return 1"


@dataclass(frozen=True, slots=True)
class Counting:
    """An operation that is being counted."""

    caller: str
    answer: asyncio.Future[Any | None]


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where a caller stands after one more operation. `reset` is in whole seconds from now."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset),
        }


class RateLimit:
    """`maximum` operations in `window` milliseconds for each caller; a maximum of 0 allows everything."""

    def __init__(self, redis: Redis, *, window: int, maximum: int) -> None:
        self._redis = redis
        self._window = window
        self._maximum = maximum
        self._local: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def count(self, caller: str) -> Allowance | None:
        """Counts one operation. None when there is no limit."""
        return await self.counted(self.begin(caller))

    def begin(self, caller: str) -> Counting | None:
        """`count` in two halves, for whoever asks Redis something else in the same round trip."""
        if self._maximum == 0:
            return None
        return Counting(caller, self._redis.run_script(_COUNT, [self._key(caller)], [self._window]))

    async def counted(self, counting: Counting | None) -> Allowance | None:
        if counting is None:
            return None
        answer = await counting.answer
        count, left = answer if answer is not None else self._count_here(counting.caller)
        return Allowance(
            allowed=count <= self._maximum,
            limit=self._maximum,
            remaining=max(0, self._maximum - count),
            reset=-(-int(left) // 1000),
        )

    def take_back(self, caller: str) -> None:
        """The operation turns out to be somebody else's. Not waited for."""
        if self._maximum:
            self._redis.run_script(_TAKE_BACK, [self._key(caller)])
            if caller in self._local:
                count, ends = self._local[caller]
                self._local[caller] = (count - 1, ends)

    def _count_here(self, caller: str) -> tuple[int, float]:
        now = time.monotonic() * 1000
        count, ends = self._local.get(caller, (0, 0.0))
        if ends <= now:
            self._local.pop(caller, None)
            count, ends = 0, now + self._window
        self._local[caller] = (count + 1, ends)
        if len(self._local) > _REMEMBERED:
            self._local.popitem(last=False)
        return count + 1, ends - now

    def _key(self, caller: str) -> str:
        # With the window: a changed one begins anew instead of waiting for the old one's end.
        return f"taskflow:rate:{self._window}:{caller}"
