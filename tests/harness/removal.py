"""Deleting accounts, and looking for what is left."""

import json
from typing import Any

import asyncpg

from tests.harness.client import Json
from tests.harness.people import PASSWORD, Person
from tests.harness.world import TABLES

DELETE = """
mutation ($password: String!, $validateOnly: Boolean) {
  accountDelete(password: $password, validateOnly: $validateOnly) {
    syncSeq userErrors { code message field }
  }
}"""
WORKSPACE_TABLES = {
    **dict(TABLES.values()),
    **dict.fromkeys(("task_labels", "event_texts", "workspace_counters"), "workspace_id"),
}


async def delete(person: Person, password: str = PASSWORD, **arguments: Any) -> list[Json]:
    answer = await person.run(DELETE, {"password": password, **arguments})
    errors: list[Json] = answer.data["accountDelete"]["userErrors"]
    return errors


async def traces(sql: asyncpg.Pool, *texts: str) -> list[tuple[str, str]]:
    """(table, text) of every table in which one of the texts stands, in any row and column, in any case."""
    tables = await sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    assert len(tables) > 15
    found = []
    for row in tables:
        table = row["tablename"]
        for text in texts:
            query = f'SELECT count(*) FROM "{table}" AS t WHERE strpos(lower(t::text), lower($1)) > 0'
            if await sql.fetchval(query, text):
                found.append((table, text))
    return found


async def row_counts(sql: asyncpg.Pool, tables: dict[str, str], workspace_id: str) -> dict[str, int]:
    return {
        table: await sql.fetchval(f'SELECT count(*) FROM "{table}" WHERE "{column}" = $1', workspace_id)
        for table, column in tables.items()
    }


async def everything_of(sql: asyncpg.Pool, person: Person) -> str:
    """The person's rows, and how much is in their workspace."""
    user = await sql.fetch("SELECT * FROM users WHERE id = $1", person.id)
    sessions = await sql.fetch("SELECT id, revoked_at FROM sessions WHERE user_id = $1", person.id)
    memberships = await sql.fetch("SELECT * FROM memberships WHERE user_id = $1 ORDER BY id", person.id)
    events = await sql.fetchval("SELECT count(*) FROM events WHERE workspace_id = $1", person.workspace_id)
    return json.dumps([*map(str, [user, sessions, memberships]), events])
