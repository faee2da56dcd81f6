"""Whether the migrations make what the models say. Needs no database."""

import asyncio
import contextvars
import importlib
import shutil
import tempfile
from pathlib import Path

from aerich import Command
from aerich.migrate import Migrate
from aerich.utils import import_py_file
from tortoise import Tortoise

from app.infra.migrations import APP_LABEL, FOLDER, TORTOISE_ORM, migration_names

# By name: infra stands below no model.
_HAND_WRITTEN_MODULE = "app.models.hand_written"


async def differences(folder: Path = FOLDER) -> list[str]:
    """What the models and the hand-written SQL hold and no migration makes; empty when all agree.

    Raises MigrationError when there is no migration at all.
    """
    return [*await _pending_in_models(folder), *await _missing_hand_written(folder)]


async def _pending_in_models(folder: Path) -> list[str]:
    migration_names(folder)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder / APP_LABEL, Path(copy, APP_LABEL))
        # In a context of its own, which leaves this process's registry of models alone.
        name = await asyncio.create_task(_generate(copy), context=contextvars.Context())
        return [_statements(Path(copy, APP_LABEL, name))] if name else []


async def _generate(folder: str) -> str:
    """Lets Aerich write the migration that is missing; returns its file's name, "" when none is."""
    _forget_earlier_run()
    await Tortoise.init(config=TORTOISE_ORM)
    command = Command(TORTOISE_ORM, app=APP_LABEL, location=folder)
    await command.init(offline=True)
    return await command.migrate(name="pending", no_input=True, offline=True)


def _forget_earlier_run() -> None:
    # Aerich collects what it finds in attributes of the class and never empties them.
    for collected in (
        Migrate.upgrade_operators,
        Migrate.downgrade_operators,
        Migrate._upgrade_fk_m2m_index_operators,
        Migrate._downgrade_fk_m2m_index_operators,
        Migrate._upgrade_m2m,
        Migrate._downgrade_m2m,
    ):
        collected.clear()


def _statements(file: Path) -> str:
    return file.read_text().partition("MODELS_STATE")[0]


async def _missing_hand_written(folder: Path) -> list[str]:
    statements = importlib.import_module(_HAND_WRITTEN_MODULE).HAND_WRITTEN
    files = [folder / APP_LABEL / f"{name}.py" for name in migration_names(folder)]
    texts = [await import_py_file(file).upgrade(None) for file in files]
    return [statement.sql for statement in statements if not any(statement.sql in text for text in texts)]
