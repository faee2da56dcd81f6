"""Who is added to a workspace and removed from it by whom, and what that changes at once."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from app.models.ids import new_id
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server
from tests.members import EVENTS, MEMBERS, add, code_of, membership_of, remove, sees

SignUp = Callable[..., Awaitable[Person]]


async def test_adding_by_email_lets_them_in_at_once(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    workspace_id = (await person.workspace())["id"]
    assert not await sees(stranger, workspace_id)
    payload = await add(person, f" {stranger.email.upper()} ", "GUEST", workspace_id)
    member = payload["member"]
    assert payload["userErrors"] == []
    assert member["user"] == {"id": stranger.id, "email": stranger.email}
    assert (member["role"], member["version"], member["workspace"]["id"]) == ("GUEST", 1, workspace_id)
    assert await sees(stranger, workspace_id)
    [event] = await sql.fetch(EVENTS, workspace_id)
    assert (event["type"], event["entity"], event["actor"]) == ("membership.created", member["id"], person.id)
    assert stranger.email not in event["changes"]
    assert payload["syncSeq"] == "3"


async def test_removing_shuts_them_out_at_once_and_changes_nothing_else(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    workspace_id = (await person.workspace())["id"]
    project = await person.project(workspace_id)
    member = (await add(person, stranger, "MEMBER", workspace_id))["member"]
    task = await stranger.task("Theirs", project["id"], assigneeId=stranger.id)
    assert await sees(stranger, workspace_id)
    payload = await remove(person, member["id"])
    assert payload["userErrors"] == []
    assert payload["member"]["version"] == 2
    removed_at = payload["member"]["removedAt"]
    assert removed_at is not None
    shown = await person.run(
        """query ($id: ID!, $workspaceId: ID!) {
          node(id: $id) { ... on Member { removedAt } }
          workspace(id: $workspaceId) { members { nodes { id removedAt } } } }""",
        {"id": member["id"], "workspaceId": workspace_id},
    )
    assert shown.data["node"] == {"removedAt": removed_at}
    own = await membership_of(sql, person, workspace_id)
    assert shown.data["workspace"]["members"]["nodes"] == [{"id": own, "removedAt": None}]
    assert not await sees(stranger, workspace_id)
    refused = (
        await stranger.run(
            "mutation ($id: ID!) { taskComplete(id: $id) { userErrors { code } } }", {"id": task["id"]}
        )
    ).data["taskComplete"]
    assert refused["userErrors"] == [{"code": "NOT_FOUND"}]

    read = "query ($id: ID!) { task(id: $id) { creator { id name } assignee { id } } }"
    seen = (await person.run(read, {"id": task["id"]})).data["task"]
    assert seen == {"creator": {"id": stranger.id, "name": "Robin"}, "assignee": {"id": stranger.id}}
    last = (await sql.fetch(EVENTS, workspace_id))[-1]
    assert (last["type"], last["version"]) == ("membership.removed", 2)
    assert '"removedAt"' in last["changes"]


async def test_a_change_holds_at_once_in_another_process(
    person: Person,
    stranger: Person,
    start_server: StartServer,
    api_of: Callable[[Server], Api],
) -> None:
    other = api_of(await start_server())
    read = "query ($id: ID!) { workspace(id: $id) { role } }"
    variables = {"id": person.workspace_id}
    for _ in range(3):
        assert (await stranger.run(read, variables, api=other)).data["workspace"] is None
        member = (await add(person, stranger))["member"]
        seen = (await stranger.run(read, variables, api=other)).data["workspace"]
        assert seen == {"role": "MEMBER"}
        await remove(person, member["id"])


async def test_who_comes_back_gets_the_membership_they_had(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    workspace_id = (await person.workspace())["id"]
    first = (await add(person, stranger, "ADMIN", workspace_id))["member"]
    await remove(person, first["id"])
    again = (await add(person, stranger, "GUEST", workspace_id))["member"]
    assert (again["id"], again["role"], again["version"]) == (first["id"], "GUEST", 3)
    assert (first["removedAt"], again["removedAt"]) == (None, None)
    assert await sees(stranger, workspace_id)
    assert [event["type"] for event in await sql.fetch(EVENTS, workspace_id)] == [
        "membership.created",
        "membership.removed",
        "membership.restored",
    ]


async def test_nobody_is_added_twice_also_when_ten_add_them_at_once(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    workspace_id = (await person.workspace())["id"]
    payloads = await asyncio.gather(*(add(person, stranger, "MEMBER", workspace_id) for _ in range(10)))
    assert [code_of(payload) for payload in payloads if payload["userErrors"]] == [("TAKEN", ["email"])] * 9
    assert await sql.fetchval(MEMBERS, workspace_id) == 2
    assert len(await sql.fetch(EVENTS, workspace_id)) == 1


@pytest.mark.parametrize("email", ["nobody@example.com", "", "nobody", "x\0@example.com", "x" * 9999])
async def test_who_has_not_signed_up_is_not_found(person: Person, email: str) -> None:
    assert code_of(await add(person, email)) == ("NOT_FOUND", ["email"])


async def test_ids_that_are_malformed_unknown_or_anothers_answer_alike(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    odd = ["", "nonsense", "\0", str(new_id()), stranger.workspace_id, stranger.workspace_id.upper()]
    payloads = [await add(person, person, workspace_id=spelling) for spelling in odd]
    assert payloads == [payloads[0]] * len(odd)
    assert code_of(payloads[0]) == ("NOT_FOUND", ["workspaceId"])

    theirs = await membership_of(sql, stranger, stranger.workspace_id)
    removals = [await remove(person, spelling) for spelling in [*odd, theirs]]
    assert removals == [removals[0]] * len(removals)
    assert code_of(removals[0]) == ("NOT_FOUND", ["id"])
    assert await sees(stranger, stranger.workspace_id)


@pytest.mark.parametrize(
    ("role", "adds", "removes"),
    [
        ("OWNER", {"OWNER", "ADMIN", "MEMBER", "GUEST"}, {"OWNER", "ADMIN", "MEMBER", "GUEST"}),
        ("ADMIN", {"ADMIN", "MEMBER", "GUEST"}, {"ADMIN", "MEMBER", "GUEST"}),
        ("MEMBER", set(), set()),
        ("GUEST", set(), set()),
    ],
)
async def test_who_adds_and_removes_whom(
    person: Person,
    stranger: Person,
    sign_up: SignUp,
    sql: asyncpg.Pool,
    role: str,
    adds: set[str],
    removes: set[str],
) -> None:
    workspace_id = (await person.workspace())["id"]
    await add(person, stranger, role, workspace_id)
    third = await sign_up()
    for other in ("OWNER", "ADMIN", "MEMBER", "GUEST"):
        before = len(await sql.fetch(EVENTS, workspace_id))
        payload = await add(stranger, third, other, workspace_id)
        assert bool(payload["member"]) is (other in adds), other
        if other not in adds:
            assert code_of(payload)[0] == "FORBIDDEN"
            assert len(await sql.fetch(EVENTS, workspace_id)) == before
            await add(person, third, other, workspace_id)
        third_membership = await membership_of(sql, third, workspace_id)
        payload = await remove(stranger, third_membership)
        assert (payload["userErrors"] == []) is (other in removes), other
        if other not in removes:
            assert code_of(payload)[0] == "FORBIDDEN"
            await remove(person, third_membership)


@pytest.mark.parametrize("role", ["ADMIN", "MEMBER", "GUEST"])
async def test_everybody_may_leave(person: Person, stranger: Person, sql: asyncpg.Pool, role: str) -> None:
    workspace_id = (await person.workspace())["id"]
    membership = (await add(person, stranger, role, workspace_id))["member"]["id"]
    payload = await remove(stranger, membership)
    assert payload == {"member": None, "syncSeq": "4", "userErrors": []}
    assert not await sees(stranger, workspace_id)
    assert code_of(await remove(stranger, membership)) == ("NOT_FOUND", ["id"])


async def test_the_last_owner_stays(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace_id = (await person.workspace())["id"]
    own = await membership_of(sql, person, workspace_id)
    assert code_of(await remove(person, own)) == ("FORBIDDEN", ["id"])
    await add(person, stranger, "OWNER", workspace_id)
    assert (await remove(person, own))["userErrors"] == []
    assert not await sees(person, workspace_id)
    assert code_of(await remove(stranger, await membership_of(sql, stranger, workspace_id)))[0] == "FORBIDDEN"


@pytest.mark.parametrize("crosswise", [False, True])
async def test_of_owners_who_leave_or_remove_each_other_at_once_one_stays(
    person: Person, stranger: Person, sql: asyncpg.Pool, crosswise: bool
) -> None:
    for _ in range(8):
        workspace_id = (await person.workspace())["id"]
        await add(person, stranger, "OWNER", workspace_id)
        own = [await membership_of(sql, one, workspace_id) for one in (person, stranger)]
        targets = own[::-1] if crosswise else own
        payloads = await asyncio.gather(remove(person, targets[0]), remove(stranger, targets[1]))
        assert await sql.fetchval(MEMBERS, workspace_id) == 1
        [refused] = [code_of(payload)[0] for payload in payloads if payload["userErrors"]]
        # Crosswise, the second one is no member any more when their turn comes.
        assert refused == ("NOT_FOUND" if crosswise else "FORBIDDEN")
