"""The log's order: what a reader sees while many write."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable

import asyncpg

from tests.harness.client import Api, Json
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.verbs import send

StartServer = Callable[..., Awaitable[Server]]
WRITERS = 16
SECONDS = 10


async def test_sixteen_writers_leave_no_gap_and_no_reader_sees_one(
    person: Person,
    sql: asyncpg.Pool,
    start_server: StartServer,
    api_of: Callable[[Server], Api],
) -> None:
    apis = [person.api, api_of(await start_server())]
    projects = [person.project_id, (await person.project())["id"]]
    shared = [await person.task(f"Shared {number}", projects[number % 2]) for number in range(6)]
    first = await newest(sql, person)
    over = asyncio.Event()
    writers = [
        asyncio.create_task(write(person, apis[number % 2], projects, shared, number, over))
        for number in range(WRITERS)
    ]
    readers = [asyncio.create_task(read(sql, person, first, over)) for _ in range(2)]
    await asyncio.sleep(SECONDS)
    over.set()
    answered = sorted(itertools.chain(*await asyncio.gather(*writers)))
    looks = await asyncio.gather(*readers)
    last = await newest(sql, person)
    assert answered == sorted(set(answered))
    assert set(range(first + 1, last + 1)) >= set(answered)
    seqs = [
        row["seq"]
        for row in await sql.fetch(
            "SELECT seq FROM events WHERE workspace_id = $1 ORDER BY seq", person.workspace_id
        )
    ]
    assert seqs == list(range(1, last + 1))
    assert len(answered) > 100
    assert min(looks) > 20


async def write(
    person: Person, api: Api, projects: list[str], shared: list[Json], seed: int, over: asyncio.Event
) -> list[int]:
    """Writes that succeed, fail, change nothing or are only validated. Returns the seqs answered."""
    chance, seqs = random.Random(seed), []
    while not over.is_set():
        task, other = chance.sample(shared, 2)
        name, arguments = chance.choice(
            [
                ("taskCreate", {"input": {"projectId": chance.choice(projects), "title": "New"}}),
                ("taskCreate", {"input": {"projectId": chance.choice(projects), "title": ""}}),
                ("taskUpdate", {"id": task["id"], "input": {"title": f"Title {chance.random()}"}}),
                (
                    "taskUpdate",
                    {"id": task["id"], "input": {"title": f"Title {chance.random()}"}, "validateOnly": True},
                ),
                ("taskComplete", {"id": task["id"]}),
                ("taskReopen", {"id": task["id"]}),
                ("taskMove", {"id": task["id"], "afterId": other["id"]}),
                ("commentCreate", {"input": {"taskId": task["id"], "body": "x" * chance.choice((10, 6000))}}),
            ]
        )
        payload = await send(person, name, api=api, **arguments)
        if payload["syncSeq"] is not None:
            seqs.append(int(payload["syncSeq"]))
    return seqs


async def read(sql: asyncpg.Pool, person: Person, after: int, over: asyncio.Event) -> int:
    """Follows the log as a subscriber does. Returns how often it found something new."""
    looks = 0
    async with sql.acquire() as connection:
        while True:
            ended = over.is_set()
            rows = await connection.fetch(
                "SELECT seq FROM events WHERE workspace_id = $1 AND seq > $2 ORDER BY seq",
                person.workspace_id,
                after,
            )
            found = [row["seq"] for row in rows]
            assert found == list(range(after + 1, after + 1 + len(found)))
            after += len(found)
            looks += bool(found)
            if ended and not found:
                return looks
            await asyncio.sleep(0.005)


async def newest(sql: asyncpg.Pool, person: Person) -> int:
    seq: int = await sql.fetchval(
        "SELECT seq FROM workspace_counters WHERE workspace_id = $1", person.workspace_id
    )
    return seq
