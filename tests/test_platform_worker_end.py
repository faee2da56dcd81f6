"""How a worker's server ends."""

import asyncio
import socket

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn import Config

from app.web.draining_protocol import DrainingProtocol
from app.web.supervisor import bind
from app.web.worker import WorkerServer
from tests.harness.server import free_port

OK = b"HTTP/1.1 200 OK"
REQUEST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (WorkerServer, OK),
        # What it is for: as long as this stands, uvicorn's own loses them.
        (uvicorn.Server, b""),
    ],
)
async def test_whom_the_kernel_has_let_in(kind: type[uvicorn.Server], answer: bytes) -> None:
    config = Config(PlainTextResponse("served"), http=DrainingProtocol, lifespan="off", log_config=None)
    config.load()
    port = free_port()
    listener = bind("127.0.0.1", port)
    server = kind(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([listener])
    # Without an await, so that the event loop does not hear of it before it hears of the end.
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(REQUEST)
    await server.shutdown([listener])
    assert (await asyncio.to_thread(_received, client))[: len(OK)] == answer
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def _received(client: socket.socket) -> bytes:
    client.settimeout(10)
    with client:
        try:
            return client.recv(1_000)
        except ConnectionResetError:
            return b""
