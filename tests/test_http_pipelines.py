"""Requests that are sent before the answer to the one before has come."""

import asyncio
import socket
import struct

from tests.harness.client import Api
from tests.harness.server import Server

BODY = b'{"query":"{__typename}"}'
ONE = (
    b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


async def test_clients_that_break_off_leave_no_traceback(server: Server, api: Api) -> None:
    before = len(server.output())
    for _ in range(30):
        connection = socket.create_connection(("127.0.0.1", server.port))
        # Closed with a reset, whatever has not been sent or read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(ONE * 30)
        await asyncio.sleep(0.004)
        connection.close()
    assert (await api.run("{ __typename }")).data
    assert "Traceback" not in server.output()[before:]
