"""One worker process: loads the application, and tells its supervisor that it is well."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

from uvicorn import Config, Server
from uvicorn.supervisors.multiprocess import Process

from app.infra.processes import die_with_parent


class WorkerConfig(Config):
    """uvicorn's configuration, which is loaded in the worker."""

    parent: int = 0
    loop_running: asyncio.AbstractEventLoop | None = None
    """The worker's, once the application is loaded; loading holds it up for long."""

    def load(self) -> None:
        die_with_parent(self.parent)
        # A terminal's Ctrl-C and hangup reach every process of its group; the parent decides.
        os.setpgid(0, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        super().load()
        self.loop_running = asyncio.get_running_loop()


class WorkerServer(Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves those, too, whom the kernel has let in and the event loop has not: they would be reset with
        the last process that listens, and no proxy sends a POST that is under way to another replica."""
        listeners = [listener.dup() for listener in sockets or ()]
        for server in self.servers:
            server.close()
        for listener in listeners:
            with listener:
                waiting = list(_waiting_at(listener))
            for connection in waiting:
                with suppress(OSError):  # gone again
                    await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        http = cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class)
        return http(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


class Worker(Process):
    """`name` is what its metrics are kept under: of two that live at once each has its own."""

    started_at = 0.0
    restart_at: float | None = None
    """When one that ended soon after its start is to be replaced."""

    def __init__(self, config: Config, sockets: list[socket.socket], name: str) -> None:
        super().__init__(config, sockets)
        self.process.name = name

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = WorkerServer(self.config)
        return self._server

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def running(self) -> bool:
        return self.process.pid is not None and self.process.is_alive()

    def start(self) -> None:
        super().start()
        self.started_at = time.monotonic()

    def pong(self) -> None:
        """Answers one ping, by the event loop. uvicorn's comes from a thread, also when the loop hangs."""
        self.child_conn.recv()
        loop = cast(WorkerConfig, self.config).loop_running
        if loop is None:
            self._answer()
        else:
            with suppress(RuntimeError):  # it has ended, and so does the process
                loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self.child_conn.send(self.server.started)


def _waiting_at(listener: socket.socket) -> Iterator[socket.socket]:
    listener.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            yield listener.accept()[0]
