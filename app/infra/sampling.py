"""The metrics that are looked up once a second: counting them where they change would cost every request."""

import asyncio
import os
import time
from pathlib import Path
from typing import Final

from app.infra import metrics
from app.infra.db import Database
from app.infra.redis import Redis
from app.infra.tallies import write_tallies
from app.infra.wakeups import Wakeups

EVERY: Final = 1.0
"""Seconds between two looks."""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_STATM: Final = Path("/proc/self/statm")


async def sample_for_ever(database: Database, redis: Redis, wakeups: Wakeups) -> None:
    """Of this process, which counts as a worker from here on."""
    metrics.workers.set(1)
    counted = 0.0
    while True:
        write_tallies()
        used = time.process_time()
        metrics.cpu_seconds.inc(used - counted)
        counted = used
        metrics.memory_bytes.set(_resident())
        _sample_pools(database)
        # Wake-ups notice in seconds that Redis is gone or hangs, also when nobody asks it anything.
        redis_up = redis.available and redis.takes_writes and wakeups.connected
        metrics.dependency_up.labels("redis").set(redis_up)
        metrics.dependency_up.labels("database").set(database.ready)
        await asyncio.sleep(EVERY)


def _sample_pools(database: Database) -> None:
    for pool in database.pools:
        metrics.pool_connections.labels(pool.name).set(pool.in_use)
        metrics.pool_size.labels(pool.name).set(pool.size)
        metrics.pool_waiting.labels(pool.name).set(pool.waiting)


def _resident() -> int:
    """Bytes; 0 where the system does not tell them as Linux does."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0
