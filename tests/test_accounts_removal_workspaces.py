"""What becomes of the workspaces of somebody who deletes their account."""

import asyncio
import re

import asyncpg
import pytest

from app.config import load_settings
from app.domain.account_deletion import AT_ONCE, WORKSPACE_NAME
from app.infra.db import Database
from app.jobs.purge import purge
from tests.harness.client import Api
from tests.harness.locks import sent_behind
from tests.harness.mail import mail_is_done
from tests.harness.people import MEMBER_ADD, sign_up, unique
from tests.harness.removal import (
    WORKSPACE_TABLES,
    delete,
    everything_of,
    row_counts,
    traces,
)
from tests.harness.server import Server
from tests.harness.verbs import done
from tests.harness.world import World, make_world

VIEWER = "{ viewer { id } }"
CHANGES = """
query ($id: ID!) {
  changes(workspaceId: $id, after: 0) { events { type entityId changes { field after } } }
}"""


@pytest.fixture
async def world(api: Api) -> World:
    """The member's name is nobody else's."""
    return await make_world(await sign_up(api), await sign_up(api, name=f"Ulrike {unique('Name')}"))


async def test_every_table_of_a_workspace_is_looked_at(sql: asyncpg.Pool) -> None:
    tables = await sql.fetch(
        "SELECT table_name FROM information_schema.columns"
        " WHERE column_name = 'workspace_id' AND table_schema = 'public'"
    )
    assert {row["table_name"] for row in tables} | {"workspaces"} == set(WORKSPACE_TABLES)


async def test_their_own_workspaces_go_with_all_that_is_in_them(world: World, sql: asyncpg.Pool) -> None:
    """Nobody else belongs to the workspace of this world once its member has left."""
    owner, workspace_id = world.owner, world.workspace["id"]
    remove = "mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code } } }"
    await owner.create(remove, {"id": world.membership_id})
    await done(owner, "taskUpdate", id=world.task["id"], input={"description": "long " * 2000})
    held = await row_counts(sql, WORKSPACE_TABLES, workspace_id)
    assert min(held.values()) > 0, held
    others = await row_counts(sql, WORKSPACE_TABLES, world.member.workspace_id)
    assert await delete(owner) == []
    assert set((await row_counts(sql, WORKSPACE_TABLES, workspace_id)).values()) == {0}
    assert set((await row_counts(sql, WORKSPACE_TABLES, owner.workspace_id)).values()) == {0}
    assert await row_counts(sql, WORKSPACE_TABLES, world.member.workspace_id) == others
    assert (await world.member.run(VIEWER)).data["viewer"]["id"] == world.member.id


async def test_a_large_workspace_is_gone_at_once_and_its_rows_soon(
    world: World, sql: asyncpg.Pool, server: Server
) -> None:
    owner, workspace_id = world.owner, world.workspace["id"]
    remove = "mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code } } }"
    await owner.create(remove, {"id": world.membership_id})
    await sql.execute(
        "UPDATE workspace_counters SET seq = $2 WHERE workspace_id = $1", workspace_id, AT_ONCE + 1
    )
    others = await row_counts(sql, WORKSPACE_TABLES, world.member.workspace_id)
    assert await delete(owner) == []
    await mail_is_done(sql, owner)
    slug = world.workspace["slug"]
    assert await traces(sql, owner.email, slug) == []
    left = await row_counts(sql, WORKSPACE_TABLES, workspace_id)
    assert left["memberships"] == 0
    assert left["tasks"] > 0
    seen = "query ($id: ID!, $slug: String) { a: workspace(id: $id) { id } b: workspace(slug: $slug) { id } }"
    new_slug = await sql.fetchval("SELECT slug FROM workspaces WHERE id = $1", workspace_id)
    gone = await world.member.run(seen, {"id": workspace_id, "slug": new_slug})
    assert gone.data == {"a": None, "b": None}
    database = Database(load_settings(database_url=server.database_url, db_pool_size=2))
    await database.start()
    try:
        await database.wait_ready(20)
        removed = await purge(database)
    finally:
        await database.stop()
    assert removed["deleted workspaces"] >= 1
    assert set((await row_counts(sql, WORKSPACE_TABLES, workspace_id)).values()) == {0}
    assert await row_counts(sql, WORKSPACE_TABLES, world.member.workspace_id) == others


async def test_the_only_owner_of_a_shared_workspace_is_refused(world: World, sql: asyncpg.Pool) -> None:
    owner = world.owner
    before = await everything_of(sql, owner)
    [error] = await delete(owner)
    assert error["code"] == "FORBIDDEN"
    assert f"“{world.workspace['name']}”" in error["message"]
    assert await everything_of(sql, owner) == before
    assert (await owner.run(VIEWER)).data["viewer"]["id"] == owner.id
    other = await sign_up(owner.api)
    await owner.add_member(other, "OWNER", world.workspace["id"])
    assert await delete(owner) == []


async def test_a_personal_workspace_that_others_use_loses_the_name(api: Api, sql: asyncpg.Pool) -> None:
    name = f"Xaver {unique('Name')}"
    person, other = await sign_up(api, name=name), await sign_up(api)
    await person.add_member(other, "OWNER")
    old = await sql.fetchrow("SELECT name, slug FROM workspaces WHERE id = $1", person.workspace_id)
    assert await delete(person) == []
    await mail_is_done(sql, person)
    workspace = (
        await other.run("query ($id: ID!) { workspace(id: $id) { name slug } }", {"id": person.workspace_id})
    ).data["workspace"]
    assert workspace["name"] == WORKSPACE_NAME
    assert re.fullmatch(r"workspace-[0-9a-f]{32}", workspace["slug"])
    assert await traces(sql, name, old["slug"]) == []
    events = (await other.run(CHANGES, {"id": person.workspace_id})).data["changes"]["events"]
    [created] = [event for event in events if event["type"] == "workspace.created"]
    assert {change["field"]: change["after"] for change in created["changes"]}["name"] is None
    [updated] = [event for event in events if event["type"] == "workspace.updated"]
    assert {change["field"]: change["after"] for change in updated["changes"]} == workspace


async def test_who_is_added_at_that_moment_is_added_nowhere(api: Api, sql: asyncpg.Pool) -> None:
    """Of an invitation and a deletion at once either comes wholly first: no deleted user belongs anywhere."""
    person, other = await sign_up(api), await sign_up(api)
    membership_id = (await other.add_member(person))["id"]
    remove = "mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code } } }"
    await other.create(remove, {"id": membership_id})
    variables = {"workspaceId": other.workspace_id, "email": person.email, "role": "MEMBER"}
    await mail_is_done(sql, person)
    async with sql.acquire() as holder, holder.transaction():
        # Between looking up whom to add and adding them.
        await holder.execute("SELECT 1 FROM memberships WHERE id = $1 FOR UPDATE", membership_id)
        adding = await sent_behind(sql, holder, other.run(MEMBER_ADD, variables))
        deleting = await sent_behind(sql, holder, delete(person))
    added, deleted = await asyncio.gather(adding, deleting)
    assert (added.data["memberAdd"]["userErrors"], deleted) == ([], [])
    standing = "SELECT count(*) FROM memberships WHERE user_id = $1 AND removed_at IS NULL"
    assert await sql.fetchval(standing, person.id) == 0


async def test_of_two_owners_who_go_at_once_one_is_refused(api: Api, sql: asyncpg.Pool) -> None:
    one, two, guest = [await sign_up(api) for _ in range(3)]
    workspace = await one.workspace()
    await one.add_member(two, "OWNER", workspace["id"])
    await one.add_member(guest, "GUEST", workspace["id"])
    results = await asyncio.gather(delete(one), delete(two))
    assert sorted(len(errors) for errors in results) == [0, 1]
    owners = (
        "SELECT count(*) FROM memberships WHERE workspace_id = $1 AND role = 'OWNER' AND removed_at IS NULL"
    )
    assert await sql.fetchval(owners, workspace["id"]) == 1
