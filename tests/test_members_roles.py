"""Who changes whose role, and what that changes at once."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.harness.client import Json
from tests.harness.people import Person, unique
from tests.harness.removal import delete
from tests.members import EVENTS, add, code_of, membership_of, remove

SignUp = Callable[..., Awaitable[Person]]

UPDATE = """
mutation ($id: ID!, $input: MemberUpdateInput!, $key: String, $expectedVersion: Int, $validateOnly: Boolean) {
  memberUpdate(
    id: $id, input: $input, idempotencyKey: $key, expectedVersion: $expectedVersion,
    validateOnly: $validateOnly
  ) {
    member { id role version removedAt workspace { role } } syncSeq userErrors { code message field }
  }
}"""
ROLES = ("OWNER", "ADMIN", "MEMBER", "GUEST")


async def change(person: Person, id: str, role: str | None, **more: object) -> Json:
    answer = await person.run(UPDATE, {"id": id, "input": {"role": role}, **more})
    payload: Json = answer.data["memberUpdate"]
    return payload


async def role_of(sql: asyncpg.Pool, membership_id: str) -> tuple[str, int]:
    row = await sql.fetchrow("SELECT role, version FROM memberships WHERE id = $1", membership_id)
    return row["role"], row["version"]


async def test_a_role_changes_at_once_with_one_event(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    workspace = await person.workspace()
    project = await person.project(workspace["id"])
    member = (await add(person, stranger, "GUEST", workspace["id"]))["member"]
    create = "mutation ($i: TaskCreateInput!) { taskCreate(input: $i) { userErrors { code } } }"
    task = {"i": {"projectId": project["id"], "title": "x"}}
    refused = (await stranger.run(create, task)).data["taskCreate"]["userErrors"]
    assert refused == [{"code": "FORBIDDEN"}]
    before = len(await sql.fetch(EVENTS, workspace["id"]))
    payload = await change(person, member["id"], "ADMIN")
    assert payload["userErrors"] == []
    assert (payload["member"]["role"], payload["member"]["version"]) == ("ADMIN", 2)
    assert await role_of(sql, member["id"]) == ("ADMIN", 2)
    [event] = (await sql.fetch(EVENTS, workspace["id"]))[before:]
    assert (event["type"], event["entity"], event["version"], event["actor"]) == (
        *("membership.updated", member["id"], 2),
        person.id,
    )
    assert event["changes"] == '[{"after": "ADMIN", "field": "role", "before": "GUEST"}]'
    assert (await stranger.run(create, task)).data["taskCreate"]["userErrors"] == []


async def test_the_same_role_changes_nothing(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace = await person.workspace()
    member = (await add(person, stranger, "MEMBER", workspace["id"]))["member"]
    before = await sql.fetch(EVENTS, workspace["id"])
    payload = await change(person, member["id"], "MEMBER")
    assert (payload["member"]["version"], payload["syncSeq"], payload["userErrors"]) == (1, None, [])
    answer = await person.run(UPDATE, {"id": member["id"], "input": {}})
    assert answer.data["memberUpdate"]["member"]["version"] == 1
    assert await sql.fetch(EVENTS, workspace["id"]) == before


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        ("OWNER", {(one, other) for one in ROLES for other in ROLES}),
        ("ADMIN", {(one, other) for one in ROLES[1:] for other in ROLES[1:]}),
        ("MEMBER", set()),
        ("GUEST", set()),
    ],
)
async def test_who_changes_whom(
    person: Person,
    stranger: Person,
    sign_up: SignUp,
    sql: asyncpg.Pool,
    role: str,
    changes: set[tuple[str, str]],
) -> None:
    workspace = await person.workspace()
    await add(person, stranger, role, workspace["id"])
    member = (await add(person, await sign_up(), "GUEST", workspace["id"]))["member"]
    for before in ROLES:
        for after in ROLES:
            await change(person, member["id"], before)
            stood = await role_of(sql, member["id"])
            payload = await change(stranger, member["id"], after)
            if (before, after) in changes:
                assert payload["member"]["role"] == after, (before, after)
            else:
                assert code_of(payload)[0] == "FORBIDDEN", (before, after)
                assert await role_of(sql, member["id"]) == stood


async def test_the_last_owner_stays_one(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace = await person.workspace()
    own = await membership_of(sql, person, workspace["id"])
    other = (await add(person, stranger, "ADMIN", workspace["id"]))["member"]["id"]
    assert code_of(await change(person, own, "ADMIN")) == ("FORBIDDEN", ["id"])
    assert await role_of(sql, own) == ("OWNER", 1)
    assert (await change(person, other, "OWNER"))["userErrors"] == []
    stepped_down = await change(person, own, "GUEST")
    assert (stepped_down["userErrors"], stepped_down["member"]["role"]) == ([], "GUEST")
    assert stepped_down["member"]["workspace"] == {"role": "GUEST"}
    assert code_of(await change(person, own, "OWNER"))[0] == "FORBIDDEN"
    assert await role_of(sql, own) == ("GUEST", 2)


@pytest.mark.parametrize("crosswise", [False, True])
async def test_of_owners_who_step_down_at_once_one_stays(
    person: Person, stranger: Person, sql: asyncpg.Pool, crosswise: bool
) -> None:
    for _ in range(5):
        workspace = await person.workspace()
        await add(person, stranger, "OWNER", workspace["id"])
        own = [await membership_of(sql, one, workspace["id"]) for one in (person, stranger)]
        targets = own[::-1] if crosswise else own
        payloads = await asyncio.gather(
            change(person, targets[0], "MEMBER"), change(stranger, targets[1], "MEMBER")
        )
        assert [code_of(payload)[0] for payload in payloads if payload["userErrors"]] == ["FORBIDDEN"]
        assert sorted([(await role_of(sql, one))[0] for one in own]) == ["MEMBER", "OWNER"]


async def test_an_owner_who_is_disabled_is_none_that_counts(
    person: Person, stranger: Person, sign_up: SignUp, sql: asyncpg.Pool
) -> None:
    workspace = await person.workspace()
    own = await membership_of(sql, person, workspace["id"])
    await add(person, stranger, "OWNER", workspace["id"])
    guest = await sign_up()
    await add(person, guest, "GUEST", workspace["id"])
    await sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", stranger.id)
    [error] = await delete(person)
    assert error["code"] == "FORBIDDEN"
    assert code_of(await remove(person, own)) == ("FORBIDDEN", ["id"])
    assert code_of(await change(person, own, "ADMIN")) == ("FORBIDDEN", ["id"])
    assert await role_of(sql, own) == ("OWNER", 1)
    await sql.execute("UPDATE users SET disabled_at = NULL WHERE id = $1", stranger.id)
    assert await delete(person) == []


async def test_what_is_refused(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace = await person.workspace()
    member = (await add(person, stranger, "MEMBER", workspace["id"]))["member"]
    assert code_of(await change(person, member["id"], None)) == ("INVALID", ["input", "role"])
    theirs = await membership_of(sql, stranger, stranger.workspace_id)
    for unknown in ("nonsense", theirs):
        assert code_of(await change(person, unknown, "GUEST")) == ("NOT_FOUND", ["id"])
    assert await role_of(sql, theirs) == ("OWNER", 1)
    await remove(person, member["id"])
    assert code_of(await change(person, member["id"], "ADMIN")) == ("INVALID", ["id"])
    assert await role_of(sql, member["id"]) == ("MEMBER", 2)


async def test_what_every_verb_takes(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace = await person.workspace()
    member = (await add(person, stranger, "MEMBER", workspace["id"]))["member"]
    tried = await change(person, member["id"], "ADMIN", validateOnly=True)
    assert (tried["member"]["role"], tried["member"]["version"], tried["syncSeq"]) == ("ADMIN", 2, None)
    assert await role_of(sql, member["id"]) == ("MEMBER", 1)
    key = unique("key")
    payloads = [await change(person, member["id"], "GUEST", key=key) for _ in range(2)]
    assert payloads[0] == payloads[1]
    assert await role_of(sql, member["id"]) == ("GUEST", 2)
    stale = await change(person, member["id"], "ADMIN", expectedVersion=1)
    assert code_of(stale)[0] == "VERSION_CONFLICT"
    assert stale["member"]["role"] == "GUEST"
    assert (await change(person, member["id"], "ADMIN", expectedVersion=2))["member"]["version"] == 3
