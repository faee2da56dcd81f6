"""What the tests of live changes share."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.sockets import Socket, Subscription, open_socket

Json = dict[str, Any]

CREATED = "subscription ($projectId: ID) { taskCreated(projectId: $projectId) { id title version } }"
UPDATED = """
subscription ($projectId: ID, $taskId: ID) {
  taskUpdated(projectId: $projectId, taskId: $taskId) { id title version status { name } }
}"""
MARKER = "marker"


@asynccontextmanager
async def socket_of(server: Server, person: Person) -> AsyncIterator[Socket]:
    """A socket of the person on this server."""
    async with open_socket(server.websocket_url, token=person.token) as socket:
        yield socket


async def follow(
    socket: Socket, person: Person, project_id: str, *, everywhere: bool = False
) -> Subscription:
    """A taskCreated subscription that is known to be active: the protocol itself does not tell.

    `person` creates tasks in the project until the subscription receives one.
    """
    subscription = await socket.subscribe(CREATED, {} if everywhere else {"projectId": project_id})
    for _ in range(40):
        sent = await person.task(MARKER, project_id)
        try:
            received = (await subscription.data(0.5))["taskCreated"]
        except TimeoutError:
            continue
        if received["id"] != sent["id"]:
            await drain(subscription, sent["id"])
        return subscription
    raise AssertionError("the subscription never became active")


async def drain(subscription: Subscription, task_id: str) -> None:
    """Receives up to and with this task's creation."""
    while (await subscription.data())["taskCreated"]["id"] != task_id:
        pass


async def until(condition: Callable[[], bool | Awaitable[bool]], patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result if isinstance(result, bool) else await result:
            return
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)
