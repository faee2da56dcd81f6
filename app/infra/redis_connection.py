"""One connection to Redis: commands leave in pieces, replies come in the order of the commands."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from app.infra.resp import Replies, Reply


class Connection(asyncio.Protocol):
    """Opened by redis-py, which knows the URLs, TLS and AUTH; carried on without it, whose way of reading
    takes several times the processor time of a call."""

    def __init__(self, on_reply: Callable[[Reply], None], on_disconnect: Callable[[Exception], None]) -> None:
        self._on_reply = on_reply
        self._on_disconnect = on_disconnect
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None
        self._opened: AbstractConnection | None = None

    @classmethod
    async def open(
        cls, url: str, on_reply: Callable[[Reply], None], on_disconnect: Callable[[Exception], None]
    ) -> "Connection":
        """`on_disconnect` is called when the server ends it. Raises what redis-py does, and OSError."""
        self = cls(on_reply, on_disconnect)
        self._opened = _connection(url)  # kept: its streams close the transport when they are forgotten
        await self._opened.connect()
        self._transport = cast(asyncio.Transport, cast(Any, self._opened)._writer.transport)
        self._transport.set_protocol(self)
        return self

    @staticmethod
    async def probe(url: str) -> None:
        """Whether the server answers. Raises like `open`."""
        connection = _connection(url)
        try:
            await connection.connect()
            await connection.send_command("PING")
            await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)

    def send(self, commands: bytes) -> None:
        if self._transport is not None:
            self._transport.write(commands)

    def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for reply in self._replies.feed(data):
                if self._transport is None:
                    return
                self._on_reply(reply)
        except (ValueError, IndexError) as error:  # no reply, or a reply to nothing
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionResetError("Redis has closed the connection"))

    def _end(self, error: Exception) -> None:
        if self._transport is not None:  # not by `close`
            self.close()
            self._on_disconnect(error)


def _connection(url: str) -> AbstractConnection:
    pool = ConnectionPool.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    return cast(AbstractConnection, pool.make_connection())
