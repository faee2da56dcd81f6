"""A PostgreSQL of production's version that one test may stop, kill and start again."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from app.infra.embedded.children import choose_identity, hand_over, log_tail, run_to_end, start_child
from tests.harness.requirements import POSTGRESQL_15
from tests.harness.taskflow import descendants, eventually, living

USER = "taskflow"
_START_SECONDS = 60


class OwnPostgres:
    """On a unix socket in `folder`, whose path must be short; `settings` are postgresql.conf's."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._identity = choose_identity()
        self._settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "max_connections": "200",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._initialise()
        self.start()

    def url(self, database: str = "postgres") -> str:
        query = urlencode({"host": str(self.folder)}, safe="/")
        return f"postgresql://{USER}@/{database}?{query}"

    def start(self) -> None:
        """Returns when it takes connections, which after a kill is when it has recovered."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._process = start_child(
            [POSTGRESQL_15 / "postgres", "-D", self._data, *options],
            log=self._log,
            identity=self._identity,
            death_signal=signal.SIGINT,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._takes_connections():
            assert self._process.poll() is None, log_tail(self._log)
            assert time.monotonic() < deadline, log_tail(self._log)
            time.sleep(0.02)

    def stop(self) -> None:
        """The fast shutdown, as `docker stop` and systemd do it: who is connected is cut off."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)

    def kill(self) -> None:
        """kill -9 for the server and all its processes at once, as when the machine dies."""
        if self._process is None:
            return
        pids = self._signal_all(signal.SIGKILL)
        self._process.wait(_START_SECONDS)
        eventually(lambda: not living(pids))

    def freeze(self) -> None:
        """The server and all its processes stand still: connections stay, and nothing is answered."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def hand_over(self, folder: Path) -> Path:
        """Gives a folder to the user that the server runs as."""
        hand_over(folder, self._identity)
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _initialise(self) -> None:
        self._data.mkdir(mode=0o700)
        self.hand_over(self.folder)
        options = ["-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        run_to_end([POSTGRESQL_15 / "initdb", "-D", self._data, *options], identity=self._identity)

    def _signal_all(self, number: signal.Signals) -> list[int]:
        """Returns their ids."""
        assert self._process is not None
        pids = [self._process.pid, *descendants(self._process.pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return pids

    def _takes_connections(self) -> bool:
        asked = subprocess.run([POSTGRESQL_15 / "pg_isready", "-q", "-h", self.folder], check=False)
        return asked.returncode == 0
