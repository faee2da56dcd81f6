"""A server in place of TaskFlow, for what a test wants a replica to do and TaskFlow does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Upstream:
    """`requests` holds the head of each request that arrived, `bodies` their bodies."""

    reply: Reply
    requests: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answering: set[asyncio.Task[None]] = field(default_factory=set)

    def header(self, name: str, number: int = -1) -> str | None:
        """A header of one request, by its name in lower case."""
        lines = (line.partition(": ") for line in self.requests[number].splitlines()[1:])
        return {key.lower(): value for key, _, value in lines}.get(name)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.answering.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.requests.append(head)
            length = int(self.header("content-length") or 0)
            self.bodies.append(await reader.readexactly(length))
            await self.reply(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            self.answering.discard(task)


@asynccontextmanager
async def upstream(address: str, port: int, reply: Reply) -> AsyncIterator[Upstream]:
    """Serves on `address`; `reply` writes to the connection, which then closes."""
    served = Upstream(reply)
    async with await asyncio.start_server(served.answer, address, port):
        yield served
        await asyncio.gather(*served.answering)


def respond(status: str, body: str, content_type: str = "application/json") -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()

    return reply


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """As a process that is killed while it works on the request."""
    writer.transport.abort()
