import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from app.infra.embedded.binaries import Binary
from app.infra.embedded.children import end_leftover, log_tail, start_child, stop_child
from app.infra.embedded.errors import EmbeddedError

SOCKET_NAME = "redis.sock"

_START_SECONDS = 60.0
_STOP_STEPS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))


class EmbeddedRedis:
    """One `redis-server` on a unix socket in `socket_dir`, run from the program `binary`."""

    def __init__(self, binary: Binary, data_dir: Path, socket_dir: Path) -> None:
        self._binary = binary
        self._data_dir = data_dir
        self._log = data_dir / "redis.log"
        self._socket = socket_dir / SOCKET_NAME
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Returns when the server answers. Raises EmbeddedError when it does not start."""
        self._wait_until_ready(self._spawn())

    def revive(self) -> bool:
        """Starts the server again, without waiting for it, when it has ended by itself; whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        self._spawn()
        return True

    def stop(self) -> None:
        if self._process is not None:
            stop_child(self._process, _STOP_STEPS)
            self._process = None

    def _spawn(self) -> subprocess.Popen[bytes]:
        # A folder for each major version: an older one does not read what a newer one wrote.
        folder = self._data_dir / f"redis-{self._binary.major}"
        folder.mkdir(mode=0o700, exist_ok=True)
        pid_file = folder / "redis.pid"
        _end_leftover(pid_file)
        self._socket.unlink(missing_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "pidfile": str(pid_file),
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._process = start_child([self._binary.path, *options], log=self._log, death_signal=signal.SIGTERM)
        return self._process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self._socket):
            if process.poll() is not None:
                raise EmbeddedError(f"Redis did not start. {self._log} ends with:\n{log_tail(self._log)}")
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(f"Redis was not ready within {_START_SECONDS:.0f} s; see {self._log}")
            time.sleep(0.02)


def _end_leftover(pid_file: Path) -> None:
    """Ends the server of a parent that was killed a moment ago: its last act is to remove the socket."""
    with contextlib.suppress(OSError, ValueError):
        end_leftover(int(pid_file.read_text()), pid_file.parent, signal.SIGTERM)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
