"""graphql-transport-ws, as its protocol text says: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Json = dict[str, Any]
PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE = 10.0


class SubscriptionClosed(Exception):
    """The server completed the subscription, or the socket closed."""


class Subscription:
    """One subscription: `await next()` for its answers in order."""

    def __init__(self, socket: "Socket", id: str) -> None:
        self._socket = socket
        self.id = id
        self.messages: asyncio.Queue[Json] = asyncio.Queue()

    async def next(self, patience: float = PATIENCE) -> Json:
        """The next answer as `{"data": …, "errors": …}`.

        Raises TimeoutError, or SubscriptionClosed with the last message's payload.
        """
        message = await asyncio.wait_for(self.messages.get(), patience)
        if message["type"] == "next":
            return dict(message["payload"])
        raise SubscriptionClosed(message)

    async def data(self, patience: float = PATIENCE) -> Json:
        """The data of the next answer, which must have no errors."""
        payload = await self.next(patience)
        assert not payload.get("errors"), payload
        return dict(payload["data"])

    async def nothing(self, seconds: float = 0.5) -> None:
        """Raises AssertionError when an answer comes within `seconds`."""
        with suppress(TimeoutError):
            raise AssertionError(await self.next(seconds))

    async def stop(self) -> None:
        await self._socket.send({"id": self.id, "type": "complete"})


class Socket:
    """A WebSocket after `connection_ack`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._subscriptions: dict[str, Subscription] = {}
        self._numbers = itertools.count(1)
        self._reader = asyncio.create_task(self._read())

    async def subscribe(
        self, document: str, variables: Mapping[str, object] | None = None, *, settle: float = 0.0
    ) -> Subscription:
        """Starts a subscription. The protocol has no answer to that; `settle` waits so many seconds."""
        subscription = Subscription(self, str(next(self._numbers)))
        self._subscriptions[subscription.id] = subscription
        payload = {"query": document, "variables": dict(variables or {})}
        await self.send({"id": subscription.id, "type": "subscribe", "payload": payload})
        await asyncio.sleep(settle)
        return subscription

    async def send(self, message: Json) -> None:
        await self.connection.send(json.dumps(message))

    async def close(self) -> None:
        self._reader.cancel()
        await self.connection.close()

    async def _read(self) -> None:
        closed: Json = {"type": "closed"}
        try:
            async for text in self.connection:
                message = json.loads(text)
                if message["type"] == "ping":
                    await self.send({"type": "pong"})
                elif message.get("id") in self._subscriptions:
                    self._subscriptions[message["id"]].messages.put_nowait(message)
        except ConnectionClosed:
            pass
        closed["code"] = self.connection.close_code
        closed["reason"] = self.connection.close_reason
        for subscription in self._subscriptions.values():
            subscription.messages.put_nowait(closed)


@asynccontextmanager
async def open_socket(url: str, *, token: str | None = None) -> AsyncIterator[Socket]:
    """Connects, authenticates by `connection_init` and waits for the acknowledgement."""
    async with connect(url, subprotocols=[PROTOCOL]) as connection:
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        answer = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))
        assert answer["type"] == "connection_ack", answer
        socket = Socket(connection)
        try:
            yield socket
        finally:
            await socket.close()
