"""Clients that go on while something is taken away, and what they saw of it."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx

from tests.harness.client import Api
from tests.harness.people import Person, unique
from tests.live import until

CREATE = """
mutation ($input: TaskCreateInput!, $key: String) {
  taskCreate(input: $input, idempotencyKey: $key) { task { id title } syncSeq userErrors { code message } }
}"""
READ = "query ($id: ID!) { project(id: $id) { id name tasks(first: 3) { nodes { title } } } }"
NO_ANSWER = "no answer"


@dataclass
class Seen:
    """Answers by what they were, such as "200" or "503 SERVICE_UNAVAILABLE", and the slowest of each kind."""

    answers: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    messages: set[str] = field(default_factory=set)
    """What the errors among them said."""

    def note(self, what: str, seconds: float) -> None:
        self.answers[what] += 1
        self.slowest[what] = max(seconds, self.slowest.get(what, 0))

    @property
    def failed(self) -> Counter[str]:
        return Counter({what: count for what, count in self.answers.items() if what != "200"})

    @property
    def slowest_failure(self) -> float:
        return max((seconds for what, seconds in self.slowest.items() if what != "200"), default=0.0)

    def __str__(self) -> str:
        return ", ".join(f"{count} x {what}" for what, count in sorted(self.answers.items()))


@dataclass
class Load:
    """Reads by GET and by POST, and writes, of one person, through nginx."""

    api: Api
    person: Person
    reads: Seen = field(default_factory=Seen)
    writes: Seen = field(default_factory=Seen)
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Title → syncSeq of each task that was answered to be there."""
    prefix: str = field(default_factory=lambda: unique("load"))
    _numbers: int = 0

    async def read(self, *, by_get: bool) -> str:
        body = {"query": READ, "variables": {"id": self.person.project_id}}
        return await self._send(self.reads, body, by_get=by_get)

    async def write(self, **more: str) -> str:
        """One new task, sent once."""
        return await self.send_write(self.new_title(), None, **more)

    async def write_until_acknowledged(self) -> None:
        """One new task, sent again with its key until there is an answer that it is there."""
        title = self.new_title()
        while True:
            if await self.send_write(title, title) == "200":
                return
            await asyncio.sleep(0.05 + random.random() * 0.1)

    async def wait_acknowledged(self, count: int) -> None:
        await until(lambda: len(self.acknowledged) >= count, 600)

    async def send_write(self, title: str, key: str | None, **more: str) -> str:
        given = {"projectId": self.person.project_id, "title": title, **more}
        variables = {"input": given, "key": key}
        return await self._send(self.writes, {"query": CREATE, "variables": variables})

    def new_title(self) -> str:
        self._numbers += 1
        return f"{self.prefix}-{self._numbers}"

    async def _send(self, seen: Seen, body: Mapping[str, object], *, by_get: bool = False) -> str:
        started = time.monotonic()
        what = await self._answer(seen, body, by_get=by_get)
        seen.note(what, time.monotonic() - started)
        return what

    async def _answer(self, seen: Seen, body: Mapping[str, object], *, by_get: bool) -> str:
        headers = {"authorization": f"Bearer {self.person.token}"}
        try:
            if by_get:
                parameters = {"query": READ, "variables": f'{{"id": "{self.person.project_id}"}}'}
                response = await self.api.http.get("/graphql", params=parameters, headers=headers)
            else:
                response = await self.api.http.post("/graphql", json=body, headers=headers)
        except httpx.TransportError:
            return NO_ANSWER
        answer = response.json()
        errors = answer.get("errors", [])
        seen.messages |= {error["message"] for error in errors}
        codes = sorted({error["extensions"]["code"] for error in errors})
        if response.status_code != 200 or codes:
            return " ".join([str(response.status_code), *codes])
        if created := answer["data"].get("taskCreate"):
            assert created["userErrors"] == [], created
            self.acknowledged[created["task"]["title"]] = int(created["syncSeq"])
        return "200"


@asynccontextmanager
async def going_on(
    load: Load, *, readers: int = 4, writers: int = 2, pause: float = 0.01
) -> AsyncIterator[None]:
    """Reads and writes, each sent once, until the block ends."""
    ended = asyncio.Event()

    async def client(number: int) -> None:
        while not ended.is_set():
            if number < readers:
                await load.read(by_get=number % 2 == 0)
            else:
                await load.write()
            await asyncio.sleep(pause)

    working = [asyncio.create_task(client(number)) for number in range(readers + writers)]
    try:
        yield
    finally:
        ended.set()
        await asyncio.gather(*working)


async def write_all(load: Load, count: int, *, writers: int = 12) -> None:
    """`count` writes, each of them repeated until it is acknowledged."""
    left = iter(range(count))

    async def client() -> None:
        for _ in left:
            await load.write_until_acknowledged()

    await asyncio.gather(*(client() for _ in range(writers)))


async def assert_written_once(load: Load, sql: asyncpg.Connection, *, exactly: bool) -> None:
    """Each acknowledged task is there once, with one event, at the seq that was answered, and the log has
    no gap. `exactly`: and nothing else is."""
    rows = await sql.fetch(_TASKS, f"{load.prefix}-%")
    titles = Counter(row["title"] for row in rows)
    assert set(load.acknowledged) <= set(titles), "an acknowledged write is lost"
    assert set(titles.values()) <= {1}, "a write was done twice"
    assert {row["events"] for row in rows} == {1}, "a write has not exactly one event"
    seqs = {row["title"]: row["seq"] for row in rows}
    assert {title: seqs[title] for title in load.acknowledged} == load.acknowledged
    if exactly:
        assert set(titles) == set(load.acknowledged)
    log = await sql.fetchrow(_LOG, load.person.workspace_id)
    assert log is not None
    assert log["first"] == 1
    assert log["events"] == log["last"] == log["counter"]


_TASKS = """
SELECT task.title, count(event.id) AS events, max(event.seq) AS seq
FROM tasks task LEFT JOIN events event ON event.entity_id = task.id AND event.type = 'task.created'
WHERE task.title LIKE $1
GROUP BY task.id"""
_LOG = """
SELECT min(event.seq) AS first, max(event.seq) AS last, count(*) AS events, counter.seq AS counter
FROM workspace_counters counter JOIN events event USING (workspace_id)
WHERE workspace_id = $1
GROUP BY counter.seq"""
