"""A write that has waited: what counts is who somebody is when it is written, not when they asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from tests.harness.client import Answer, Api
from tests.harness.locks import sent_behind, until_behind
from tests.harness.mail import mail_is_done
from tests.harness.people import PASSWORD, TASK_CREATE, WORKSPACE_CREATE, Person, sign_up, unique
from tests.harness.removal import DELETE
from tests.harness.verbs import event_count
from tests.live import until
from tests.members import ADD, add, remove

SIGN_OUT = "mutation { signOut(everywhere: true) { userErrors { code } } }"
ROLE = """
mutation ($id: ID!, $role: Role!) {
  memberUpdate(id: $id, input: { role: $role }) { userErrors { code } }
}"""
MANY = """
mutation ($input: TaskCreateInput!) {
  a: taskCreate(input: $input) { syncSeq } b: taskCreate(input: $input) { syncSeq }
}"""
WAITS_FOR_SESSIONS = r"""
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database() AND query ~ '^\s*DELETE FROM "sessions"'
"""
HOLDERS = {
    "project": "SELECT 1 FROM projects WHERE id = $2 AND workspace_id = $1 FOR UPDATE",
    # What the last statement of a write waits for.
    "counter": "SELECT 1 FROM workspace_counters WHERE workspace_id = $1 AND $2 <> '' FOR UPDATE",
}


@asynccontextmanager
async def held(
    sql: asyncpg.Pool, what: str, workspace_id: str, project_id: str
) -> AsyncIterator[asyncpg.Connection]:
    """Writes of tasks there wait until the end of the block."""
    async with sql.acquire() as holder, holder.transaction():
        await holder.execute(HOLDERS[what], workspace_id, project_id)
        yield holder


def creation(project_id: str) -> dict[str, Any]:
    return {"input": {"projectId": project_id, "title": unique("Late")}}


async def test_a_removed_members_write_that_waits_is_refused(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    member = (await add(person, stranger))["member"]
    given = creation(person.project_id)
    async with held(sql, "project", person.workspace_id, person.project_id) as holder:
        late = await sent_behind(sql, holder, stranger.run(TASK_CREATE, given))
        assert (await remove(person, member["id"]))["userErrors"] == []
        events = await event_count(sql, person.workspace_id)
    payload = (await late).data["taskCreate"]
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("NOT_FOUND", ["input", "projectId"])
    ]
    assert await event_count(sql, person.workspace_id) == events
    title = given["input"]["title"]
    assert await sql.fetchval("SELECT count(*) FROM tasks WHERE title = $1", title) == 0


@pytest.mark.parametrize("first", ["removal", "write"])
async def test_of_a_removal_and_a_write_at_the_log_either_comes_first(
    person: Person, stranger: Person, sql: asyncpg.Pool, first: str
) -> None:
    """Both wait for the counter, which the one that came first gets first."""
    member = (await add(person, stranger))["member"]
    write = stranger.run(TASK_CREATE, creation(person.project_id))
    removal = person.run("mutation ($id: ID!) { memberRemove(id: $id) { syncSeq } }", {"id": member["id"]})
    async with held(sql, "counter", person.workspace_id, person.project_id) as holder:
        order = [removal, write] if first == "removal" else [write, removal]
        tasks = [await sent_behind(sql, holder, each) for each in order]
    one, other = await asyncio.gather(*tasks)
    payload = (other if first == "removal" else one).data["taskCreate"]
    expected = ["NOT_FOUND"] if first == "removal" else []
    assert [error["code"] for error in payload["userErrors"]] == expected
    types = await sql.fetch(
        "SELECT type FROM events WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1", person.workspace_id
    )
    assert [row["type"] for row in types] == ["membership.removed"]


async def test_somebody_made_a_guest_meanwhile_is_forbidden_it(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    member = (await add(person, stranger))["member"]
    async with held(sql, "project", person.workspace_id, person.project_id) as holder:
        late = await sent_behind(sql, holder, stranger.run(TASK_CREATE, creation(person.project_id)))
        await person.create(ROLE, {"id": member["id"], "role": "GUEST"})
        events = await event_count(sql, person.workspace_id)
    payload = (await late).data["taskCreate"]
    assert [error["code"] for error in payload["userErrors"]] == ["FORBIDDEN"]
    assert await event_count(sql, person.workspace_id) == events


async def test_somebody_given_another_role_that_may_do_it_does_it(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    member = (await add(person, stranger))["member"]
    async with held(sql, "project", person.workspace_id, person.project_id) as holder:
        late = await sent_behind(sql, holder, stranger.run(TASK_CREATE, creation(person.project_id)))
        await person.create(ROLE, {"id": member["id"], "role": "ADMIN"})
    payload = (await late).data["taskCreate"]
    assert (payload["userErrors"], payload["task"]["version"]) == ([], 1)


@pytest.mark.parametrize("what", ["project", "counter"])
async def test_after_signing_out_nothing_is_written_any_more(
    person: Person, sql: asyncpg.Pool, what: str
) -> None:
    events = await event_count(sql, person.workspace_id)
    async with held(sql, what, person.workspace_id, person.project_id) as holder:
        late = await sent_behind(sql, holder, person.run(MANY, creation(person.project_id)))
        leaving = asyncio.ensure_future(person.run(SIGN_OUT))
        if what == "project":
            assert (await leaving).data["signOut"]["userErrors"] == []
        else:  # the write has begun to be logged: it comes first, and the answer waits for it
            await until_behind(sql, holder, 2)
            assert not leaving.done()
    answer = await late
    assert (await leaving).data["signOut"]["userErrors"] == []
    assert answer.code == "UNAUTHENTICATED"
    # The first field of the document alone, where it was before the sign-out.
    assert await event_count(sql, person.workspace_id) == events + (what == "counter")


@pytest.mark.parametrize("statement", ["expires_at = now()", "revoked_at = now()"])
async def test_a_session_that_has_ended_past_the_api_writes_nothing(
    person: Person, sql: asyncpg.Pool, statement: str
) -> None:
    events = await event_count(sql, person.workspace_id)
    async with held(sql, "project", person.workspace_id, person.project_id) as holder:
        late = await sent_behind(sql, holder, person.run(TASK_CREATE, creation(person.project_id)))
        await sql.execute(f"UPDATE sessions SET {statement} WHERE user_id = $1", person.id)
    assert (await late).code == "UNAUTHENTICATED"
    assert await event_count(sql, person.workspace_id) == events


async def test_nobody_who_deletes_their_account_is_left_with_a_workspace(api: Api, sql: asyncpg.Pool) -> None:
    """Founding one and leaving at once: whichever comes first, no deleted user belongs anywhere."""
    standing = "SELECT count(*) FROM memberships WHERE user_id = $1 AND removed_at IS NULL"
    for _ in range(12):
        person = await sign_up(api)

        async def found(delay: float, person: Person = person) -> Answer:
            await asyncio.sleep(delay)
            given = {"input": {"slug": unique("space"), "name": "Mine"}}
            return await person.run(WORKSPACE_CREATE, given)

        deleted, *founded = await asyncio.gather(
            person.run(DELETE, {"password": PASSWORD}), *(found(0.01 * number) for number in range(10))
        )
        assert deleted.data["accountDelete"]["userErrors"] == []
        assert await sql.fetchval(standing, person.id) == 0
        assert {answer.code for answer in founded if answer.errors} <= {"UNAUTHENTICATED"}


@pytest.mark.parametrize("what", ["founding", "adding"])
async def test_nobody_gets_a_workspace_while_their_user_is_held(
    person: Person, stranger: Person, sql: asyncpg.Pool, what: str
) -> None:
    """As a deletion holds it while it looks for their workspaces: a foreign key's own lock would not wait."""
    await mail_is_done(sql, stranger)
    async with sql.acquire() as holder, holder.transaction():
        await holder.execute("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE", stranger.id)
        if what == "founding":
            write = stranger.run(WORKSPACE_CREATE, {"input": {"slug": unique("space"), "name": "Mine"}})
        else:
            given = {"workspaceId": person.workspace_id, "email": stranger.email, "role": "MEMBER"}
            write = person.run(ADD, given)
        late = await sent_behind(sql, holder, write)
        standing = "SELECT count(*) FROM memberships WHERE user_id = $1"
        before = await sql.fetchval(standing, stranger.id)
    await late
    assert await sql.fetchval(standing, stranger.id) == before + 1


async def test_a_workspace_founded_behind_a_deletion_is_not(person: Person, sql: asyncpg.Pool) -> None:
    slug = unique("space")
    await mail_is_done(sql, person)
    async with sql.acquire() as holder, holder.transaction():
        # Where the deletion holds the user already, and is not done.
        await holder.execute("SELECT 1 FROM sessions WHERE user_id = $1 FOR UPDATE", person.id)
        deleting = asyncio.ensure_future(person.run(DELETE, {"password": PASSWORD}))

        async def holds_user() -> bool:
            return bool(await sql.fetchval(WAITS_FOR_SESSIONS))

        await until(holds_user)
        founding = await sent_behind(
            sql, holder, person.run(WORKSPACE_CREATE, {"input": {"slug": slug, "name": "Mine"}})
        )
    assert (await deleting).data["accountDelete"]["userErrors"] == []
    assert (await founding).code == "UNAUTHENTICATED"
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE slug = $1", slug) == 0
    standing = "SELECT count(*) FROM memberships WHERE user_id = $1 AND removed_at IS NULL"
    assert await sql.fetchval(standing, person.id) == 0
