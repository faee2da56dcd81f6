from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from app.infra.embedded import postgres, redis_server
from app.infra.embedded.binaries import find_redis_server
from app.infra.embedded.errors import EmbeddedError
from app.infra.embedded.lock import FolderLock, Owner
from app.infra.embedded.postgres import EmbeddedPostgres
from app.infra.embedded.redis_server import EmbeddedRedis
from app.infra.embedded.socket_folder import make_socket_folder, remove_socket_folder

_OWN_FILES = ("postgres", "postgres.new", "postgres.log", "redis-*", "redis.log", "run", "jwt-secret")


class EmbeddedServers:
    """
    PostgreSQL and Redis with their data in one folder. Start them from the main thread: they end with the
    thread that started them, in whatever way it ends.

        with EmbeddedServers(Path(".taskflow")) as servers:
            connect(servers.database_url, servers.redis_url)
    """

    def __init__(self, data_dir: Path, *, with_postgres: bool = True, with_redis: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self._with_postgres = with_postgres
        self._with_redis = with_redis
        self._lock = FolderLock(self.data_dir / "lock")
        self._owner = Owner(pid=os.getpid(), data_dir=str(self.data_dir))
        self._postgres: EmbeddedPostgres | None = None
        self._redis: EmbeddedRedis | None = None
        self._socket_dir: Path | None = None

    @property
    def database_url(self) -> str:
        """Raises RuntimeError before `start` and without PostgreSQL."""
        if self._postgres is None:
            raise RuntimeError("the embedded PostgreSQL has not been started")
        return self._postgres.url

    @property
    def redis_url(self) -> str | None:
        """None when no redis-server is found."""
        return self._redis.url if self._redis is not None else None

    @property
    def pids(self) -> list[int]:
        servers = (self._postgres, self._redis)
        return [server.pid for server in servers if server is not None and server.pid is not None]

    def running_elsewhere(self) -> Owner | None:
        """The process that has started servers in this folder; waits for it while it starts them."""
        return self._lock.wait_for_owner() if not self._lock.held else None

    def lock(self, address: str | None = None) -> None:
        """
        Takes the data folder for this process, before `start` or with it; `address` is where it serves.

        Raises AlreadyRunning, EmbeddedError.
        """
        if self._lock.held:
            return
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._owner = replace(self._owner, address=address)
            self._lock.acquire(self._owner)
        except OSError as error:
            raise EmbeddedError(
                f"The data folder {self.data_dir} cannot be used: {error.strerror}."
            ) from error

    def start(self) -> None:
        """
        Returns when the servers answer; about one second the first time.

        Raises AlreadyRunning when another process uses the folder, EmbeddedError when a server fails.
        """
        self.lock()
        try:
            self._start()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError | ValueError):
                raise EmbeddedError(f"The embedded servers cannot start: {error}") from error
            raise

    def revive(self) -> list[str]:
        """Starts servers again that have ended by themselves, without waiting for them; their names."""
        servers = {"PostgreSQL": self._postgres, "Redis": self._redis}
        return [name for name, server in servers.items() if server is not None and server.revive()]

    def stop(self) -> None:
        """Stops the servers in order; the data stays."""
        for server in (self._redis, self._postgres):
            if server is not None:
                server.stop()
        self._redis = self._postgres = None
        if self._socket_dir is not None:
            remove_socket_folder(self._socket_dir, self.data_dir)
            self._socket_dir = None
        self._lock.release()

    def delete(self) -> None:
        """
        Deletes the servers' data, and nothing that is not theirs.

        Raises AlreadyRunning while another process uses it.
        """
        if not self.data_dir.is_dir():
            return
        self.lock()
        for path in (found for pattern in _OWN_FILES for found in self.data_dir.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.stop()

    def __enter__(self) -> EmbeddedServers:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        longest_name = max(postgres.SOCKET_NAME, redis_server.SOCKET_NAME, key=len)
        self._socket_dir = make_socket_folder(self.data_dir, longest_name)
        redis_binary = find_redis_server() if self._with_redis else None
        if redis_binary is not None:
            self._redis = EmbeddedRedis(redis_binary, self.data_dir, self._socket_dir)
            self._redis.start()
        if self._with_postgres:
            self._postgres = EmbeddedPostgres(self.data_dir, self._socket_dir)
            self._postgres.start()
        self._owner = replace(
            self._owner,
            database_url=self._postgres.url if self._postgres else None,
            redis_url=self.redis_url,
            ready=True,
        )
        self._lock.write(self._owner)
