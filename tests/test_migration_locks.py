"""No migration keeps servers waiting for long: each one is run on tables with rows, and looked at."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType

import asyncpg
import pytest
from aerich.utils import import_py_file

from app.infra.migrations import APP_LABEL, FOLDER, migration_names
from tests.harness.migration_locks import problems_of
from tests.test_migrations_run import ROWS

NewDatabase = Callable[..., Awaitable[str]]

# Shipped before there was the rule; they add tables and columns, and wait for one lock each.
WITHOUT_LOCK_TIMEOUT = 3
TIMEOUT = "SET LOCAL lock_timeout = '3s'; "


@pytest.fixture
async def connection(new_database: NewDatabase) -> AsyncIterator[asyncpg.Connection]:
    """To a database with the newest schema and rows."""
    opened = await asyncpg.connect(await new_database())
    await opened.execute(ROWS)
    yield opened
    await opened.close()


async def test_every_migration(new_database: NewDatabase) -> None:
    first, *others = migration_names()
    connection = await asyncpg.connect(await new_database(empty=True))
    await connection.execute(await _file(first).upgrade(None))
    await connection.execute(ROWS)
    for number, name in enumerate(others, 1):
        file = _file(name)
        found = await problems_of(
            connection,
            await file.upgrade(None),
            in_transaction=getattr(file, "RUN_IN_TRANSACTION", True),
            may_wait=number < WITHOUT_LOCK_TIMEOUT,
        )
        assert found == [], name
    await connection.close()


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("ALTER TABLE tasks ALTER estimate TYPE numeric", "writes all of tasks anew"),
        ("ALTER TABLE tasks ADD token uuid DEFAULT gen_random_uuid()", "writes all of tasks anew"),
        ("CREATE INDEX by_title ON tasks (title)", "reads all of tasks"),
        ("CREATE UNIQUE INDEX by_title ON tasks (id, title)", "reads all of tasks"),
        ("ALTER TABLE tasks ADD CONSTRAINT small CHECK (number < 1000000)", "reads all of tasks"),
        ("ALTER TABLE tasks ADD UNIQUE (project_id, number, title)", "reads all of tasks"),
        ("ALTER TABLE tasks ALTER creator_id SET NOT NULL", "cannot be applied"),
        ("ALTER TABLE labels ALTER color DROP NOT NULL, ALTER color SET NOT NULL", "reads all of labels"),
        ("ALTER TABLE comments ADD FOREIGN KEY (task_id) REFERENCES tasks", "reads all of comments"),
        ("ALTER TABLE tasks ADD points INT NOT NULL", "cannot be applied"),
        ("UPDATE tasks SET title = title || '!'", "changes rows of tasks"),
        ("ALTER TABLE tasks ADD points INT; UPDATE tasks SET points = 1", "changes rows of tasks"),
        ("CREATE INDEX CONCURRENTLY by_title ON tasks (title)", "cannot run in a transaction"),
    ],
)
async def test_what_keeps_servers_waiting_is_found(
    connection: asyncpg.Connection, sql: str, problem: str
) -> None:
    alone = sql if "CONCURRENTLY" in sql else TIMEOUT + sql
    found = await problems_of(connection, alone)
    assert problem in " ".join(found)
    # It is as it was.
    assert await connection.fetchval("SELECT to_regclass('by_title')") is None
    assert await connection.fetchval("SELECT title FROM tasks") == "First"


async def test_waiting_for_a_lock_without_limit_is_found(connection: asyncpg.Connection) -> None:
    (found,) = await problems_of(connection, "ALTER TABLE tasks ADD points INT")
    assert "lock_timeout" in found


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE tasks ADD points INT",
        "ALTER TABLE tasks ADD points INT NOT NULL DEFAULT 7",
        "ALTER TABLE tasks ALTER version SET DEFAULT 2",
        "ALTER TABLE tasks DROP description",
        "ALTER TABLE tasks ADD CONSTRAINT small CHECK (number < 1000000) NOT VALID",
        "ALTER TABLE comments ADD FOREIGN KEY (task_id) REFERENCES tasks NOT VALID",
        "ALTER TABLE sessions ALTER user_agent TYPE VARCHAR(800)",
        "CREATE TABLE notes (id uuid PRIMARY KEY, task_id uuid NOT NULL REFERENCES tasks);"
        "CREATE INDEX notes_task ON notes (task_id)",
        "DROP TABLE event_texts",
    ],
)
async def test_what_takes_a_moment_passes(connection: asyncpg.Connection, sql: str) -> None:
    assert await problems_of(connection, TIMEOUT + sql) == []


async def test_validating_in_a_second_migration_passes(connection: asyncpg.Connection) -> None:
    check = "ALTER TABLE tasks ADD CONSTRAINT small CHECK (number < 1000000) NOT VALID"
    assert await problems_of(connection, TIMEOUT + check) == []
    assert await problems_of(connection, "ALTER TABLE tasks VALIDATE CONSTRAINT small") == []
    # In one, the lock of the first statement is still held.
    both = f"{TIMEOUT} {check.replace('small', 'least')}; ALTER TABLE tasks VALIDATE CONSTRAINT least"
    assert "reads all of tasks" in (await problems_of(connection, both))[0]


async def test_an_index_built_concurrently_passes(connection: asyncpg.Connection) -> None:
    sql = "CREATE INDEX CONCURRENTLY by_title ON tasks (title)"
    assert await problems_of(connection, sql, in_transaction=False) == []
    assert await connection.fetchval("SELECT to_regclass('by_title')") is not None


async def test_one_without_a_transaction_is_held_to_the_same(connection: asyncpg.Connection) -> None:
    found = await problems_of(connection, "CREATE INDEX by_title ON tasks (title)", in_transaction=False)
    assert "reads all of tasks" in found[0]


def _file(name: str) -> ModuleType:
    module: ModuleType = import_py_file(FOLDER / APP_LABEL / f"{name}.py")
    return module
