"""GET /account/export: all that is kept about the caller, nothing of anybody else, in a stream."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from app.domain.account_export import EVENTS_AT_ONCE, PAGE
from app.web.account_export import AT_ONCE
from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.people import Person, sign_up
from tests.harness.server import Server
from tests.harness.world import World, comment, make_world
from tests.live import until


@pytest.fixture(scope="module")
async def world(api: Api) -> World:
    """Read it, do not write to it."""
    return await make_world(await sign_up(api, name="Owner"), await sign_up(api, name="Member"))


async def download(person: Person, api: Api | None = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {person.token}"}
    return await (api or person.api).http.get("/account/export", headers=headers)


async def exported(person: Person) -> list[Json]:
    response = await download(person)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def of(records: list[Json], type_: str) -> list[Json]:
    return [record for record in records if record["type"] == type_]


async def test_the_answer(person: Person) -> None:
    response = await download(person)
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["content-disposition"] == 'attachment; filename="taskflow-account.ndjson"'
    assert response.headers["cache-control"] == "no-store"
    records = [json.loads(line) for line in response.text.splitlines()]
    assert records[0]["type"] == "export"
    assert records[0]["format"] == 1
    assert records[-1] == {"type": "end", "records": len(records) - 1}


async def test_the_person_their_sessions_and_memberships(world: World, sql: asyncpg.Pool) -> None:
    records = await exported(world.member)
    [profile] = of(records, "profile")
    assert (profile["id"], profile["email"], profile["name"]) == (
        *(world.member.id, world.member.email, "Member"),
    )
    [session] = of(records, "session")
    assert session["userAgent"].startswith("python-httpx/")
    memberships = {each["workspaceId"]: each for each in of(records, "membership")}
    assert memberships[world.workspace["id"]]["role"] == "MEMBER"
    assert memberships[world.workspace["id"]]["slug"] == world.workspace["slug"]
    assert memberships[world.member.workspace_id]["role"] == "OWNER"
    text = json.dumps(records)
    hashes = await sql.fetchrow("SELECT password_hash FROM users WHERE id = $1", world.member.id)
    assert hashes["password_hash"] not in text
    assert "hash" not in text.lower()


async def test_what_they_wrote_and_nothing_of_others(world: World, sql: asyncpg.Pool) -> None:
    owners, members = await exported(world.owner), await exported(world.member)
    # World: the owner made "Above", assigned to the member, and "Below"; the member made the two that wait.
    assert {task["title"] for task in of(owners, "task")} == {"Above", "Below"}
    assert {task["title"] for task in of(members, "task")} == {"Above", "Waits", "Waits longer"}
    [above] = [task for task in of(members, "task") if task["title"] == "Above"]
    assert (above["createdByYou"], above["assignedToYou"]) == (False, True)
    assert above["identifier"] == world.task["identifier"]
    assert {each["body"] for each in of(owners, "comment")} == {"First!"}
    assert {each["body"] for each in of(members, "comment")} == {"Second.", "Third."}
    for person, records in ((world.owner, owners), (world.member, members)):
        count = await sql.fetchval("SELECT count(*) FROM events WHERE actor_id = $1", person.id)
        assert len(of(records, "event")) == count
    seqs = [each["seq"] for each in of(owners, "event") if each["workspaceId"] == world.workspace["id"]]
    assert seqs == sorted(seqs)
    assert world.owner.email not in json.dumps(members)


async def test_who_has_left_gets_nothing_of_the_workspace(api: Api) -> None:
    world = await make_world(await sign_up(api), await sign_up(api))
    remove = "mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code } } }"
    await world.owner.create(remove, {"id": world.membership_id})
    records = await exported(world.member)
    assert of(records, "task") == []
    assert of(records, "comment") == []
    [former] = [each for each in of(records, "membership") if each["workspaceId"] == world.workspace["id"]]
    assert (former["name"], former["slug"]) == (None, None)
    assert former["removedAt"] is not None
    assert {each["workspaceId"] for each in of(records, "event")} == {world.member.workspace_id}


async def test_pages_neither_repeat_nor_miss(person: Person, sql: asyncpg.Pool) -> None:
    """More than a page of tasks made at one moment, and a log whose own events are far apart."""
    task = await person.task("First")
    await comment(person, task, "x")
    count = 2 * PAGE + 7
    await sql.execute(
        "INSERT INTO tasks (id, number, title, rank, project_id, status_id, workspace_id, creator_id)"
        " SELECT gen_random_uuid(), 1000 + n, 'Task ' || n, 'a' || n, project_id, status_id, workspace_id,"
        " creator_id FROM tasks, generate_series(1, $2) AS n WHERE id = $1",
        task["id"],
        count,
    )
    await sql.execute(
        "UPDATE workspace_counters SET seq = seq + $2 WHERE workspace_id = $1",
        person.workspace_id,
        2 * EVENTS_AT_ONCE,
    )
    await person.task("Last")
    records = await exported(person)
    titles = [each["title"] for each in of(records, "task")]
    assert sorted(titles) == sorted(["First", "Last", *(f"Task {n}" for n in range(1, count + 1))])
    events = of(records, "event")
    assert events[-1]["seq"] > 2 * EVENTS_AT_ONCE
    kept = await sql.fetchval("SELECT count(*) FROM events WHERE workspace_id = $1", person.workspace_id)
    assert len(events) == kept


@pytest.mark.parametrize("token", [None, "x", "signed out"])
async def test_without_a_valid_token(api: Api, person: Person, token: str | None) -> None:
    if token == "signed out":
        await person.run("mutation { signOut { userErrors { code } } }")
        token = person.token
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    response = await api.http.get("/account/export", headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]


async def test_it_only_reads(api: Api, person: Person) -> None:
    headers = {"authorization": f"Bearer {person.token}"}
    response = await api.http.post("/account/export", headers=headers)
    assert response.status_code == 405


async def test_it_counts_as_an_operation(
    person: Person, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    api = api_of(await start_server(RATE_LIMIT_MAX="2"))
    statuses = [(await download(person, api)).status_code for _ in range(2)]
    assert statuses == [200, 200]
    refused = await download(person, api)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert (await person.run("{ viewer { id } }", api=api)).code == "RATE_LIMITED"


async def test_few_at_a_time_and_one_of_each_user(api: Api, sql: asyncpg.Pool, server: Server) -> None:
    people = [await sign_up(api) for _ in range(AT_ONCE + 1)]
    lock = await sql.acquire()
    transaction = lock.transaction()
    await transaction.start()
    try:
        await lock.execute("LOCK TABLE workspaces IN ACCESS EXCLUSIVE MODE")
        first = [asyncio.create_task(_status(person)) for person in people[:AT_ONCE]]
        await until(lambda: _all_wait(sql))
        refused = [await _status(person) for person in (people[0], people[-1])]
    finally:
        await transaction.rollback()
        await sql.release(lock)
    assert refused == [503, 503]
    assert await asyncio.gather(*first) == [200] * AT_ONCE
    assert await _status(people[-1]) == 200


async def _status(person: Person) -> int:
    return (await download(person)).status_code


async def _all_wait(sql: asyncpg.Pool) -> bool:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%removedAt%'"
    )
    return bool(await sql.fetchval(query) == AT_ONCE)


async def test_nobody_is_held_up_by_who_does_not_read(person: Person, sql: asyncpg.Pool) -> None:
    """A client that stops reading holds no connection to the database, and its going away ends the export."""
    task = await person.task("Long", description="x" * 60_000)
    await sql.execute(
        "INSERT INTO tasks"
        " (id, number, title, description, rank, project_id, status_id, workspace_id, creator_id)"
        " SELECT gen_random_uuid(), 1000 + n, title, description, 'a' || n, project_id, status_id,"
        " workspace_id, creator_id FROM tasks, generate_series(1, 400) AS n WHERE id = $1",
        task["id"],
    )
    headers = {"authorization": f"Bearer {person.token}"}
    async with person.api.http.stream("GET", "/account/export", headers=headers) as response:
        lines: Any = response.aiter_raw()
        await anext(lines)
        assert await _status(person) == 503  # the place is taken
        assert (await person.run("{ viewer { id } }")).data["viewer"]["id"] == person.id
    await until(lambda: _succeeds(person))


async def _succeeds(person: Person) -> bool:
    return await _status(person) == 200
