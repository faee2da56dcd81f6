import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from tests.harness.client import Api
from tests.harness.people import Person, unique
from tests.harness.server import Server
from tests.harness.verbs import done, event_count, fault, send

StartServer = Callable[..., Awaitable[Server]]
SENT_AT_ONCE = 50


async def keys_of(sql: asyncpg.Pool, person: Person) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM idempotency_keys WHERE user_id = $1", person.id)
    return count


async def test_one_key_sent_fifty_times_at_once_makes_one_task(
    person: Person, sql: asyncpg.Pool, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    apis = [person.api, api_of(await start_server())]
    given = {"projectId": person.project_id, "title": "Once"}
    key = unique("key")
    before = await event_count(sql, person.workspace_id)
    payloads = await asyncio.gather(
        *(
            done(person, "taskCreate", input=given, idempotencyKey=key, api=apis[number % 2])
            for number in range(SENT_AT_ONCE)
        )
    )
    assert len({payload["task"]["id"] for payload in payloads}) == 1
    assert len({payload["syncSeq"] for payload in payloads}) == 1
    assert payloads[0]["syncSeq"] is not None
    titles = await sql.fetch("SELECT number FROM tasks WHERE project_id = $1", person.project_id)
    assert [row["number"] for row in titles] == [1]
    assert await event_count(sql, person.workspace_id) == before + 1
    assert await keys_of(sql, person) == 1


async def test_a_repeat_answers_from_the_object_as_it_is_now(person: Person) -> None:
    given = {"projectId": person.project_id, "title": "First"}
    key = unique("key")
    first = await done(person, "taskCreate", input=given, idempotencyKey=key)
    await done(person, "taskUpdate", id=first["task"]["id"], input={"title": "Renamed"})
    # The same values, in another order and written in the document instead of in variables.
    inline = (
        f'mutation {{ again: taskCreate(idempotencyKey: "{key}", input: {{ title: "First",'
        f' projectId: "{person.project_id}" }}) {{ task {{ id title version }}'
        " syncSeq userErrors { code } } }"
    )
    again = (await person.run(inline)).data["again"]
    assert again["userErrors"] == []
    assert again["task"] == {"id": first["task"]["id"], "title": "Renamed", "version": 2}
    assert again["syncSeq"] == first["syncSeq"]


async def test_a_repeat_of_a_change_does_not_change_again(person: Person, sql: asyncpg.Pool) -> None:
    task = await person.task("One")
    key = unique("key")
    first = await done(person, "taskUpdate", id=task["id"], input={"title": "Two"}, idempotencyKey=key)
    await done(person, "taskUpdate", id=task["id"], input={"title": "Three"})
    before = await event_count(sql, person.workspace_id)
    again = await done(person, "taskUpdate", id=task["id"], input={"title": "Two"}, idempotencyKey=key)
    assert (again["task"]["title"], again["syncSeq"]) == ("Three", first["syncSeq"])
    assert await event_count(sql, person.workspace_id) == before


async def test_a_repeated_deletion_still_tells_what_was_deleted(person: Person) -> None:
    one, other = await person.task(), await person.task()
    given = {"taskId": one["id"], "relatedTaskId": other["id"], "type": "BLOCKS"}
    relation = (await done(person, "taskRelationCreate", input=given))["taskRelation"]
    key = unique("key")
    answers = [
        await done(person, "taskRelationDelete", id=relation["id"], idempotencyKey=key) for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["deletedTaskRelationId"] == relation["id"]


async def test_another_input_is_refused(person: Person, sql: asyncpg.Pool) -> None:
    key = unique("key")
    task = (
        await done(
            person,
            "taskCreate",
            input={"projectId": person.project_id, "title": "One"},
            idempotencyKey=key,
        )
    )["task"]
    before = await event_count(sql, person.workspace_id)
    for changed in ({"title": "Two"}, {"title": "One", "description": None}):
        given = {"projectId": person.project_id, **changed}
        code, field, _ = await fault(person, "taskCreate", input=given, idempotencyKey=key)
        assert (code, field) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
    assert await event_count(sql, person.workspace_id) == before
    # Another mutation's keys are its own; the expected version is part of the input.
    given = {"title": "Three"}
    await done(person, "taskUpdate", id=task["id"], input=given, idempotencyKey=key)
    code, *_ = await fault(
        person, "taskUpdate", id=task["id"], input=given, idempotencyKey=key, expectedVersion=1
    )
    assert code == "IDEMPOTENCY_KEY_REUSED"


async def test_another_viewers_keys_are_their_own(person: Person, stranger: Person) -> None:
    key = unique("key")
    for somebody in (person, stranger):
        given = {"projectId": somebody.project_id, "title": "Mine"}
        assert (await done(somebody, "taskCreate", input=given, idempotencyKey=key))["task"]["number"] == 1


async def test_a_failed_write_keeps_no_key(person: Person, sql: asyncpg.Pool) -> None:
    key = unique("key")
    given = {"projectId": person.project_id, "title": ""}
    for _ in range(2):
        assert (await fault(person, "taskCreate", input=given, idempotencyKey=key))[0] == "INVALID"
    assert await keys_of(sql, person) == 0
    given["title"] = "Now right"
    await done(person, "taskCreate", input=given, idempotencyKey=key)


async def test_a_key_lasts_a_day(person: Person, sql: asyncpg.Pool) -> None:
    given = {"projectId": person.project_id, "title": "Daily"}
    key = unique("key")
    first = await done(person, "taskCreate", input=given, idempotencyKey=key)
    age = "UPDATE idempotency_keys SET created_at = now() - $2::interval WHERE user_id = $1"
    await sql.execute(age, person.id, timedelta(hours=23, minutes=59))
    assert (await done(person, "taskCreate", input=given, idempotencyKey=key))["task"]["id"] == first["task"][
        "id"
    ]
    await sql.execute(age, person.id, timedelta(hours=24, minutes=1))
    payloads = await asyncio.gather(
        *(done(person, "taskCreate", input=given, idempotencyKey=key) for _ in range(8))
    )
    assert {payload["task"]["number"] for payload in payloads} == {2}
    assert await keys_of(sql, person) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ключ", "nul\0", "line\n"])
async def test_keys_are_printable_ascii_of_some_length(person: Person, key: str) -> None:
    given = {"projectId": person.project_id, "title": "x"}
    code, field, message = await fault(person, "taskCreate", input=given, idempotencyKey=key)
    assert (code, field) == ("INVALID", ["idempotencyKey"])
    assert "255" in message


async def test_what_a_key_may_hold_is_described(reader: Person) -> None:
    fields = (await reader.run('{ __type(name: "Mutation") { fields { args { name description } } } }')).data[
        "__type"
    ]["fields"]
    described = [arg["description"] for field in fields for arg in field["args"] if "Key" in arg["name"]]
    assert len(described) > 10
    assert all("1 to 255 printable ASCII characters without spaces" in text for text in described)


async def test_a_write_that_changes_nothing_is_stored_too(person: Person) -> None:
    task = await person.task("Same")
    key = unique("key")
    for _ in range(2):
        payload = await send(person, "taskUpdate", id=task["id"], input={"title": "Same"}, idempotencyKey=key)
        assert (payload["task"]["version"], payload["syncSeq"]) == (1, None)
