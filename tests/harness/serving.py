"""An application of a test's own behind the protocol that the server runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from app.web.draining_protocol import DrainingProtocol


@asynccontextmanager
async def serving(
    app: Any, *, limit: int = 2**16, **settings: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to `app` by the protocol that the server runs."""
    plain: dict[str, Any] = {
        "log_config": None,
        "lifespan": "off",
        "server_header": False,
        "date_header": False,
    }
    config = Config(app, interface="asgi3", **plain, **settings)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: DrainingProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=limit)
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.transport.abort()
        server.close()
