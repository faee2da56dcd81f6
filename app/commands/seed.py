import argparse

from app.commands.failure import CommandFailed
from app.commands.migrate import finish
from app.commands.stores import running_stores
from app.config import Settings, load_settings
from app.domain import demo

SIGN_IN = f"{demo.EMAIL}, password {demo.PASSWORD}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="also in production, with its public password")


def run(arguments: argparse.Namespace) -> int:
    with running_stores(load_settings(), with_redis=False) as stores:
        added = fill_database(stores.settings, force=arguments.force)
    print(f"The demo data {'has been added' if added else 'is there already'}. Sign in: {SIGN_IN}")
    return 0


def fill_database(settings: Settings, *, force: bool = False) -> bool:
    """Migrates and adds the demo data; False when it is there already. Raises CommandFailed."""
    try:
        return finish(demo.seed(settings, force=force))
    except demo.DemoRefused as error:
        raise CommandFailed(f"{error} With --force it is added all the same.") from error
