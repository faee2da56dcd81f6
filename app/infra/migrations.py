"""Aerich's migrations under a lock.

The files are in migrations/ beside the package, or in the wheel in app/_migrations. Every function connects
to MIGRATION_DATABASE_URL: session locks need a connection of their own, which a pooler may not give.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from aerich import Command
from aerich.exceptions import DowngradeError
from tortoise import Tortoise
from tortoise.exceptions import BaseORMException

import app
from app.config import Settings
from app.infra.connections import connect_arguments
from app.infra.database_errors import DatabaseUnavailable, translate_failures
from app.infra.tortoise_registry import CONFIG, CONNECTION_NAME, MODELS

APP_LABEL = "models"

_PACKAGE = Path(app.__file__).parent
_IN_WHEEL = _PACKAGE / "_migrations"
FOLDER = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / "migrations"

# What `aerich migrate --offline` reads, by [tool.tortoise] in pyproject.toml.
TORTOISE_ORM = CONFIG | {"apps": {APP_LABEL: MODELS[APP_LABEL] | {"models": ["app.models", "aerich.models"]}}}

_LOCK = 0x7A5F10  # any number that nobody else uses for pg_advisory_lock in this database
_POLL_SECONDS = 0.1
_CLOSE_SECONDS = 3
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class MigrationError(Exception):
    """A migration cannot be applied or taken back; the message says which and why."""


@dataclass(frozen=True, slots=True)
class MigrationFile:
    name: str
    applied: bool

    def __str__(self) -> str:
        return f"{'applied' if self.applied else 'pending'}  {self.name}"


async def status(settings: Settings, folder: Path = FOLDER) -> list[MigrationFile]:
    """Every migration, oldest first. Raises DatabaseUnavailable; MigrationError when there is no file at all,
    since a wrong folder would otherwise pass for a database that is up to date."""
    names = migration_names(folder)
    async with _connection(settings) as connection:
        applied = await applied_names(connection)
    return [MigrationFile(name, name in applied) for name in names]


async def up(settings: Settings, folder: Path = FOLDER) -> list[str]:
    """
    Applies what is pending and returns its names. Of several processes one works, the others wait for it.

    Raises DatabaseUnavailable and MigrationError.
    """
    migration_names(folder)
    async with _locked(settings):
        files = await _run(settings, folder, lambda command: command.upgrade(run_in_transaction=True))
    names = [file.removesuffix(".py") for file in files]
    for name in names:
        _log.info("Applied the migration %s.", name)
    return names


async def down(settings: Settings, folder: Path = FOLDER) -> str:
    """
    Takes back the newest applied migration and returns its name.

    Raises DatabaseUnavailable, and MigrationError when none is applied or that one has no way back.
    """
    async with _locked(settings) as connection:
        applied, names = await applied_names(connection), migration_names(folder)
        if not applied:
            raise MigrationError("No migration is applied.")
        if unknown := applied.difference(names):
            raise MigrationError(
                f"Another version of TaskFlow applied {max(unknown)}; take it back with that."
            )
        newest = next(name for name in reversed(names) if name in applied)
        number = int(newest.split("_")[0])
        await _run(settings, folder, lambda command: command.downgrade(version=number, delete=False))
    _log.info("Took back the migration %s.", newest)
    return newest


async def applied_names(connection: asyncpg.Connection) -> set[str]:
    """Also those that another version of TaskFlow knows. Raises DatabaseUnavailable, and PostgreSQL's error
    for a user who may not read them."""
    with translate_failures():
        try:
            rows = await connection.fetch("SELECT version FROM aerich WHERE app = $1", APP_LABEL)
        except asyncpg.UndefinedTableError:
            return set()
    return {row["version"].removesuffix(".py") for row in rows}


def migration_names(folder: Path = FOLDER) -> list[str]:
    """The names of the files, oldest first. Raises MigrationError when there are none."""
    files = [path.stem for path in (folder / APP_LABEL).glob("[0-9]*_*.py")]
    if not files:
        raise MigrationError(f"There are no migrations in {folder / APP_LABEL}.")
    return sorted(files, key=lambda name: int(name.split("_")[0]))


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    with translate_failures():
        connection = await asyncpg.connect(
            **connect_arguments(settings.migration_database, statement_seconds=None)
        )
    try:
        yield connection
    finally:
        with suppress(DatabaseUnavailable), translate_failures():
            await connection.close(timeout=_CLOSE_SECONDS)


@asynccontextmanager
async def _locked(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    # Polled: a session that waits inside pg_advisory_lock holds a snapshot, which CREATE INDEX CONCURRENTLY
    # in the session that has the lock would wait for.
    async with _connection(settings) as connection:
        with translate_failures():
            while True:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                    break
                await asyncio.sleep(_POLL_SECONDS)
        yield connection


async def _run(settings: Settings, folder: Path, work: Callable[[Command], Coroutine[Any, Any, _T]]) -> _T:
    """Runs Aerich's command in a context of its own, which leaves this process's registry of models alone."""

    async def run() -> _T:
        config = _config(settings)
        await Tortoise.init(config=config)
        async with Command(config, app=APP_LABEL, location=str(folder)) as command:
            return await work(command)

    try:
        with translate_failures():
            return await asyncio.create_task(run(), context=contextvars.Context())
    except DowngradeError as error:
        raise MigrationError("The newest applied migration has no way back.") from error
    except (BaseORMException, asyncpg.PostgresError) as error:
        raise MigrationError(f"A migration failed: {error}") from error


def _config(settings: Settings) -> dict[str, Any]:
    arguments = connect_arguments(settings.migration_database, statement_seconds=None)
    connection = {
        "engine": "tortoise.backends.asyncpg",
        "credentials": arguments | {"minsize": 1, "maxsize": 2},
    }
    return TORTOISE_ORM | {"connections": {CONNECTION_NAME: connection}}
