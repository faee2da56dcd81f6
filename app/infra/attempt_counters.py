"""How often something was tried: counted in Redis, per process while Redis is away.

Beside the limit of operations (rate_limit.py), which counts requests: here each try counts by itself, also
many in one document.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.infra.redis import Redis

_REMEMBERED: Final = 100_000
"""Keys kept at most within one process. Beyond it the one that was first seen is forgotten."""

# All counters or none: a refused try counts nowhere, so that waiting always helps. The keys come in pairs, a
# counter and its waiver; the arguments too, its maximum and its window. Returns the milliseconds to wait. A
# counter that has lost its expiry would lock people out for ever.
_COUNT: Final = """
local wait = 0
for i = 1, #KEYS, 2 do
    local counted = tonumber(redis.call('GET', KEYS[i]) or '0')
    if counted >= tonumber(ARGV[i]) and redis.call('EXISTS', KEYS[i + 1]) == 0 then
        local left = redis.call('PTTL', KEYS[i])
        if left < 0 then
            redis.call('PEXPIRE', KEYS[i], ARGV[i + 1])
            left = tonumber(ARGV[i + 1])
        end
        wait = math.max(wait, left, 1)
    end
end
if wait > 0 then return wait end
for i = 1, #KEYS, 2 do
    if redis.call('EXISTS', KEYS[i + 1]) == 0 and redis.call('INCR', KEYS[i]) == 1 then
        redis.call('PEXPIRE', KEYS[i], ARGV[i + 1])
    end
end
return 0
"""

_FORGET: Final = "return redis.call('DEL', unpack(KEYS))"

_TAKE_BACK: Final = """
for _, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return 1
"""

_WAIVE: Final = "return redis.call('SET', KEYS[1], '', 'PX', ARGV[1])"


@dataclass(frozen=True, slots=True)
class Counter:
    """At most `maximum` tries in `window` milliseconds, which begin with the first one.

    While the key `waiver` is there, it is neither asked nor counted.
    """

    key: str
    maximum: int
    window: int
    waiver: str = ""


class AttemptCounters:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def count(self, counters: Sequence[Counter]) -> tuple[int, bool]:
        """Counts one try with all the counters, or with none when one of them is at its maximum.

        Returns the milliseconds to wait for, 0 for a try that was counted; and whether Redis was asked.
        """
        keys = [_key(key) for counter in counters for key in (counter.key, counter.waiver)]
        limits = [limit for counter in counters for limit in (counter.maximum, counter.window)]
        answer = await self._redis.run_script(_COUNT, keys, limits)
        if answer is not None:
            return int(answer), True
        return self._count_here(counters), False

    async def forget(self, counters: Sequence[Counter]) -> None:
        """They begin anew."""
        for counter in counters:
            self._local.pop(counter.key, None)
        if counters:
            await self._redis.run_script(_FORGET, [_key(counter.key) for counter in counters])

    async def take_back(self, counters: Sequence[Counter]) -> None:
        """The try was none."""
        for counter in counters:
            count, ends = self._local.get(counter.key, (0, 0.0))
            if count > 0:
                self._local[counter.key] = count - 1, ends
        if counters:
            await self._redis.run_script(_TAKE_BACK, [_key(counter.key) for counter in counters])

    async def waive(self, counter: Counter, lifetime: int) -> None:
        """Sets the counter's waiver for so many milliseconds."""
        self._remember(counter.waiver, 1, time.monotonic() * 1000 + lifetime)
        await self._redis.run_script(_WAIVE, [_key(counter.waiver)], [lifetime])

    def _count_here(self, counters: Sequence[Counter]) -> int:
        now = time.monotonic() * 1000
        counted = [counter for counter in counters if not self._counted(counter.waiver, now)[0]]
        waits = []
        for counter in counted:
            count, ends = self._counted(counter.key, now)
            if count >= counter.maximum:
                waits.append(max(1, round(ends - now)))
        if waits:
            return max(waits)
        for counter in counted:
            count, ends = self._counted(counter.key, now)
            self._remember(counter.key, count + 1, ends if count else now + counter.window)
        return 0

    def _counted(self, key: str, now: float) -> tuple[int, float]:
        count, ends = self._local.get(key, (0, 0.0))
        return (count, ends) if ends > now else (0, now)

    def _remember(self, key: str, count: int, ends: float) -> None:
        self._local[key] = count, ends
        if len(self._local) > _REMEMBERED:
            self._local.popitem(last=False)


def _key(key: str) -> str:
    return f"taskflow:attempts:{key}"
