"""Deleting one's account: nothing tells any more who it was, and every session of it ends."""

import re
from collections.abc import Callable

import asyncpg
import pytest

from app.domain.account_deletion import NAME
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.mail import mail_is_done, open_post
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.removal import DELETE, delete, everything_of, traces
from tests.harness.server import Server, Servers
from tests.harness.sockets import open_socket
from tests.harness.stores import Stores
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


async def test_the_search_finds_what_is_there(world: World, sql: asyncpg.Pool) -> None:
    """Positive control, for each table that holds a person's data as text."""
    person = world.member
    [name] = await sql.fetch("SELECT name FROM users WHERE id = $1", person.id)
    await mail_is_done(sql, person)
    found = await traces(sql, person.email, name["name"])
    assert {table for table, _ in found} == {"users", "workspaces", "events", "mailed_tokens"}


async def test_nothing_is_left_that_tells_who_it_was(
    world: World, sql: asyncpg.Pool, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    person = world.member
    name = await sql.fetchval("SELECT name FROM users WHERE id = $1", person.id)
    await sql.execute(
        "UPDATE users SET avatar_url = 'https://img.example/' || id, timezone = 'Europe/Lisbon'"
        " WHERE id = $1",
        person.id,
    )
    await done(person, "taskUpdate", id=world.task["id"], input={"title": "x"}, idempotencyKey=unique("key"))
    request = "mutation ($e: String!) { passwordResetRequest(email: $e) { userErrors { code } } }"
    await person.api.run(request, {"e": person.email})
    agents = await sql.fetch("SELECT user_agent FROM sessions WHERE user_id = $1", person.id)
    assert len(agents) == 1
    assert await delete(person) == []
    await mail_is_done(sql, person)
    assert await traces(sql, person.email, name, name.replace(" ", "-"), f"img.example/{person.id}") == []
    row = dict(await sql.fetchrow("SELECT * FROM users WHERE id = $1", person.id))
    assert (row["name"], row["avatar_url"], row["timezone"]) == (NAME, None, "UTC")
    assert re.fullmatch(r"deleted-[0-9a-f]{32}@deleted\.invalid", row["email"])
    assert (row["password_hash"], row["email_verified_at"]) == ("", None)
    assert row["disabled_at"] is not None
    assert row["deleted_at"] is not None
    for table in ("sessions", "mailed_tokens", "idempotency_keys", "outbox_mails"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", person.id) == 0, table


async def test_what_others_use_goes_on(world: World, sql: asyncpg.Pool) -> None:
    person, workspace_id = world.member, world.workspace["id"]
    before = await sql.fetchval("SELECT seq FROM workspace_counters WHERE workspace_id = $1", workspace_id)
    assert await delete(person) == []
    answer = await world.owner.run(
        """query ($task: ID!, $comment: ID!, $space: ID!) {
          task(id: $task) { assignee { id name email avatarUrl emailVerified } }
          node(id: $comment) { ... on Comment { body author { id name } } }
          workspace(id: $space) { name members { nodes { user { id } } } }
        }""",
        {"task": world.task["id"], "comment": world.reply_id, "space": workspace_id},
    )
    assert answer.data["task"]["assignee"] == {
        "id": person.id,
        "name": NAME,
        "email": "",
        "avatarUrl": None,
        "emailVerified": None,
    }
    assert answer.data["node"] == {"body": "Second.", "author": {"id": person.id, "name": NAME}}
    assert [each["user"]["id"] for each in answer.data["workspace"]["members"]["nodes"]] == [world.owner.id]
    changes = (await world.owner.run(CHANGES, {"id": workspace_id})).data["changes"]["events"]
    [left] = changes[before:]
    assert (left["type"], left["entityId"]) == ("membership.removed", world.membership_id)
    assert (
        await sql.fetchval(
            "SELECT actor_id::text FROM events WHERE entity_id = $1 AND type = $2",
            world.membership_id,
            "membership.removed",
        )
        == person.id
    )


@pytest.mark.parametrize("password", ["", "wrong", "x" * 5000])
async def test_a_wrong_password_deletes_nothing(person: Person, sql: asyncpg.Pool, password: str) -> None:
    before = await everything_of(sql, person)
    [error] = await delete(person, password)
    assert (error["code"], error["field"]) == ("INVALID_CREDENTIALS", ["password"])
    assert await everything_of(sql, person) == before


async def test_validate_only_tells_and_deletes_nothing(world: World, sql: asyncpg.Pool) -> None:
    before = await everything_of(sql, world.member)
    assert await delete(world.member, validateOnly=True) == []
    [error] = await delete(world.owner, validateOnly=True)
    assert error["code"] == "FORBIDDEN"
    assert await everything_of(sql, world.member) == before
    assert (await world.member.run(VIEWER)).data["viewer"]["id"] == world.member.id


async def test_every_session_ends_at_once_in_every_process(
    person: Person, server: Server, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    elsewhere = api_of(await start_server())
    sign_in = "mutation ($i: SignInInput!) { signIn(input: $i) { accessToken userErrors { code } } }"
    credentials = {"i": {"email": person.email, "password": PASSWORD}}
    token = (await elsewhere.run(sign_in, credentials)).data["signIn"]["accessToken"]
    assert (await elsewhere.run(VIEWER, token=token)).data["viewer"]["id"] == person.id
    assert (await person.run(VIEWER, api=elsewhere)).data["viewer"]["id"] == person.id
    async with open_socket(server.websocket_url, token=person.token) as socket:
        subscription = "subscription { taskUpdated { id } }"
        stream = await socket.subscribe(subscription)
        assert await delete(person) == []
        assert (await elsewhere.run(VIEWER, token=token)).code == "UNAUTHENTICATED"
        assert (await person.run(VIEWER, api=elsewhere)).code == "UNAUTHENTICATED"
        assert (await person.run(DELETE, {"password": PASSWORD})).code == "UNAUTHENTICATED"
        refresh = "mutation ($t: String!) { tokenRefresh(refreshToken: $t) { userErrors { code } } }"
        refreshed = (await person.api.run(refresh, {"t": person.refresh_token})).data["tokenRefresh"]
        assert [error["code"] for error in refreshed["userErrors"]] == ["INVALID_TOKEN"]
        again = (await elsewhere.run(sign_in, credentials)).data["signIn"]
        assert [error["code"] for error in again["userErrors"]] == ["INVALID_CREDENTIALS"]
        [error] = (await stream.next(20))["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_email_may_sign_up_again(person: Person) -> None:
    assert await delete(person) == []
    again = await sign_up(person.api, email=person.email)
    assert again.id != person.id
    assert (await again.run("{ tasks(archived: INCLUDE) { totalCount } }")).data["tasks"]["totalCount"] == 0


async def test_a_last_mail_says_so(stores: Stores, servers: Servers) -> None:
    async with open_post(stores, servers) as post:
        name = f"Yvonne {unique('Name')}"
        person = await sign_up(post.api, name=name)
        await post.mail.wait_for(person.email)
        assert await delete(person) == []
        mail = await post.mail.wait_for(person.email, 2)
        assert mail.message["Subject"] == "Your TaskFlow account was deleted"
        assert mail.text.startswith("Hello,\n")
        assert (await post.outcome("ACCOUNT_DELETED"))["address"] is None
        assert await traces(post.sql, person.email, name) == []
