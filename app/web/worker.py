"""One worker process: loads the application, and tells its supervisor that it is well."""

import asyncio
import os
import signal
import socket
import time
from contextlib import suppress
from typing import cast

from uvicorn import Config
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


class Worker(Process):
    """`name` is what its metrics are kept under: of two that live at once each has its own."""

    started_at = 0.0
    restart_at: float | None = None
    """When one that ended soon after its start is to be replaced."""

    def __init__(self, config: Config, sockets: list[socket.socket], name: str) -> None:
        super().__init__(config, sockets)
        self.process.name = name

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
