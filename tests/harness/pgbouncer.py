"""The real PgBouncer, with the configuration that docs/deployment.md gives."""

import configparser
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from app.infra.embedded.children import choose_identity, log_tail, start_child
from tests.harness.own_postgres import USER, OwnPostgres
from tests.harness.processes import kill, stop
from tests.harness.stores import REPOSITORY

DATABASE = "taskflow"
_PORT = 6432


class PgBouncer:
    """In front of the database `taskflow` of `postgres`, with `pool_size` connections to it."""

    def __init__(self, folder: Path, postgres: OwnPostgres, *, pool_size: int) -> None:
        self._folder = postgres.hand_over(folder)
        self._log = folder / "pgbouncer.log"
        self._configure(postgres, pool_size)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        query = urlencode({"host": str(self._folder), "port": _PORT}, safe="/")
        return f"postgresql://{USER}@/{DATABASE}?{query}"

    def start(self) -> None:
        self._process = start_child(
            ["pgbouncer", self._folder / "pgbouncer.ini"],
            log=self._log,
            identity=choose_identity(),
            death_signal=signal.SIGTERM,
        )
        deadline = time.monotonic() + 10
        while not (self._folder / f".s.PGSQL.{_PORT}").exists():
            assert self._process.poll() is None, log_tail(self._log)
            assert time.monotonic() < deadline, log_tail(self._log)
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            kill(self._process)

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configure(self, postgres: OwnPostgres, pool_size: int) -> None:
        """The guide's file; only the place is another, and who may come in."""
        documented = configparser.ConfigParser()
        guide = (REPOSITORY / "docs/deployment.md").read_text()
        documented.read_string(re.findall(r"```ini\n(.*?)```", guide, re.DOTALL)[0])
        database = documented["databases"][DATABASE]
        database = database.replace("host=db", f"host={postgres.folder}")
        documented["databases"][DATABASE] = re.sub(r"pool_size=\d+", f"pool_size={pool_size}", database)
        users = self._folder / "userlist.txt"
        users.write_text(f'"{USER}" ""\n')
        own = {"auth_type": "trust", "auth_file": str(users), "unix_socket_dir": str(self._folder)}
        documented["pgbouncer"].update(own)
        del documented["pgbouncer"]["listen_addr"]
        with (self._folder / "pgbouncer.ini").open("w") as file:
            documented.write(file)
