"""What stands in the place of somebody who is gone is nobody's to take before."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from app.domain.account_deletion import AT_ONCE
from tests.harness.client import Api
from tests.harness.people import PASSWORD, SIGN_UP, WORKSPACE_CREATE, Person, unique
from tests.harness.removal import delete

SignUp = Callable[..., Awaitable[Person]]
SLUG = "SELECT slug FROM workspaces WHERE id = $1"


async def squat_slug(sql: asyncpg.Pool, person: Person, slug: str) -> None:
    """As if it had been taken before it was reserved."""
    workspace = await person.workspace()
    await sql.execute("UPDATE workspaces SET slug = $2 WHERE id = $1", workspace["id"], slug)


async def test_an_address_made_of_the_id_keeps_nobody_from_leaving(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    taken = f"deleted-{person.id}@deleted.invalid"
    await sql.execute("UPDATE users SET email = $2 WHERE id = $1", stranger.id, taken)
    assert await delete(person) == []
    email = await sql.fetchval("SELECT email FROM users WHERE id = $1", person.id)
    assert email.endswith("@deleted.invalid")
    assert person.id not in email


async def test_a_slug_made_of_the_old_one_keeps_nobody_from_leaving(
    sign_up: SignUp, stranger: Person, sql: asyncpg.Pool
) -> None:
    person = await sign_up(name=unique("Xaver"))
    await person.add_member(stranger, "OWNER")
    chance = (await sql.fetchval(SLUG, person.workspace_id)).rpartition("-")[2]
    await squat_slug(sql, stranger, f"workspace-{chance}")
    assert await delete(person) == []
    slug = await sql.fetchval(SLUG, person.workspace_id)
    assert slug.startswith("workspace-")
    assert chance not in slug


async def test_a_slug_made_of_the_id_keeps_nobody_from_leaving(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    await squat_slug(sql, stranger, f"deleted-{person.workspace_id}")
    await sql.execute(
        "UPDATE workspace_counters SET seq = $2 WHERE workspace_id = $1", person.workspace_id, AT_ONCE + 1
    )
    assert await delete(person) == []
    slug = await sql.fetchval(SLUG, person.workspace_id)
    assert slug.startswith("deleted-")
    assert person.workspace_id not in slug


@pytest.mark.parametrize("slug", ["deleted-1", "workspace-a1b2c3", "workspace-x"])
async def test_slugs_with_their_beginnings_are_reserved(person: Person, sql: asyncpg.Pool, slug: str) -> None:
    answer = await person.run(WORKSPACE_CREATE, {"input": {"slug": slug, "name": "x"}})
    assert answer.data["workspaceCreate"] == {
        "workspace": None,
        "syncSeq": None,
        "userErrors": [
            {
                "code": "TAKEN",
                "message": "Slugs that begin with “deleted-” and “workspace-” are reserved. Choose another.",
                "field": ["input", "slug"],
            }
        ],
    }
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE slug = $1", slug) == 0


@pytest.mark.parametrize("domain", ["deleted.invalid", "INVALID", "a.b.Invalid"])
async def test_addresses_that_reach_nobody_are_refused(api: Api, sql: asyncpg.Pool, domain: str) -> None:
    email = f"{unique('nobody')}@{domain}"
    given = {"email": email, "password": PASSWORD, "name": "Robin"}
    payload = (await api.run(SIGN_UP, {"input": given})).data["signUp"]
    [error] = payload["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID", ["input", "email"])
    assert await sql.fetchval("SELECT count(*) FROM users WHERE email = $1", email) == 0


async def test_an_address_may_hold_the_word(api: Api, sign_up: SignUp) -> None:
    email = f"{unique('invalid')}@invalid.example.com"
    assert (await sign_up(email=email)).email == email
