"""Runs the worker processes: replaces the dead, reloads on SIGHUP, stops in order."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from multiprocessing import connection
from pathlib import Path

from prometheus_client import multiprocess
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess

from app.config import Settings
from app.infra.metrics import worker_restarts
from app.web.draining_protocol import DrainingProtocol
from app.web.websocket_protocol import BoundedWebSocket
from app.web.worker import Worker, WorkerConfig

APP_FACTORY = "app.main:create_app"

_BACKLOG = 2048
_WEBSOCKET_MESSAGE_BYTES = 1024 * 1024
# Long enough for a worker to be imported on a busy machine; one that hangs is replaced after it.
_HEALTH_CHECK_SECONDS = 30
_WAIT_SECONDS = 0.2
# Beyond SHUTDOWN_TIMEOUT, for what is closed in order; a worker that takes longer hangs.
_END_SECONDS = 8
# One that lives for less has crashed at its start, as the next one may: the pause leaves the machine to the
# others.
_SETTLED_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 30

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


class Supervisor(Multiprocess):
    processes: list[Worker]  # type: ignore[assignment]  # all of them are

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
        self._retired: list[Worker] = []
        self._names: set[str] = set()
        self._pause = 0
        self._was_ready = False
        self._had_terminal = _has_terminal()

    def init_processes(self) -> None:
        for _ in range(self.processes_num):
            self.processes.append(self._start_worker())

    def terminate_all(self) -> None:
        # Held open here, the address would take connections that no worker accepts any more: they would hang
        # until this process ends, and then be lost. One that is refused goes to another replica at once.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        self._wait_for_end([*self.processes, *self._retired])

    def restart_all(self) -> None:
        """Replaces each worker, the new one first, until it is to stop."""
        for index, old in enumerate(self.processes):
            new = self._start_worker()
            if not self._becomes_ready(new):
                new.kill()
                new.join()
                self._forget_gauges(new.name)
                if not self._is_to_stop():
                    _logger.error("The new worker %s does not serve, %s goes on.", new.pid, old.pid)
                return
            self.processes[index] = new
            old.terminate()
            self._retired = [*(worker for worker in self._retired if worker.running), old]
            self._wait_for_end(self._retired, unless=self._is_to_stop)

    def keep_subprocess_alive(self) -> None:
        if self.should_exit.is_set():
            return
        for index, process in enumerate(self.processes):
            if process.restart_at is None:
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
                process.restart_at = time.monotonic() + self._pause_after(process)
            if process.restart_at <= time.monotonic():
                self.processes[index] = self._start_worker()
                self._restarts.inc()
        self._forget_dead_workers()
        self._on_tick()

    def handle_ttin(self) -> None:
        self.processes_num += 1
        self.processes.append(self._start_worker())

    def handle_hup(self) -> None:
        if self._had_terminal and not _has_terminal():
            _logger.info("The terminal is gone, stopping.")
            self.should_exit.set()
        else:
            super().handle_hup()

    def _start_worker(self) -> Worker:
        """Under the first name that is free. Who bears a name counts on from where its last bearer ended, so
        that there are no more files of metrics than there were workers at once."""
        taken = {worker.name for worker in (*self.processes, *self._retired) if worker.running}
        name = next(name for number in count(1) if (name := f"worker-{number}") not in taken)
        self._forget_gauges(name)
        worker = Worker(self.config, self.sockets, name)
        worker.start()
        return worker

    def _is_well(self, process: Worker) -> bool:
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

    def _becomes_ready(self, worker: Worker) -> bool:
        """Whether it serves in time, and this process is not to stop meanwhile."""
        deadline = time.monotonic() + self.config.timeout_worker_healthcheck
        while time.monotonic() < deadline and worker.running and not self._is_to_stop():
            if worker.is_ready(timeout=1):
                return True
            time.sleep(_WAIT_SECONDS / 2)
        return False

    def _is_to_stop(self) -> bool:
        return signal.SIGTERM in self.signal_queue or signal.SIGINT in self.signal_queue

    def _wait_for_end(self, workers: Sequence[Worker], unless: Callable[[], bool] = lambda: False) -> None:
        """Of workers that were told to end; kills those that do not in time, as one that hangs would not."""
        deadline = time.monotonic() + (self.config.timeout_graceful_shutdown or 0) + _END_SECONDS
        while (left := [worker for worker in workers if worker.running]) and not unless():
            if time.monotonic() > deadline:
                for worker in left:
                    _logger.error("The worker %s does not end, killing it.", worker.pid)
                    worker.kill()
                    worker.join()
                return
            connection.wait([worker.process.sentinel for worker in left], _WAIT_SECONDS)

    def _cannot_start(self, process: Worker) -> bool:
        """Whether it ended by itself when no worker has served yet: the next one would, too."""
        return not self._was_ready and process.exitcode is not None and process.exitcode > 0

    def _pause_after(self, ended: Worker) -> int:
        """Seconds until it is replaced: twice as many with each that ends soon after its start."""
        settled = time.monotonic() - ended.started_at > _SETTLED_SECONDS
        self._pause = 0 if settled else min(2 * self._pause or 1, _LONGEST_PAUSE_SECONDS)
        when = f"in {self._pause} s" if self._pause else "now"
        _logger.error("The worker %s ended with %s, replacing it %s.", ended.pid, ended.exitcode, when)
        return self._pause

    def _forget_dead_workers(self) -> None:
        """Removes the gauges of workers that have ended, which would count for ever."""
        names = {worker.name for worker in self.processes if worker.running}
        for name in self._names - names:
            self._forget_gauges(name)
        self._names = names

    def _forget_gauges(self, name: str) -> None:
        multiprocess.mark_process_dead(name, str(self._metrics_folder))


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
        proxy_headers=bool(settings.trusted_proxies),
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
