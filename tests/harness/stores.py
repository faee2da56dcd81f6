"""The PostgreSQL and the Redis that a test run uses, and the databases it makes in them."""

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import redis

from app.infra.embedded import EmbeddedServers

REPOSITORY = Path(__file__).resolve().parents[2]
# Redis has 16 logical databases by default; 0 stays free for whoever else uses a server that was given.
LOGICAL_DATABASES = range(1, 16)
Result = TypeVar("Result")


class Stores:
    """Real stores: those of TEST_DATABASE_URL and TEST_REDIS_URL, else embedded ones in a temporary folder.

    `database_url` must name a role that may create databases. Test processes side by side use the same
    stores: each is given their URLs, and which `number` it is `of` how many.
    """

    def __init__(
        self, database_url: str | None = None, redis_url: str | None = None, number: int = 0, of: int = 1
    ) -> None:
        self._folder: Path | None = None
        self._embedded: EmbeddedServers | None = None
        self._template: str | None = None
        self._databases: list[str] = []
        self._logical = itertools.cycle(LOGICAL_DATABASES[number::of])
        self._run = f"taskflow_test_{uuid4().hex[:8]}"
        self.database_url = database_url or os.environ.get("TEST_DATABASE_URL", "")
        self.redis_url: str | None = redis_url or os.environ.get("TEST_REDIS_URL")
        if not (self.database_url and self.redis_url):
            self._start_embedded()
        self.postgresql_version = _run(_postgresql_version(self.database_url))
        self.redis_version = _redis_version(self.redis_url) if self.redis_url else None

    def describe(self) -> str:
        source = "embedded" if self._embedded else "given"
        redis_text = f"Redis {self.redis_version}" if self.redis_version else "no Redis"
        return f"stores ({source}): PostgreSQL {self.postgresql_version}, {redis_text}"

    async def new_database(self, *, empty: bool = False) -> str:
        """Makes a database, migrated unless `empty`, and returns its URL."""
        return await self._copy("template0" if empty else await asyncio.to_thread(self._migrated_template))

    async def copy_of(self, url: str) -> str:
        """Makes a database that holds what another does, to which nobody is connected. Returns its URL."""
        return await self._copy(urlsplit(url).path.removeprefix("/"))

    def new_redis(self) -> str | None:
        """The URL of an emptied logical database of Redis, or None where there is no Redis."""
        if self.redis_url is None:
            return None
        url = _logical_url(self.redis_url, next(self._logical))
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    def stop(self) -> None:
        if "TEST_DATABASE_URL" in os.environ:
            for name in self._databases:
                _run(_execute(self.database_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        if self._embedded:
            self._embedded.stop()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _copy(self, template: str) -> str:
        name = f"{self._run}_{len(self._databases)}"
        self._databases.append(name)
        await _execute(self.database_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return database_url(self.database_url, name)

    def _start_embedded(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="taskflow-test-"))
        self._embedded = EmbeddedServers(
            self._folder, with_postgres=not self.database_url, with_redis=not self.redis_url
        )
        self._embedded.start()
        self.database_url = self.database_url or self._embedded.database_url
        self.redis_url = self.redis_url or self._embedded.redis_url

    def _migrated_template(self) -> str:
        if self._template is None:
            name = f"{self._run}_template"
            self._databases.append(name)
            _run(_execute(self.database_url, f'CREATE DATABASE "{name}" TEMPLATE "template0"'))
            migrate(database_url(self.database_url, name))
            self._template = name
        return self._template


def migrate(url: str) -> None:
    """Runs the real migrations as an operator would. Raises AssertionError with the output on failure."""
    environment = {**bare_environment(), "DATABASE_URL": url, "JWT_SECRET": "0123456789abcdef" * 3}
    result = subprocess.run(
        [sys.executable, "-m", "app.cli", "migrate", "up"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, f"taskflow migrate up failed:\n{result.stdout}\n{result.stderr}"


def bare_environment() -> dict[str, str]:
    """What a process needs of this environment, with none of TaskFlow's settings in it."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ}


def database_url(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _logical_url(url: str, number: int) -> str:
    if url.startswith("unix:"):
        return f"{url.partition('?')[0]}?db={number}"
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}", query=""))


def _redis_version(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        return str(client.info("server")["redis_version"])


async def _postgresql_version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        with suppress(OSError):
            await connection.close()


def _run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(coroutine)
