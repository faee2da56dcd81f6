"""Changes of members that are repeated, tried, or made on what has changed since."""

import asyncio

import asyncpg

from tests.harness.people import Person
from tests.members import EVENTS, add, code_of, remove, sees


async def test_removing_again_changes_nothing(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace_id = (await person.workspace())["id"]
    member = (await add(person, stranger, "MEMBER", workspace_id))["member"]
    payloads = await asyncio.gather(*(remove(person, member["id"]) for _ in range(5)))
    assert [payload["userErrors"] for payload in payloads] == [[]] * 5
    assert {payload["member"]["version"] for payload in payloads} == {2}
    assert sorted(payload["syncSeq"] or "" for payload in payloads) == ["", "", "", "", "4"]
    assert len(await sql.fetch(EVENTS, workspace_id)) == 2


async def test_the_expected_version_is_held_against_the_membership(person: Person, stranger: Person) -> None:
    member = (await add(person, stranger))["member"]
    payload = await remove(person, member["id"], expectedVersion=7)
    assert code_of(payload) == ("VERSION_CONFLICT", ["expectedVersion"])
    assert payload["member"] == {"id": member["id"], "role": "MEMBER", "version": 1, "removedAt": None}
    assert (await remove(person, member["id"], expectedVersion=1))["userErrors"] == []


async def test_trials_leave_everything_as_it_is(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace_id = (await person.workspace())["id"]
    trial = await add(person, stranger, "ADMIN", workspace_id, validateOnly=True)
    assert trial["member"]["user"]["id"] == stranger.id
    assert trial["syncSeq"] is None
    assert not await sees(stranger, workspace_id)
    member = (await add(person, stranger, "MEMBER", workspace_id))["member"]
    trial = await remove(person, member["id"], validateOnly=True)
    assert (trial["member"]["version"], trial["syncSeq"]) == (2, None)
    assert trial["member"]["removedAt"] is not None
    leaving = await remove(stranger, member["id"], validateOnly=True)
    assert leaving["userErrors"] == []
    assert await sees(stranger, workspace_id)
    assert len(await sql.fetch(EVENTS, workspace_id)) == 1


async def test_a_key_adds_once(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    workspace_id = (await person.workspace())["id"]
    payloads = await asyncio.gather(
        *(add(person, stranger, "MEMBER", workspace_id, key="once") for _ in range(10))
    )
    assert len({payload["member"]["id"] for payload in payloads}) == 1
    assert {payload["syncSeq"] for payload in payloads} == {"3"}
