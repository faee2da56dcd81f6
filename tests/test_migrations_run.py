"""Migrations on real databases: up, down and up again, many processes at once, and what goes wrong."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from aerich.utils import import_py_file

from app.config import Settings, load_settings
from app.infra import migrations
from app.infra.database_errors import DatabaseUnavailable
from app.infra.migrations import APP_LABEL, FOLDER, MigrationError, migration_names
from tests.harness.server import JWT_SECRET
from tests.harness.stores import REPOSITORY, bare_environment

NewDatabase = Callable[..., Awaitable[str]]

# Rows as the first migration knows them.
ROWS = """
INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'ada@example.com', 'Ada', 'x');
INSERT INTO workspaces (id, slug, name, sync_epoch)
    VALUES (gen_random_uuid(), 'acme', 'Acme', gen_random_uuid());
INSERT INTO workspace_counters (workspace_id, seq) SELECT id, 1 FROM workspaces;
INSERT INTO memberships (id, workspace_id, user_id, role)
    SELECT gen_random_uuid(), w.id, u.id, 'OWNER' FROM workspaces w, users u;
INSERT INTO projects (id, workspace_id, key, name, last_task_number)
    SELECT gen_random_uuid(), id, 'ENG', 'Engineering', 1 FROM workspaces;
INSERT INTO statuses (id, workspace_id, project_id, name, color, type, position)
    SELECT gen_random_uuid(), workspace_id, id, 'Todo', '#00aaff', 'UNSTARTED', 0 FROM projects;
INSERT INTO tasks (id, workspace_id, project_id, status_id, number, title, rank)
    SELECT gen_random_uuid(), workspace_id, project_id, id, 1, 'First', 'a0' FROM statuses;
INSERT INTO labels (id, workspace_id, name, color)
    SELECT gen_random_uuid(), id, 'Bug', '#ff0000' FROM workspaces;
INSERT INTO task_labels (id, workspace_id, task_id, label_id)
    SELECT gen_random_uuid(), t.workspace_id, t.id, l.id FROM tasks t, labels l;
INSERT INTO comments (id, workspace_id, task_id, body)
    SELECT gen_random_uuid(), workspace_id, id, 'x' FROM tasks;
INSERT INTO events (id, workspace_id, seq, type, entity_type, entity_id, task_id, changes)
    SELECT gen_random_uuid(), workspace_id, 1, 'task.created', 'task', id, id, '[]' FROM tasks;
"""
COLUMN = """
async def upgrade(db):
    return 'ALTER TABLE "tasks" ADD "points" INT NOT NULL DEFAULT 7'

async def downgrade(db):
    return 'ALTER TABLE "tasks" DROP "points"'
"""
CONCURRENT_INDEX = """
RUN_IN_TRANSACTION = False

async def upgrade(db):
    return 'CREATE INDEX CONCURRENTLY "tasks_title" ON "tasks" ("title")'

async def downgrade(db):
    return 'DROP INDEX "tasks_title"'
"""
MIGRATING_PROCESS = """
import asyncio, logging, sys
from app.config import load_settings
from app.infra.db import Database

async def main():
    database = Database(load_settings())
    await database.start()
    await database.wait_ready(60)
    assert await database.fetch("test", "SELECT count(*) FROM tasks", [])
    print("READY", database.migration_version)
    await database.stop()

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
print("WAITING", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""


async def test_each_migration_goes_up_down_and_up_again_with_rows(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    # One more than there are, so that the way back is tried also while only the first file exists.
    complete = _with_more(tmp_path / "complete", COLUMN)
    settings = load_settings(database_url=await new_database(empty=True))
    names = migration_names(complete)
    for index, name in enumerate(names):
        folder = _first(index + 1, complete, tmp_path / name)
        assert await migrations.up(settings, folder) == [name]
        if index == 0:
            await _execute(settings, ROWS)
        rows = await _row_counts(settings)
        if not await _has_way_back(folder, name):
            with pytest.raises(MigrationError, match="no way back"):
                await migrations.down(settings, folder)
            assert (await migrations.status(settings, folder))[-1].applied
            continue
        before = await _columns(settings)
        assert await migrations.down(settings, folder) == name
        assert [file.applied for file in await migrations.status(settings, folder)] == [True] * index + [
            False
        ]
        assert await migrations.up(settings, folder) == [name]
        assert await _row_counts(settings) == rows
        assert await _columns(settings) == before
    assert await migrations.up(settings, complete) == []
    assert await _value(settings, "SELECT points FROM tasks") == 7


async def test_eight_processes_at_once_and_one_migrates(new_database: NewDatabase) -> None:
    settings = load_settings(database_url=await new_database(empty=True))
    environment = {**bare_environment(), "DATABASE_URL": settings.database.url(), "JWT_SECRET": JWT_SECRET}
    processes = [_start_process(environment) for _ in range(8)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "WAITING\n"
        outputs = await asyncio.gather(
            *(asyncio.to_thread(process.communicate, "go\n", 60) for process in processes)
        )
    finally:
        for process in processes:
            process.kill()
    texts = [output for output, _ in outputs]
    newest = migration_names()[-1]
    assert [text for text in texts if f"READY {newest}" not in text] == []
    assert [text for text in texts if "failed" in text] == []  # nobody else even tried
    assert sum(text.count("Applied the migration") for text in texts) == len(migration_names())
    assert await _value(settings, "SELECT count(*) FROM aerich") == len(migration_names())


async def test_waiting_processes_let_an_index_be_built_concurrently(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    settings = load_settings(database_url=await new_database())
    folder = _with_more(tmp_path / "migrations", CONCURRENT_INDEX)
    async with asyncio.timeout(20):
        applied = await asyncio.gather(*(migrations.up(settings, folder) for _ in range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, 1]
    assert await _value(
        settings, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'tasks_title'::regclass"
    )


async def test_a_failed_migration_leaves_nothing_and_says_why(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    broken = COLUMN.replace("DEFAULT 7'", "DEFAULT 7; SELECT nonsense'")
    folder = _with_more(tmp_path / "migrations", broken)
    settings = load_settings(database_url=await new_database())
    with pytest.raises(MigrationError, match="nonsense"):
        await migrations.up(settings, folder)
    assert not (await migrations.status(settings, folder))[-1].applied
    assert "points" not in {name for _, name in await _columns(settings)}


async def test_down_refuses_what_another_version_applied(new_database: NewDatabase, tmp_path: Path) -> None:
    settings = load_settings(database_url=await new_database())
    await migrations.up(settings, _with_more(tmp_path / "migrations", COLUMN))
    with pytest.raises(MigrationError, match="Another version"):
        await migrations.down(settings)
    assert all(file.applied for file in await migrations.status(settings))


async def test_an_empty_folder_is_an_error(new_database: NewDatabase, tmp_path: Path) -> None:
    settings = load_settings(database_url=await new_database(empty=True))
    for action in (migrations.up, migrations.status):
        with pytest.raises(MigrationError, match="no migrations"):
            await action(settings, tmp_path)


async def test_migrations_use_their_own_address(new_database: NewDatabase) -> None:
    url = await new_database(empty=True)
    settings = load_settings(database_url="postgresql://x@/x?host=/nowhere", migration_database_url=url)
    assert await migrations.up(settings) == migration_names()
    with pytest.raises(DatabaseUnavailable):
        await migrations.status(load_settings(database_url="postgresql://x@/x?host=/nowhere"))


def _start_process(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MIGRATING_PROCESS],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _with_more(folder: Path, text: str) -> Path:
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    number = int(migration_names(folder)[-1].split("_")[0]) + 1
    (folder / APP_LABEL / f"{number}_20991231000000_more.py").write_text(text)
    return folder


def _first(count: int, source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    for name in migration_names(source)[count:]:
        (target / APP_LABEL / f"{name}.py").unlink()
    return target


async def _has_way_back(folder: Path, name: str) -> bool:
    return bool((await import_py_file(folder / APP_LABEL / f"{name}.py").downgrade(None)).strip())


async def _execute(settings: Settings, sql: str) -> None:
    connection = await asyncpg.connect(settings.database.url())
    await connection.execute(sql)
    await connection.close()


async def _value(settings: Settings, sql: str) -> object:
    connection = await asyncpg.connect(settings.database.url())
    value: object = await connection.fetchval(sql)
    await connection.close()
    return value


async def _columns(settings: Settings) -> set[tuple[str, str]]:
    connection = await asyncpg.connect(settings.database.url())
    rows = await connection.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    await connection.close()
    return {tuple(row) for row in rows}


async def _row_counts(settings: Settings) -> dict[str, object]:
    tables = {table for table, _ in await _columns(settings)} - {"aerich"}
    return {table: await _value(settings, f'SELECT count(*) FROM "{table}"') for table in tables}
