"""Whether this process lives, and whether it and what it depends on are ready for traffic."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.infra.db import Database, DatabaseUnavailable
from app.infra.redis import RedisUnavailable
from app.web.state import AppState

CHECK_TIMEOUT: Final = 1.0
"""Seconds that a dependency has to answer."""

# What a driver says names hosts, users and files, and anybody may ask here.
_AWAY: Final = "Not available; the server's log says why."

_HEADERS: Final = {"cache-control": "no-store"}


async def live(_: Request[AppState]) -> JSONResponse:
    """The process answers. Independent of any other service: restarting would not mend those."""
    return JSONResponse({"status": "ok", "timestamp": _timestamp()}, headers=_HEADERS)


async def ready(request: Request[AppState]) -> JSONResponse:
    """503 unless everything is there. Overall `degraded` when the API goes on without what is missing."""
    services = request.state["services"]
    database, redis = await asyncio.gather(_check(services.database.ping()), _check(services.redis.ping()))
    checks = {"database": database, "redis": redis, "migrations": _migrations(services.database)}
    status = _overall(checks)
    return JSONResponse(
        {"status": status, "timestamp": _timestamp(), "services": checks},
        status_code=200 if status == "ok" else 503,
        headers=_HEADERS,
    )


async def _check(ping: Awaitable[float]) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            seconds = await ping
    except TimeoutError:
        return _down(f"No answer within {CHECK_TIMEOUT:.0f} s.")
    except (DatabaseUnavailable, RedisUnavailable):
        return _down(_AWAY)
    return {"status": "ok", "latency_ms": round(seconds * 1000)}


def _migrations(database: Database) -> dict[str, Any]:
    if database.ready:
        return {"status": "ok", "version": database.migration_version}
    told = database.state in ("migrating", "outdated")
    return {
        "status": "degraded" if database.state == "migrating" else "down",
        "version": database.migration_version,
        "reason": database.reason if told else _AWAY,
    }


def _overall(checks: dict[str, dict[str, Any]]) -> str:
    failing = {name for name, check in checks.items() if check["status"] != "ok"}
    if not failing:
        return "ok"
    return "degraded" if failing == {"redis"} else "down"


def _down(reason: str) -> dict[str, Any]:
    return {"status": "down", "latency_ms": None, "reason": reason}


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
