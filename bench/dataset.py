"""The data set that all contenders read: one workspace whose every row follows from its number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from app.domain import ranks
from app.domain.tokens import AccessTokens
from app.models.ids import new_id
from tests.harness.server import JWT_SECRET

PAGES = 200
"""How many different places a page begins at."""
NEWEST = 2_000
DEEP = 40_000
_SQL = Path(__file__).with_name("dataset.sql")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the newest tasks begins: after this task."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Dataset:
    workspace_id: str
    user_id: str
    """The owner of the workspace, for whom everything is asked."""
    token: str
    """An access token of theirs."""
    task_ids: list[str]
    project_ids: list[str]
    newest: list[Place]
    """Places among the newest tasks."""
    deep: list[Place]
    """Places after DEEP newer tasks, or after four fifths of a smaller data set."""
    counts: dict[str, int]


async def fill(url: str, tasks: int) -> None:
    """Writes the rows into a migrated, empty database, as its superuser."""
    connection = await asyncpg.connect(url)
    try:
        # Without the checks of foreign keys, which take longer than the rest.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("SELECT set_config('bench.tasks', $1::text, false)", str(tasks))
        await connection.execute("CREATE TEMP TABLE ranks (number int PRIMARY KEY, rank text)")
        numbered = [(number, ranks.of_number(number)) for number in range(1, tasks + 1)]
        await connection.copy_records_to_table("ranks", records=numbered)
        await connection.execute(_SQL.read_text())
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def describe(url: str) -> Dataset:
    """What requests are made of; signs the owner in."""
    connection = await asyncpg.connect(url)
    try:
        return await _describe(connection)
    finally:
        await connection.close()


async def _describe(connection: Any) -> Dataset:
    user_id, workspace_id = await connection.fetchrow(
        "SELECT user_id, workspace_id FROM memberships WHERE role = 'OWNER'"
    )
    shown = await connection.fetchval(f"SELECT count(*) FROM tasks WHERE {_SHOWN}")
    ids = await connection.fetch(
        f"SELECT id::text FROM tasks WHERE {_SHOWN} ORDER BY md5(id::text) LIMIT 5000"
    )
    projects = await connection.fetch("SELECT id::text FROM projects ORDER BY id")
    return Dataset(
        str(workspace_id),
        str(user_id),
        await sign_in(connection, user_id),
        [row["id"] for row in ids],
        [row["id"] for row in projects],
        await _places(connection, 0, min(NEWEST, shown // 5)),
        await _places(connection, min(DEEP, shown * 4 // 5), PAGES),
        {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in _COUNTED},
    )


async def _places(connection: Any, offset: int, span: int) -> list[Place]:
    """Up to PAGES places, evenly among the `span` tasks that come after the `offset` newest."""
    rows = await connection.fetch(_PLACES, offset, span)
    step = max(1, len(rows) // PAGES)
    return [Place(row["created_at"], row["id"]) for row in rows[::step][:PAGES]]


async def sign_in(connection: Any, user_id: UUID) -> str:
    """An access token of the user, with a session."""
    now, session_id = datetime.now(UTC), new_id()
    await connection.execute(_SESSION, session_id, user_id, now, now + timedelta(days=30))
    # asyncpg's own UUID class is not the one that tokens are made of.
    token, _ = AccessTokens(JWT_SECRET, timedelta(days=1)).issue(UUID(str(user_id)), session_id, now)
    return token


_COUNTED = ("tasks", "task_labels", "comments", "events", "projects", "users", "labels")
_SHOWN = "archived_at IS NULL AND deleted_at IS NULL"
_PLACES = f"""
SELECT created_at, id::text FROM tasks WHERE {_SHOWN}
ORDER BY created_at DESC, tasks.id DESC OFFSET $1 LIMIT $2
"""
_SESSION = """
INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at) VALUES ($1, $2, $3, $3, $4)
"""
