"""Everybody's subscription, and whether it received every event of its workspace, once and in order."""

from __future__ import annotations

import asyncio
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.load import documents
from bench.load.teams import Person
from tests.harness.server import Server
from tests.harness.sockets import PROTOCOL

_PATIENCE = 60.0
AT_ONCE = 50


class Follower:
    """One person's socket with one subscription: every other one follows new tasks, the rest changed ones."""

    def __init__(self, person: Person, connection: ClientConnection, created: bool, numbers: Numbers) -> None:
        self.person = person
        self.created = created
        self.received = array("I")
        """The number of each event's task, in order."""
        self.failure: str | None = None
        self._connection = connection
        self._numbers = numbers

    async def follow(self) -> None:
        """Until it is cancelled, or fails."""
        field = "taskCreated" if self.created else "taskUpdated"
        payload = {"query": f"subscription {{ {field} {{ id title version status {{ name }} }} }}"}
        await self._connection.send(
            orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode()
        )
        try:
            async for text in self._connection:
                self._take(orjson.loads(text), field)
            self.failure = f"the socket closed: {self._connection.close_code} {self._connection.close_reason}"
        except (ConnectionClosed, KeyError, TypeError) as error:
            self.failure = f"{type(error).__name__}: {error}"

    def _take(self, message: Any, field: str) -> None:
        if message["type"] == "next" and "errors" not in message["payload"]:
            self.received.append(self._numbers[message["payload"]["data"][field]["id"]])
        elif message["type"] != "pong":
            raise TypeError(message)


class Numbers(defaultdict[str, int]):
    """A number for each id: hundreds of followers keep millions of them."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


class Followers:
    def __init__(
        self, server: Server, database_url: str, followers: Sequence[Follower], numbers: Numbers
    ) -> None:
        self._server = server
        self._database_url = database_url
        self._all = followers
        self._numbers = numbers
        self._since: dict[str, int] = {}

    @property
    def received(self) -> int:
        """How many events all have received together."""
        return sum(len(follower.received) for follower in self._all)

    def __len__(self) -> int:
        return len(self._all)

    async def wait_active(self) -> None:
        """The protocol does not acknowledge subscriptions: changes tasks until everybody has heard of one."""
        teams = {follower.person.team.workspace_id: follower.person for follower in self._all}
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while waiting := [follower for follower in self._all if not follower.received]:
            self._raise_failures()
            if asyncio.get_running_loop().time() > deadline:
                raise SystemExit(f"{len(waiting)} subscriptions do not receive events.")
            for workspace_id in {follower.person.team.workspace_id for follower in waiting}:
                await self._change_a_task(teams[workspace_id])
            await asyncio.sleep(0.5)
        self._since = await self._seqs()

    async def check(self) -> None:
        """Raises SystemExit unless everybody has received what the log holds."""
        await self._wait_quiet()
        log = await self._read_log()
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        for follower in self._all:
            events = log[follower.person.team.workspace_id]
            expected = array("I", (number for seq, number, created in events if created == follower.created))
            least = sum(
                seq > self._since[follower.person.team.workspace_id]
                for seq, _, created in events
                if created == follower.created
            )
            while not ends_with(expected, follower.received, least):
                self._raise_failures()
                if asyncio.get_running_loop().time() > deadline:
                    raise SystemExit(_difference(expected, follower.received, least))
                await asyncio.sleep(0.1)
        self._raise_failures()

    async def _wait_quiet(self) -> None:
        """Writes whose client has gone are finished."""
        before: dict[str, int] = {}
        while (now := await self._seqs()) != before:
            before = now
            await asyncio.sleep(1)

    async def _change_a_task(self, person: Person) -> None:
        async with httpx.AsyncClient(headers=documents.headers(person), timeout=30) as client:
            for body in documents.markers(person):
                response = await client.post(f"{self._server.url}/graphql", content=body)
                if '"userErrors":[]' not in response.text:
                    raise SystemExit(f"A first change failed: {response.text}")

    async def _seqs(self) -> dict[str, int]:
        connection = await asyncpg.connect(self._database_url)
        try:
            rows = await connection.fetch("SELECT workspace_id, seq FROM workspace_counters")
        finally:
            await connection.close()
        return {str(row["workspace_id"]): row["seq"] for row in rows}

    async def _read_log(self) -> dict[str, list[tuple[int, int, bool]]]:
        """Of each workspace: seq, the task's number, and whether it was created, in the order of seq."""
        log: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
        connection = await asyncpg.connect(self._database_url)
        try:
            for team in {
                follower.person.team.workspace_id: follower.person.team for follower in self._all
            }.values():
                for row in await connection.fetch(_EVENTS, team.workspace_id, team.seq):
                    entry = (row["seq"], self._numbers[str(row["entity_id"])], row["type"] == "task.created")
                    log[team.workspace_id].append(entry)
        finally:
            await connection.close()
        return log

    def _raise_failures(self) -> None:
        if failures := [follower.failure for follower in self._all if follower.failure]:
            raise SystemExit(f"{len(failures)} subscriptions failed, the first with: {failures[0]}")


@asynccontextmanager
async def following(server: Server, people: Sequence[Person]) -> AsyncIterator[Followers]:
    """Subscribes everybody; all are active when the block begins."""
    numbers = Numbers()
    async with AsyncExitStack() as stack:
        sockets = await open_sockets(server, people, stack)
        all_ = [
            Follower(person, socket, number % 2 == 0, numbers)
            for number, (person, socket) in enumerate(zip(people, sockets, strict=True))
        ]
        tasks = [asyncio.create_task(follower.follow()) for follower in all_]
        try:
            followers = Followers(server, server.database_url, all_, numbers)
            await followers.wait_active()
            yield followers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def open_sockets(
    server: Server, people: Sequence[Person], stack: AsyncExitStack
) -> list[ClientConnection]:
    """One acknowledged socket each, closed with `stack`."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def open_one(person: Person) -> ClientConnection:
        async with gate:
            connection = await connect(
                server.websocket_url, subprotocols=[PROTOCOL], open_timeout=_PATIENCE, ping_interval=None
            )
            stack.push_async_callback(connection.close)
            payload = {"authorization": f"Bearer {person.token}"}
            await connection.send(orjson.dumps({"type": "connection_init", "payload": payload}).decode())
            answer = orjson.loads(await asyncio.wait_for(connection.recv(), _PATIENCE))
            if answer["type"] != "connection_ack":
                raise SystemExit(f"A socket was refused: {answer}")
            return connection

    return await asyncio.gather(*map(open_one, people))


def ends_with(expected: array[int], received: array[int], least: int) -> bool:
    start = len(expected) - len(received)
    return start >= 0 and len(received) >= least and expected[start:] == received


def _difference(expected: array[int], received: array[int], least: int) -> str:
    return (
        f"A subscription received {len(received)} events, which are not the last of the {len(expected)} "
        f"in the log; {least} of those came after it was known to be active."
    )


_EVENTS = """
SELECT seq, type, entity_id FROM events
WHERE workspace_id = $1 AND seq > $2 AND entity_type = 'task' ORDER BY seq
"""
