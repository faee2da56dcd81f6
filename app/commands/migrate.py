import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.commands.failure import CommandFailed
from app.commands.stores import running_stores
from app.config import Settings, load_settings
from app.infra import migration_check, migrations
from app.infra.database_errors import DatabaseUnavailable

_T = TypeVar("_T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action")
    for name, action, text in (
        ("up", _up, "run every pending migration"),
        ("down", _down, "take back the newest migration"),
        ("status", _status, "list the migrations and which of them are applied"),
    ):
        actions.add_parser(name, help=text).set_defaults(run_action=_on_database(action))
    check = actions.add_parser("check", help="fail when no migration makes what the models hold")
    check.set_defaults(run_action=_check)


def run(arguments: argparse.Namespace) -> int:
    code: int = arguments.run_action()
    return code


def finish(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs work on the database. Raises CommandFailed where that is away or a migration fails."""
    try:
        return asyncio.run(work)
    except DatabaseUnavailable as error:
        raise CommandFailed(f"The database cannot be reached: {error}") from error
    except migrations.MigrationError as error:
        raise CommandFailed(str(error)) from error


def _on_database(action: Callable[[Settings], None]) -> Callable[[], int]:
    def run_action() -> int:
        with running_stores(load_settings(), with_redis=False) as stores:
            action(stores.settings)
        return 0

    return run_action


def _check() -> int:
    """Needs no database."""
    missing = finish(migration_check.differences())
    for text in missing:
        print(f"No migration makes this:\n{text}", file=sys.stderr)
    return 1 if missing else 0


def _up(settings: Settings) -> None:
    names = finish(migrations.up(settings))
    print("\n".join(f"applied    {name}" for name in names) or "Every migration is applied already.")


def _down(settings: Settings) -> None:
    print(f"taken back {finish(migrations.down(settings))}")


def _status(settings: Settings) -> None:
    for migration in finish(migrations.status(settings)):
        print(f"{'applied' if migration.applied else 'pending'}    {migration.name}")
