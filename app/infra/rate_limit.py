"""How much one caller may do in a window: operations, and points that they cost.

Counted in Redis, per process while Redis is away.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from app.infra import metrics
from app.infra.redis import Redis, Script

_REMEMBERED: Final = 10_000
"""Callers counted at most within one process. Beyond it the one that was first seen is forgotten."""
_BELIEVED: Final = 5_000
"""Milliseconds that a process refuses somebody without asking Redis, where an operator may unlock them."""

COUNT: Final = """
local function count(key, window, most, cost, points)
    local counted = redis.call('HINCRBY', key, 'operations', 1)
    local left = redis.call('PTTL', key)
    if left < 0 then  -- also a key that has lost its expiry, which would lock its caller out for ever
        redis.call('PEXPIRE', key, window)
        left = tonumber(window)
    end
    if points == '0' then return counted, left, 0, 0 end
    if counted > tonumber(most) then cost = 0 end
    local spent = redis.call('HINCRBY', key, 'points', cost)
    if spent <= tonumber(points) then return counted, left, spent, 0 end
    return counted, left, redis.call('HINCRBY', key, 'points', -cost), 1
end
"""
"""A function in Lua, for a script that does more in the same round trip. It takes `RateLimit.key` and
`RateLimit.arguments`, and `RateLimit.allowance` takes what it returns. What is refused costs no points."""

_COUNT_ALONE: Final = COUNT + "return {count(KEYS[1], unpack(ARGV))}"
_CHARGE: Final = """
local spent = redis.call('HINCRBY', KEYS[1], 'points', ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
return {redis.call('HINCRBY', KEYS[1], 'operations', 0), left, spent}
"""
_TAKE_BACK: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'operations', -1)
    redis.call('HINCRBY', KEYS[1], 'points', -ARGV[1])
end
return 1
"""


class Budget(NamedTuple):
    """`reset` is in whole seconds from now."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class Allowance(NamedTuple):
    """Where a caller stands after one more operation. `points` is None for who has no budget of them."""

    window: int
    operations: Budget
    points: Budget | None
    exceeded: Budget | None
    """The budget that refuses the operation."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10, and those of its versions up to 6."""
        operations, points = self.operations, self.points
        policy = b'"operations";q=%d;w=%d' % (operations.limit, self.window)
        state = b'"operations";r=%d;t=%d' % (operations.remaining, operations.reset)
        if points is not None:
            policy += b', "points";q=%d;w=%d' % (points.limit, self.window)
            state += b', "points";r=%d;t=%d' % (points.remaining, points.reset)
        return [
            (b"ratelimit-policy", policy),
            (b"ratelimit", state),
            (b"ratelimit-limit", b"%d" % operations.limit),
            (b"ratelimit-remaining", b"%d" % operations.remaining),
            (b"ratelimit-reset", b"%d" % operations.reset),
        ]


class _Spent(NamedTuple):
    operations: int
    points: int
    ends: float  # milliseconds of time.monotonic


class RateLimit:
    """For each caller `maximum` operations in `window` milliseconds, and `points` that these may cost in all.

    A maximum of 0 allows everything; `points` of 0 limit no points.
    """

    def __init__(self, redis: Redis, *, window: int, maximum: int, points: int = 0) -> None:
        self._redis = redis
        self._window = window
        self._maximum = maximum
        self._points = points
        self._local: OrderedDict[str, _Spent] = OrderedDict()
        self._exhausted: OrderedDict[str, tuple[Allowance, float]] = OrderedDict()

    @property
    def on(self) -> bool:
        return self._maximum > 0

    async def count(self, caller: str, cost: int | None = None) -> Allowance | None:
        """Counts one operation. None when there is no limit. `cost`: see `arguments`."""
        if not self.on:
            return None
        script = Script(_COUNT_ALONE, [self.key(caller)], self.arguments(cost))
        return self.allowance(caller, await self._redis.run(script), cost)

    def allowance(self, caller: str, counted: Sequence[int] | None, cost: int | None) -> Allowance:
        """After an operation that Redis has counted; that is counted here when it has not (None)."""
        operations, left, spent, refused = counted or self._count_here(caller, cost)
        reset = -(-int(left) // 1000)
        budget = Budget(self._maximum, operations, reset)
        points = Budget(self._points, spent, reset) if cost is not None and self._points else None
        over = operations > self._maximum
        exceeded = budget if over else points if refused else None
        allowance = Allowance(self._window // 1000, budget, points, exceeded)
        if over:
            self._remember_exhausted(caller, allowance)
        if exceeded is None:
            (metrics.allowed_in_process if counted is None else metrics.allowed_in_redis).inc()
        else:
            (metrics.refused_in_process if counted is None else metrics.refused_in_redis).inc()
        return allowance

    @property
    def refuses(self) -> bool:
        """Whether there may be anybody for `exhausted`."""
        return bool(self._exhausted)

    def exhausted(self, caller: str) -> Allowance | None:
        """Of a caller of whom this process knows that they have no operation left, who is thereby refused."""
        known = self._exhausted.get(caller)
        if known is None:
            return None
        allowance, since = known
        passed = _now() - since
        reset = allowance.operations.reset - int(passed // 1000)
        if passed > _BELIEVED or reset <= 0:
            del self._exhausted[caller]
            return None
        metrics.refused_uncounted.inc()
        budget = allowance.operations._replace(reset=reset)
        return allowance._replace(operations=budget, exceeded=budget)

    async def charge(self, caller: str, cost: int) -> Allowance | None:
        """Takes points for an operation that is somebody else's: even the last of them pays for it."""
        if not self.on or not self._points:
            return None
        script = Script(_CHARGE, [self.key(caller)], [self._window, cost])
        operations, left, spent = await self._redis.run(script) or self._charge_here(caller, cost)
        reset = -(-int(left) // 1000)
        points = Budget(self._points, spent - cost, reset)
        exceeded = None if points.remaining else points
        return Allowance(self._window // 1000, Budget(self._maximum, operations, reset), points, exceeded)

    def take_back(self, caller: str, cost: int | None) -> None:
        """The operation turns out to be somebody else's. Not waited for."""
        self._exhausted.pop(caller, None)
        if self.on:
            points = cost or 0 if self._points else 0
            self._redis.run(Script(_TAKE_BACK, [self.key(caller)], [points]))
            if caller in self._local:
                spent = self._local[caller]
                self._local[caller] = _Spent(spent.operations - 1, spent.points - points, spent.ends)

    def key(self, caller: str) -> str:
        # With the window: a changed one begins anew instead of waiting for the old one's end.
        return f"taskflow:spent:{self._window}:{caller}"

    def arguments(self, cost: int | None) -> tuple[int, int, int, int]:
        """For `COUNT`. `cost` is in points; None for a caller without a budget of them."""
        return self._window, self._maximum, cost or 0, 0 if cost is None else self._points

    def _count_here(self, caller: str, cost: int | None) -> tuple[int, float, int, bool]:
        operations, points, ends = self._spent_here(caller)
        operations += 1
        refused = False
        if operations <= self._maximum and cost is not None and self._points:
            refused = points + cost > self._points
            points += 0 if refused else cost
        self._remember_spent(caller, _Spent(operations, points, ends))
        return operations, ends - _now(), points, refused

    def _charge_here(self, caller: str, cost: int) -> tuple[int, float, int]:
        operations, points, ends = self._spent_here(caller)
        self._remember_spent(caller, _Spent(operations, points + cost, ends))
        return operations, ends - _now(), points + cost

    def _spent_here(self, caller: str) -> _Spent:
        """In this window, as far as this process has counted."""
        now = _now()
        spent = self._local.get(caller)
        if spent is None or spent.ends <= now:
            self._local.pop(caller, None)
            return _Spent(0, 0, now + self._window)
        return spent

    def _remember_spent(self, caller: str, spent: _Spent) -> None:
        self._local[caller] = spent
        if len(self._local) > _REMEMBERED:
            self._local.popitem(last=False)

    def _remember_exhausted(self, caller: str, allowance: Allowance) -> None:
        self._exhausted[caller] = allowance, _now()
        if len(self._exhausted) > _REMEMBERED:
            self._exhausted.popitem(last=False)


def _now() -> float:
    return time.monotonic() * 1000
