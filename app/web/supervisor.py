"""Runs the worker processes: replaces the dead, reloads on SIGHUP, stops in order."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from pathlib import Path

from prometheus_client import multiprocess
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from app.config import Settings
from app.infra.metrics import worker_restarts
from app.infra.processes import die_with_parent
from app.web.http_protocol import DrainingProtocol
from app.web.websocket_protocol import BoundedWebSocket

APP_FACTORY = "app.main:create_app"

_BACKLOG = 2048
_WEBSOCKET_MESSAGE_BYTES = 1024 * 1024
# Long enough for a worker to be imported on a busy machine; one that hangs is replaced after it.
_HEALTH_CHECK_SECONDS = 30
_WAIT_SECONDS = 0.2

_logger = logging.getLogger("taskflow.supervisor")


class PortUnavailable(Exception):
    """The address cannot be listened on; the message says what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket that every worker shares. Raises PortUnavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortUnavailable(
            f"Cannot listen on {host} port {port}: {error.strerror}. Stop what uses it, or choose another "
            f"with APP_PORT, for example APP_PORT={port + 1 if port < 65535 else port - 1}."
        ) from error
    listener.set_inheritable(True)
    return listener


def serve(settings: Settings, listener: socket.socket, *, on_tick: Callable[[], None] = lambda: None) -> int:
    """
    Serves with `settings.workers` processes until a signal ends it; `on_tick` is called about twice a second.

    Returns the exit code: 0 after a signal, 3 when a worker could not start.
    """
    with _metrics_folder() as folder:
        supervisor = Supervisor(_worker_config(settings), [listener], metrics_folder=folder, on_tick=on_tick)
        supervisor.run()
    return STARTUP_FAILURE if supervisor.worker_failed else 0


class WorkerConfig(Config):
    """uvicorn's configuration, which is loaded in the worker."""

    parent: int = 0

    def load(self) -> None:
        die_with_parent(self.parent)
        # A terminal's Ctrl-C and hangup reach every process of its group; the parent decides.
        os.setpgid(0, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        super().load()


class Supervisor(Multiprocess):
    def __init__(
        self,
        config: Config,
        sockets: list[socket.socket],
        *,
        metrics_folder: Path,
        on_tick: Callable[[], None],
    ) -> None:
        super().__init__(config, sockets)
        self.worker_failed = False
        self._metrics_folder = metrics_folder
        self._restarts = worker_restarts()
        self._on_tick = on_tick
        self._worker_pids: set[int] = set()
        self._was_ready = False
        self._had_terminal = _has_terminal()

    def terminate_all(self) -> None:
        # Held open here, the address would take connections that no worker accepts any more: they would hang
        # until this process ends, and then be lost. One that is refused goes to another replica at once.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        for index, process in enumerate(self.processes):
            if self._is_well(process):
                continue
            if self.signal_queue:
                # Whoever sent it may have sent it to the workers too, which may be faster.
                return
            process.kill()
            process.join()
            if self._cannot_start(process):
                _logger.error("The worker %s could not start, stopping.", process.pid)
                self.worker_failed = True
                self.should_exit.set()
                return
            _logger.error("The worker %s ended with %s, replacing it.", process.pid, process.exitcode)
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()
            self._restarts.inc()
        self._forget_dead_workers()
        self._on_tick()

    def handle_hup(self) -> None:
        if self._had_terminal and not _has_terminal():
            _logger.info("The terminal is gone, stopping.")
            self.should_exit.set()
        else:
            super().handle_hup()

    def _is_well(self, process: Process) -> bool:
        """Whether it answers a ping. Unlike uvicorn's own check it notices at once that it has ended."""
        try:
            process.parent_conn.send(b"ping")
        except OSError:
            return False
        deadline = time.monotonic() + self.config.timeout_worker_healthcheck
        while time.monotonic() < deadline:
            events = connection.wait([process.parent_conn, process.process.sentinel], _WAIT_SECONDS)
            if process.process.sentinel in events:
                return False
            if events:
                self._was_ready |= process.parent_conn.recv()
                return True
            if self.signal_queue:
                return True
        return False

    def _cannot_start(self, process: Process) -> bool:
        """Whether it ended by itself when no worker has served yet: the next one would, too."""
        return not self._was_ready and process.exitcode is not None and process.exitcode > 0

    def _forget_dead_workers(self) -> None:
        """Removes the gauges of workers that have ended, which would count for ever."""
        pids = {process.pid for process in self.processes if process.pid is not None}
        for pid in self._worker_pids - pids:
            multiprocess.mark_process_dead(pid, str(self._metrics_folder))
        self._worker_pids = pids


def _worker_config(settings: Settings) -> WorkerConfig:
    config = WorkerConfig(
        APP_FACTORY,
        factory=True,
        host=settings.app_host,
        port=settings.app_port,
        workers=settings.workers,
        loop="uvloop",
        http=DrainingProtocol,
        ws=BoundedWebSocket,
        ws_max_size=_WEBSOCKET_MESSAGE_BYTES,
        # Its compressors would more than double what an idle socket costs, for messages this small.
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        # Never "*": that believes the leftmost X-Forwarded-For, which the client writes.
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=settings.shutdown_timeout,
        timeout_worker_healthcheck=_HEALTH_CHECK_SECONDS,
    )
    config.parent = os.getpid()
    return config


@contextlib.contextmanager
def _metrics_folder() -> Iterator[Path]:
    """The emptied folder in which workers share their metrics: PROMETHEUS_MULTIPROC_DIR, else a new one."""
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    folder = Path(given) if given else Path(tempfile.mkdtemp(prefix="taskflow-metrics-"))
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.db"):
        leftover.unlink(missing_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    try:
        yield folder
    finally:
        if not given:
            shutil.rmtree(folder, ignore_errors=True)
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
