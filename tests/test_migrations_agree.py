"""The migrations make exactly what the models and the hand-written SQL say."""

import asyncio
import contextvars
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from aerich.utils import compress_dict, decompress_dict, import_py_file
from tortoise import Tortoise
from tortoise.utils import get_schema_sql

from app.config import load_settings
from app.infra import migrations
from app.infra.migration_check import differences
from app.infra.tortoise_registry import CONFIG, CONNECTION_NAME
from app.models.hand_written import HAND_WRITTEN

NewDatabase = Callable[..., Awaitable[str]]

# Without the order of columns: what a later migration adds comes last in its table.
CATALOG = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid) AS default, l.collname, a.attidentity, a.attgenerated
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
          AND c.relname <> 'aerich'""",
    "indexes": """
        SELECT c.relname, pg_get_indexdef(i.indexrelid) AS definition, i.indisvalid
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'aerich'""",
    "constraints": """
        SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) AS definition, k.convalidated
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE c.relnamespace = 'public'::regnamespace AND k.contype <> 'n' AND c.relname <> 'aerich'""",
}


async def test_no_migration_is_pending() -> None:
    assert await differences() == []


async def test_a_field_that_no_migration_makes_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder)
    newest = folder / migrations.APP_LABEL / f"{migrations.migration_names()[-1]}.py"
    state = decompress_dict(import_py_file(newest).MODELS_STATE)
    fields = state["models.Task"]["data_fields"]
    state["models.Task"]["data_fields"] = [field for field in fields if field["name"] != "estimate"]
    text = newest.read_text().partition("MODELS_STATE")[0]
    newest.write_text(f"{text}MODELS_STATE = {compress_dict(state)!r}\n")

    (found,) = await differences(folder)
    assert 'ADD "estimate" DOUBLE PRECISION' in found


async def test_hand_written_sql_that_no_migration_runs_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder)
    for file in (folder / migrations.APP_LABEL).glob("*.py"):
        file.write_text(file.read_text().replace("number > 0", "number > 1"))
    (found,) = await differences(folder)
    assert '"tasks_number_range" CHECK (number > 0)' in found


async def test_a_folder_without_migrations_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(migrations.MigrationError, match="no migrations"):
        await differences(tmp_path)


async def test_the_catalog_is_that_of_the_models(new_database: NewDatabase) -> None:
    migrated = await _catalog(await _migrate(await new_database(empty=True)))
    modelled = await _catalog(await _build_from_models(await new_database(empty=True)))
    for kind in CATALOG:
        assert migrated[kind] == modelled[kind]
        assert len(migrated[kind]) > 30


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ('ALTER TABLE tasks ALTER rank TYPE text COLLATE "POSIX"', "columns"),
        ("ALTER TABLE tasks ALTER version DROP DEFAULT", "columns"),
        ("ALTER TABLE tasks ALTER title DROP NOT NULL", "columns"),
        ("DROP INDEX tasks_board", "indexes"),
        ("ALTER TABLE tasks DROP CONSTRAINT tasks_number_range", "constraints"),
        (
            "ALTER TABLE comments DROP CONSTRAINT comments_task_id_fkey, "
            "ADD CONSTRAINT comments_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks ON DELETE SET NULL",
            "constraints",
        ),
    ],
)
async def test_the_catalog_shows_a_difference(new_database: NewDatabase, change: str, kind: str) -> None:
    url = await new_database()
    before = await _catalog(url)
    await _execute(url, change)
    assert (await _catalog(url))[kind] != before[kind]


def test_hand_written_names_are_unique() -> None:
    names = [statement.name for statement in HAND_WRITTEN]
    assert len(names) == len(set(names))


async def test_no_index_repeats_another(new_database: NewDatabase) -> None:
    """An index whose columns begin another's serves nothing that the other does not."""
    connection = await asyncpg.connect(await new_database())
    rows = await connection.fetch("""
        SELECT a.indexrelid::regclass::text AS useless, b.indexrelid::regclass::text AS instead
        FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
        WHERE a.indrelid::regclass::text <> 'aerich' AND NOT a.indisunique
          AND a.indpred IS NOT DISTINCT FROM b.indpred AND a.indexprs IS NULL
          AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %')""")
    await connection.close()
    assert [tuple(row) for row in rows] == []


async def _migrate(url: str) -> str:
    await migrations.up(load_settings(database_url=url))
    return url


async def _build_from_models(url: str) -> str:
    schema = await asyncio.create_task(_models_sql(), context=contextvars.Context())
    await _execute(url, schema)
    for statement in HAND_WRITTEN:
        await _execute(url, statement.sql)
    return url


async def _models_sql() -> str:
    await Tortoise.init(config=CONFIG)
    return get_schema_sql(Tortoise.get_connection(CONNECTION_NAME), safe=False)


async def _catalog(url: str) -> dict[str, set[tuple[object, ...]]]:
    connection = await asyncpg.connect(url)
    found = {kind: {tuple(row) for row in await connection.fetch(sql)} for kind, sql in CATALOG.items()}
    await connection.close()
    return found


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()
