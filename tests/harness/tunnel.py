"""The stores by TCP, for a process that cannot see their unix sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from app.config.database_address import parse_database_url


@asynccontextmanager
async def database_by_tcp(url: str) -> AsyncIterator[str]:
    """The URL at which the database of `url` is reached by TCP."""
    address = parse_database_url(url, user="postgres", password=None, database="postgres")
    if not address.is_socket:
        yield url
        return
    async with _tunnel(f"{address.host}/.s.PGSQL.{address.port}") as port:
        yield replace(address, host="127.0.0.1", port=port).url()


@asynccontextmanager
async def redis_by_tcp(url: str) -> AsyncIterator[str]:
    """The URL at which the Redis of `url` is reached by TCP."""
    if not url.startswith("unix://"):
        yield url
        return
    path, _, database = url.removeprefix("unix://").partition("?db=")
    async with _tunnel(path) as port:
        yield f"redis://127.0.0.1:{port}/{database or 0}"


@asynccontextmanager
async def _tunnel(path: str) -> AsyncIterator[int]:
    """Yields the port that leads to the unix socket at `path`."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
