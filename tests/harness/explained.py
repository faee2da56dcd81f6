"""What an operation's statements cost PostgreSQL: the rows and buffers that their plans touched."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg
import httpx
from starlette.types import Receive, Scope, Send

from app.config import load_settings
from app.main import create_app
from tests.harness.client import Json
from tests.harness.server import JWT_SECRET

_LOADS_VIEWER = "Viewer.load"
_PREPARED = "explained"
_SETTLED_AFTER = 6
"""PostgreSQL compares the two kinds of plan from the sixth time on."""


@dataclass(frozen=True)
class Sent:
    """A statement as the server sent it."""

    label: str
    sql: str
    args: Sequence[object]


@dataclass(frozen=True)
class Touched:
    rows: int
    """That scans of tables and indexes went through, in every loop, whether they kept them or not."""
    buffers: int
    """Blocks of 8 kB, one counted as often as it was looked at."""

    def __add__(self, other: "Touched") -> "Touched":
        return Touched(self.rows + other.rows, self.buffers + other.buffers)


class Recorder:
    """A server in this process, whose statements are noted on their way to the database."""

    def __init__(self, http: httpx.AsyncClient, sent: list[Sent]) -> None:
        self._http = http
        self._sent = sent

    async def run(self, document: str, variables: Mapping[str, object]) -> tuple[Json, list[Sent]]:
        """The data of an answer without errors, and what was asked of the database for it."""
        self._sent.clear()
        body = {"query": document, "variables": dict(variables)}
        answer = (await self._http.post("/graphql", json=body)).json()
        assert "errors" not in answer, answer
        # What the process does for itself meanwhile is not among them.
        labels = {_LOADS_VIEWER, *answer["extensions"]["statements"]}
        return answer["data"], [sent for sent in self._sent if sent.label in labels]


@asynccontextmanager
async def recorder(database_url: str, token: str) -> AsyncIterator[Recorder]:
    app = create_app(load_settings(database_url=database_url, redis_url=None, jwt_secret=JWT_SECRET))
    sent: list[Sent] = []
    async with app.router.lifespan_context(app) as state:
        assert state is not None
        database = state["services"].database
        await database.wait_ready(20)
        fetch = database.fetch

        async def noting(label: str, sql: str, args: Sequence[object], **watching: Any) -> Any:
            sent.append(Sent(label, sql, args))
            return await fetch(label, sql, args, **watching)

        database.fetch = noting

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state)}, receive, send)

        transport, headers = httpx.ASGITransport(with_state), {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
            yield Recorder(http, sent)


async def touched(connection: asyncpg.Connection, sent: Sequence[Sent], *, settled: bool) -> Touched:
    """Runs the statements: by the plans for just these arguments, as a connection does at first, or by those
    that it has `settled` on after some times, when PostgreSQL may prefer one that serves any arguments."""
    total = Touched(0, 0)
    for one in sent:
        total += await _explain(connection, one, before=_SETTLED_AFTER if settled else 0)
    return total


async def planned_each_time(connection: asyncpg.Connection, sent: Sequence[Sent]) -> list[str]:
    """The labels of the statements for which PostgreSQL never settles on a plan that serves any arguments."""
    return [one.label for one in sent if not await _settles(connection, one)]


async def _settles(connection: asyncpg.Connection, sent: Sent) -> bool:
    await connection.execute(f"PREPARE {_PREPARED} AS {sent.sql}")
    for _ in range(_SETTLED_AFTER):
        await connection.execute(f"EXECUTE {_PREPARED}{_given(sent)}")
    plans = await connection.fetchval(
        "SELECT generic_plans FROM pg_prepared_statements WHERE name = $1", _PREPARED
    )
    await connection.execute(f"DEALLOCATE {_PREPARED}")
    return bool(plans)


async def _explain(connection: asyncpg.Connection, sent: Sent, before: int) -> Touched:
    given = _given(sent)
    await connection.execute(f"PREPARE {_PREPARED} AS {sent.sql}")
    for _ in range(before):
        await connection.execute(f"EXECUTE {_PREPARED}{given}")
    text = await connection.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE {_PREPARED}{given}"
    )
    await connection.execute(f"DEALLOCATE {_PREPARED}")
    plan = json.loads(text)[0]["Plan"]
    rows = sum(_rows(node) for node in _nodes(plan) if "Scan" in node["Node Type"])
    return Touched(round(rows), plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _given(sent: Sent) -> str:
    return f"({', '.join(map(_literal, sent.args))})" if sent.args else ""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _rows(node: dict[str, Any]) -> float:
    """The figures of a node are averages of its loops."""
    dropped = sum(count for name, count in node.items() if name.startswith("Rows Removed by"))
    return float((node["Actual Rows"] + dropped) * node["Actual Loops"])


def _literal(value: object) -> str:
    """Of no type of its own, so that it takes that of its parameter."""
    return "NULL" if value is None else "'" + _text(value).replace("'", "''") + "'"


def _text(value: object) -> str:
    if isinstance(value, list):
        return "{" + ",".join("NULL" if item is None else _quoted(_text(item)) for item in value) + "}"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _quoted(item: str) -> str:
    escaped = item.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
