import asyncio
import random

import asyncpg
import pytest

from app.domain.placing import LONGEST_RANK
from tests.harness.client import Json
from tests.harness.people import Person
from tests.harness.verbs import done, event_count, events_of, fault

MOVES_AT_ONE_SPOT = 2_000
MOVES_AT_ONCE = 20  # in one document


@pytest.fixture
async def column(person: Person) -> list[Json]:
    """Six tasks, alone in their project."""
    project = await person.project()
    return [await person.task(f"Task {number}", project["id"]) for number in range(6)]


async def ids_in_order(sql: asyncpg.Pool, task: Json) -> list[str]:
    rows = await sql.fetch(
        "SELECT id FROM tasks WHERE project_id = (SELECT project_id FROM tasks WHERE id = $1)"
        " ORDER BY rank, id",
        task["id"],
    )
    return [str(row["id"]) for row in rows]


async def assert_no_double(sql: asyncpg.Pool, task: Json) -> None:
    count, different, longest = await sql.fetchrow(
        "SELECT count(*), count(DISTINCT rank), max(length(rank)) FROM tasks"
        " WHERE project_id = (SELECT project_id FROM tasks WHERE id = $1)",
        task["id"],
    )
    assert count == different
    assert longest <= LONGEST_RANK


async def test_directly_before_after_and_between(
    person: Person, sql: asyncpg.Pool, column: list[Json]
) -> None:
    a, b, c, d, e, f = (task["id"] for task in column)
    await done(person, "taskMove", id=e, beforeId=b)
    assert await ids_in_order(sql, column[0]) == [a, e, b, c, d, f]
    await done(person, "taskMove", id=a, afterId=f)
    assert await ids_in_order(sql, column[0]) == [e, b, c, d, f, a]
    await done(person, "taskMove", id=d, beforeId=e)
    assert await ids_in_order(sql, column[0]) == [d, e, b, c, f, a]
    await done(person, "taskMove", id=a, afterId=e, beforeId=f)
    assert await ids_in_order(sql, column[0]) == [d, e, a, b, c, f]


async def test_with_a_status_in_one_event(person: Person, sql: asyncpg.Pool, column: list[Json]) -> None:
    project_id = await sql.fetchval("SELECT project_id FROM tasks WHERE id = $1", column[0]["id"])
    done_id = await sql.fetchval(
        "SELECT id FROM statuses WHERE project_id = $1 AND name = 'Done'", project_id
    )
    moved = await done(
        person, "taskMove", id=column[3]["id"], statusId=str(done_id), beforeId=column[0]["id"]
    )
    assert (moved["task"]["status"]["name"], moved["task"]["version"]) == ("Done", 2)
    event = (await events_of(sql, column[3]["id"]))[-1]
    assert event["type"] == "task.moved"
    assert str(event["seq"]) == moved["syncSeq"]


async def test_standing_there_already_is_no_change(
    person: Person, sql: asyncpg.Pool, column: list[Json]
) -> None:
    before = await event_count(sql, person.workspace_id)
    a, b, c = (task["id"] for task in column[:3])
    for where in ({"afterId": a}, {"beforeId": c}, {"afterId": a, "beforeId": c}):
        payload = await done(person, "taskMove", id=b, **where)
        assert (payload["task"]["version"], payload["syncSeq"]) == (1, None)
    await done(person, "taskMove", id=a, beforeId=b)
    await done(person, "taskMove", id=column[5]["id"], afterId=column[4]["id"])
    assert await event_count(sql, person.workspace_id) == before


async def test_what_cannot_be(person: Person, stranger: Person, column: list[Json]) -> None:
    a, b = column[0]["id"], column[1]["id"]
    elsewhere, theirs = (await person.task())["id"], (await stranger.task())["id"]
    cases: list[tuple[dict[str, str], str, list[str] | None]] = [
        ({}, "INVALID", None),
        ({"beforeId": a}, "INVALID", ["beforeId"]),
        ({"beforeId": elsewhere}, "INVALID", ["beforeId"]),
        ({"afterId": theirs}, "NOT_FOUND", ["afterId"]),
        ({"afterId": "x"}, "NOT_FOUND", ["afterId"]),
        ({"afterId": b, "beforeId": b}, "INVALID", ["afterId"]),
        ({"afterId": column[3]["id"], "beforeId": b}, "INVALID", ["afterId"]),
    ]
    for where, code, field in cases:
        assert (await fault(person, "taskMove", id=a, **where))[:2] == (code, field)


async def test_random_moves_follow_a_plain_list(
    person: Person, sql: asyncpg.Pool, column: list[Json]
) -> None:
    chance = random.Random(7)
    order = [task["id"] for task in column]
    for _ in range(150):
        moved, anchor = chance.sample(order, 2)
        order.remove(moved)
        if chance.random() < 0.5:
            order.insert(order.index(anchor), moved)
            await done(person, "taskMove", id=moved, beforeId=anchor)
        else:
            order.insert(order.index(anchor) + 1, moved)
            await done(person, "taskMove", id=moved, afterId=anchor)
    assert await ids_in_order(sql, column[0]) == order
    await assert_no_double(sql, column[0])


async def test_thousands_of_moves_at_one_spot_keep_ranks_short(
    person: Person, sql: asyncpg.Pool, column: list[Json]
) -> None:
    anchor, one, other = column[4]["id"], column[0]["id"], column[1]["id"]
    move = f'taskMove(id: "{{}}", beforeId: "{anchor}") {{{{ userErrors {{{{ code }}}} }}}}'
    moves = " ".join(f"m{number}: {move.format((one, other)[number % 2])}" for number in range(MOVES_AT_ONCE))
    for _ in range(MOVES_AT_ONE_SPOT // MOVES_AT_ONCE):
        answers = (await person.run(f"mutation {{ {moves} }}")).data
        assert all(answer == {"userErrors": []} for answer in answers.values())
    order = await ids_in_order(sql, column[0])
    assert order == [column[2]["id"], column[3]["id"], one, other, anchor, column[5]["id"]]
    await assert_no_double(sql, column[0])
    types = await sql.fetch(
        "SELECT type, count(*) FROM events WHERE task_id = ANY($1) GROUP BY type",
        [task["id"] for task in column],
    )
    counts = {row["type"]: row["count"] for row in types}
    assert counts["task.moved"] >= MOVES_AT_ONE_SPOT - 1
    assert 0 < counts["task.reranked"] < MOVES_AT_ONE_SPOT / 20  # making room is rare, and each is told
    for task in column:
        events = await events_of(sql, task["id"])
        assert [event["entity_version"] for event in events] == list(range(1, len(events) + 1))


async def test_to_the_end_again_and_again_then_a_new_task(
    person: Person, sql: asyncpg.Pool, column: list[Json]
) -> None:
    for number in range(100):
        last = (await ids_in_order(sql, column[0]))[-1]
        moved = column[number % 6]["id"]
        if moved != last:
            await done(person, "taskMove", id=moved, afterId=last)
    project_id = str(await sql.fetchval("SELECT project_id FROM tasks WHERE id = $1", column[0]["id"]))
    new = await person.task("New", project_id)
    assert (await ids_in_order(sql, column[0]))[-1] == new["id"]
    await assert_no_double(sql, column[0])


async def test_equal_ranks_are_put_apart(person: Person, sql: asyncpg.Pool, column: list[Json]) -> None:
    await sql.execute("UPDATE tasks SET rank = 'a3' WHERE id = ANY($1)", [task["id"] for task in column[1:5]])
    a, b, c, d, e, f = (task["id"] for task in column)
    await done(person, "taskMove", id=a, afterId=c)
    assert await ids_in_order(sql, column[0]) == [b, c, a, d, e, f]
    await assert_no_double(sql, column[0])


async def test_concurrent_moves_and_creations(person: Person, sql: asyncpg.Pool, column: list[Json]) -> None:
    project_id = str(await sql.fetchval("SELECT project_id FROM tasks WHERE id = $1", column[0]["id"]))
    ids = [task["id"] for task in column]

    async def mover(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(30):
            moved, anchor = chance.sample(ids, 2)
            await done(person, "taskMove", id=moved, **{chance.choice(("beforeId", "afterId")): anchor})

    async def creator() -> None:
        for _ in range(20):
            await person.task("New", project_id)

    await asyncio.gather(*(mover(seed) for seed in range(6)), creator(), creator())
    await assert_no_double(sql, column[0])
    numbers = await sql.fetch("SELECT number FROM tasks WHERE project_id = $1 ORDER BY number", project_id)
    assert [row["number"] for row in numbers] == list(range(1, 47))


async def test_everybody_before_the_same_task_at_once(
    person: Person, sql: asyncpg.Pool, column: list[Json]
) -> None:
    for anchor in column * 3:
        others = [task for task in column if task != anchor]
        await asyncio.gather(
            *(done(person, "taskMove", id=task["id"], beforeId=anchor["id"]) for task in others)
        )
        assert (await ids_in_order(sql, anchor))[-1] == anchor["id"]
        await assert_no_double(sql, anchor)  # each time: a later move would put two equal ranks apart
