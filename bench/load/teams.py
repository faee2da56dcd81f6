"""The people of the load: teams of fifty, each with a workspace of its own, and a session for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from bench.dataset import sign_in

TEAM = 50
"""People in one workspace: as many as the data set has."""


@dataclass(frozen=True, slots=True)
class Person:
    user_id: str
    token: str
    team: Team


@dataclass(frozen=True, slots=True)
class Team:
    """A workspace, and what requests in it are made of."""

    workspace_id: str
    seq: int
    """Of the last event before the load."""
    task_ids: list[str]
    deep_ids: list[str]
    """Tasks after four fifths of the newer ones."""
    project_ids: list[str]
    label_names: list[str]


async def copy_workspace(url: str, copies: int) -> None:
    """Copies the one workspace of the data set, with its people and all that is in it, as its superuser."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_COPIED)
        for table in _TABLES:
            columns = [(row["name"], row["type"]) for row in await connection.fetch(_COLUMNS, table)]
            names = ", ".join(f'"{name}"' for name, _ in columns)
            values = ", ".join(_copied(name, type_) for name, type_ in columns)
            await connection.execute(
                f"INSERT INTO {table} ({names}) "
                f"SELECT {values} FROM {table}, generate_series(1, {copies}) AS k"
            )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def sign_everybody_in(url: str) -> list[Person]:
    connection = await asyncpg.connect(url)
    try:
        people = []
        for workspace in await connection.fetch(
            "SELECT id, seq FROM workspaces JOIN workspace_counters ON id = workspace_id ORDER BY id"
        ):
            team = await _describe(connection, workspace["id"], workspace["seq"])
            members = await connection.fetch(_MEMBERS, workspace["id"])
            people += [
                Person(str(row["user_id"]), await sign_in(connection, row["user_id"]), team)
                for row in members
            ]
        return people
    finally:
        await connection.close()


def _copied(name: str, type_: str) -> str:
    if type_ == "uuid":
        return f'pg_temp.copied("{name}", k)'
    return f"k || '-' || \"{name}\"" if name in _UNIQUE else f'"{name}"'


async def _describe(connection: Any, workspace_id: object, seq: int) -> Team:
    async def column(sql: str) -> list[str]:
        return [str(row[0]) for row in await connection.fetch(sql, workspace_id)]

    return Team(
        str(workspace_id),
        seq,
        await column(f"{_SHOWN} ORDER BY md5(id::text) LIMIT 1000"),
        await column(
            f"{_SHOWN} ORDER BY created_at, id LIMIT (SELECT count(*) / 5 FROM ({_SHOWN}) AS shown)"
        ),
        await column("SELECT id FROM projects WHERE workspace_id = $1 ORDER BY id"),
        await column("SELECT name FROM labels WHERE workspace_id = $1 ORDER BY id"),
    )


_TABLES = (
    "workspaces",
    "users",
    "memberships",
    "projects",
    "statuses",
    "labels",
    "tasks",
    "task_labels",
    "comments",
    "events",
    "workspace_counters",
)
_UNIQUE = ("slug", "email")
# The time in an id stays, and so does the order of ids.
_COPIED = """
CREATE FUNCTION pg_temp.copied(id uuid, k int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (left(id::text, 24) || left(md5(id::text || k), 12))::uuid
$$
"""
_COLUMNS = """
SELECT column_name AS name, udt_name AS type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'
"""
_MEMBERS = "SELECT user_id FROM memberships WHERE workspace_id = $1 ORDER BY user_id"
_SHOWN = "SELECT id FROM tasks WHERE workspace_id = $1 AND archived_at IS NULL AND deleted_at IS NULL"
