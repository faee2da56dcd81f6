"""The address of somebody is for those who belong together now."""

from collections.abc import Awaitable, Callable

import asyncpg

from tests.harness.people import Person, unique
from tests.members import add, remove

SignUp = Callable[..., Awaitable[Person]]

BY_ID = "query ($id: ID!) { node(id: $id) { ... on User { id name email } } }"
ASSIGNED = "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id assignee { name email } } } }"


async def seen_by(person: Person, other: Person) -> str:
    email: str = (await person.run(BY_ID, {"id": other.id})).data["node"]["email"]
    return email


async def test_who_has_left_shows_their_name_and_no_address(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    project = await person.project((await person.workspace())["id"])
    workspace_id = await sql.fetchval("SELECT workspace_id::text FROM projects WHERE id = $1", project["id"])
    member = (await add(person, stranger, "MEMBER", workspace_id))["member"]
    task = await person.task("Theirs", project["id"], assigneeId=stranger.id)
    assert (await seen_by(person, stranger), await seen_by(stranger, person)) == (
        stranger.email,
        person.email,
    )
    await remove(stranger, member["id"])
    later = f"{unique('later')}@example.com"
    await sql.execute("UPDATE users SET email = $2 WHERE id = $1", stranger.id, later)
    assert await seen_by(person, stranger) == ""
    [shown] = [
        node for node in (await person.run(ASSIGNED)).data["tasks"]["nodes"] if node["id"] == task["id"]
    ]
    assert shown["assignee"] == {"name": "Robin", "email": ""}
    assert (await stranger.run("{ viewer { email } }")).data["viewer"]["email"] == later
    await add(person, later, "GUEST", workspace_id)
    assert await seen_by(person, stranger) == later


async def test_it_cannot_be_guessed_by_a_filter(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    project = await person.project((await person.workspace())["id"])
    workspace_id = await sql.fetchval("SELECT workspace_id::text FROM projects WHERE id = $1", project["id"])
    member = (await add(person, stranger, "MEMBER", workspace_id))["member"]
    task = await person.task("Theirs", project["id"], assigneeId=stranger.id)

    async def found(comparison: dict[str, object]) -> bool:
        variables = {"filter": {"assignee": {"email": comparison}}}
        nodes = (await person.run(ASSIGNED, variables)).data["tasks"]["nodes"]
        return task["id"] in [node["id"] for node in nodes]

    guesses: list[dict[str, object]] = [
        {"eq": stranger.email},
        {"contains": stranger.email[:9]},
        {"in": [stranger.email]},
    ]
    assert [await found(guess) for guess in guesses] == [True, True, True]
    await remove(person, member["id"])
    assert [await found(guess) for guess in guesses] == [False, False, False]
    assert await found({"neq": stranger.email})


async def test_another_workspace_in_common_is_enough(
    person: Person, stranger: Person, sign_up: SignUp
) -> None:
    other = await person.workspace()
    member = (await add(person, stranger))["member"]
    await add(person, stranger, "GUEST", other["id"])
    await remove(person, member["id"])
    assert await seen_by(person, stranger) == stranger.email
    third = await sign_up()
    await add(third, person)
    await remove(third, (await add(third, stranger))["member"]["id"])
    assert await seen_by(third, stranger) == ""
