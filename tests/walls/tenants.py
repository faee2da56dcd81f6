"""Tenants with at least one of everything, all their ids, and what the tables hold."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import asyncpg

from tests.harness.client import Api
from tests.harness.people import Person, sign_up
from tests.harness.world import World, make_world
from tests.live import until

Columns = Mapping[str, list[str]]
"""Names, such as a table's columns, by a name."""

_ID_COLUMNS = """
SELECT "table_name", array_agg("column_name"::text) AS "names" FROM information_schema.columns
WHERE "table_schema" = 'public' AND "data_type" = 'uuid' GROUP BY "table_name"
"""
_END_LEASES = """
UPDATE "outbox_mails" SET "due_at" = clock_timestamp()
WHERE "finished_at" IS NULL AND "due_at" > clock_timestamp()
"""


@dataclass(frozen=True)
class Tenant:
    world: World
    newcomer: Person
    """Somebody who has signed up and is no member."""
    ids: Mapping[str, list[str]]
    """The ids in all rows of the tenant and its people, by table and column, each id once."""

    @property
    def owner(self) -> Person:
        return self.world.owner

    def through(self, api: Api) -> "Tenant":
        """The same; its owner asks another server."""
        return replace(self, world=replace(self.world, owner=replace(self.owner, api=api)))

    def one_of_each(self) -> list[str]:
        return [ids[-1] for ids in self.ids.values()]

    def all_ids(self) -> list[str]:
        return [one for ids in self.ids.values() for one in ids]


async def make_tenant(api: Api, sql: asyncpg.Pool) -> Tenant:
    owner, member, newcomer = await asyncio.gather(sign_up(api), sign_up(api), sign_up(api))
    world = await make_world(owner, member)
    roots = {
        "workspaces.id": [world.workspace["id"], owner.workspace_id, member.workspace_id],
        "users.id": [owner.id, member.id],
    }
    return Tenant(world, newcomer, await _ids_of_rows(sql, roots))


async def contents(sql: asyncpg.Pool) -> dict[str, str]:
    """A digest of every table's rows; called twice, it tells what changed between.

    Waits for mail that is under way: its rows change in the background. What a server held that another test
    has killed would be under way for minutes: another one takes it at once.
    """
    await sql.execute(_END_LEASES)
    await until(partial(_no_mail_under_way, sql))
    tables = await sql.fetch(
        "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    return {table["name"]: await _digest(sql, table["name"]) for table in tables}


async def _no_mail_under_way(sql: asyncpg.Pool) -> bool:
    return not await sql.fetchval('SELECT EXISTS (SELECT 1 FROM "outbox_mails" WHERE "finished_at" IS NULL)')


async def _digest(sql: asyncpg.Pool, table: str) -> str:
    rows = await sql.fetch(f'SELECT t::text AS row FROM "{table}" AS t ORDER BY 1')
    return f"{len(rows)} rows, {hashlib.sha256(repr([row['row'] for row in rows]).encode()).hexdigest()}"


async def _ids_of_rows(sql: asyncpg.Pool, roots: Columns) -> dict[str, list[str]]:
    """Follows references from the roots to the rows that hold them, and from those on."""
    tables: Columns = {row["table_name"]: row["names"] for row in await sql.fetch(_ID_COLUMNS)}
    known, before = {one: name for name, ids in roots.items() for one in ids}, 0
    while len(known) > before:
        before = len(known)
        rows = {table: await _rows_about(sql, table, names, list(known)) for table, names in tables.items()}
        # An id belongs to the table whose row it names, and only else to the column that it was found in.
        for own in (True, False):
            for table, columns in tables.items():
                for column in columns:
                    if (column == "id") == own:
                        values = [row[column] for row in rows[table] if row[column] is not None]
                        known = {**dict.fromkeys(map(str, values), f"{table}.{column}"), **known}
    found: dict[str, list[str]] = {}
    for one, name in known.items():
        found.setdefault(name, []).append(one)
    return found


async def _rows_about(
    sql: asyncpg.Pool, table: str, columns: list[str], known: list[str]
) -> list[asyncpg.Record]:
    about = " OR ".join(f'"{column}" = ANY($1::uuid[])' for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    rows: list[asyncpg.Record] = await sql.fetch(f'SELECT {names} FROM "{table}" WHERE {about}', known)
    return rows
