"""Live changes as the npm package graphql-ws sees them."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.stores import REPOSITORY

CLIENTS = REPOSITORY / "tests" / "npm"

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        not (CLIENTS / "node_modules" / "graphql-ws").exists(), reason="needs `npm ci --prefix tests/npm`"
    ),
]


class NodeClient:
    """A subscription to taskCreated by graphql-ws."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self, patience: float = 15) -> dict[str, Any]:
        assert self._process.stdout is not None
        text = await asyncio.wait_for(self._process.stdout.readline(), patience)
        assert text, "the client ended"
        return dict(json.loads(text))

    async def title(self, patience: float = 15) -> str:
        """Of the next task; what is said of the connection is passed over."""
        while True:
            line = await self.line(patience)
            if "data" in line or "errors" in line:
                assert "errors" not in line, line
                return str(line["data"]["taskCreated"]["title"])

    async def until_active(self, person: Person) -> None:
        last = None
        for number in range(40):
            last = f"marker {number}"
            await person.task(last)
            try:
                received = await self.title(0.5)
            except TimeoutError:
                continue
            while received != last:
                received = await self.title()
            return
        raise AssertionError("the subscription never became active")


@asynccontextmanager
async def follow(server: Server, person: Person) -> AsyncIterator[NodeClient]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(CLIENTS / "follow.mjs"),
        server.websocket_url,
        person.token,
        person.project_id,
        stdout=subprocess.PIPE,
    )
    try:
        yield NodeClient(process)
    finally:
        process.kill()
        await process.wait()


async def test_graphql_ws_follows_what_another_process_writes(server: Server, person: Person) -> None:
    async with follow(server, person) as client:
        assert await client.line() == {"connected": True}
        await client.until_active(person)
        for number in range(20):
            await person.task(f"task {number}")
        assert [await client.title() for _ in range(20)] == [f"task {number}" for number in range(20)]


async def test_graphql_ws_connects_again_after_the_server_stopped(
    start_server: StartServer, api_of: Callable[[Server], Api], person: Person
) -> None:
    first = await start_server()
    async with follow(first, person) as client:
        await client.until_active(person)
        await asyncio.to_thread(first.stop)
        while (line := await client.line()) != {"closed": 1012}:
            assert "data" in line
        await start_server(port=first.port)
        await client.until_active(person)
