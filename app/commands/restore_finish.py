import argparse
from collections.abc import Sequence
from typing import Any

import asyncpg

from app.commands.failure import CommandFailed
from app.commands.migrate import finish
from app.commands.stores import running_stores
from app.config import Settings, load_settings
from app.domain import restoring
from app.domain.viewer import Fetch
from app.infra import migrations
from app.infra.connections import connect
from app.infra.database_errors import translate_failures

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Finish restoring a backup, before the servers start: check that the log of every workspace is "
        "whole, and renew the sync epochs, so that clients which keep a copy read it anew."
    )
    parser.add_argument("--sign-out", action="store_true", help="also end every session that was restored")
    parser.add_argument(
        "--force", action="store_true", help="even while servers are connected or a log is not whole"
    )


def run(arguments: argparse.Namespace) -> int:
    with running_stores(load_settings(), with_redis=False) as stores:
        finish(_restore_finish(stores.settings, force=arguments.force, sign_out=arguments.sign_out))
    return 0


async def _restore_finish(settings: Settings, *, force: bool, sign_out: bool) -> None:
    if not any(file.applied for file in await migrations.status(settings)):
        raise CommandFailed("The database holds no TaskFlow. Restore the backup first.")
    with translate_failures():
        connection = await connect(settings.migration_database, statement_seconds=None)
        try:
            async with connection.transaction():
                await _finish_on(connection, force=force, sign_out=sign_out)
        finally:
            await connection.close()


async def _finish_on(connection: asyncpg.Connection, *, force: bool, sign_out: bool) -> None:
    async def fetch(_label: str, sql: str, args: Sequence[object]) -> list[Any]:
        rows: list[Any] = await connection.fetch(sql, *args)
        return rows

    if not force:
        await _refuse_while_servers_run(fetch)
    await _check_logs(fetch, force=force)
    renewed = await restoring.renew_epochs(fetch)
    print(f"Renewed the sync epoch of every workspace ({renewed}): clients that keep a copy read it anew.")
    if sign_out:
        print(f"Signed everybody out (sessions: {await restoring.end_sessions(fetch)}).")


async def _refuse_while_servers_run(fetch: Fetch) -> None:
    if count := await restoring.servers_connected(fetch):
        raise CommandFailed(
            f"TaskFlow is connected to this database (connections: {count}) and may be writing. Stop the "
            "servers first: what they keep of the time before the restore, such as subscriptions, would be "
            "wrong. Or use --force, and restart them afterwards."
        )


async def _check_logs(fetch: Fetch, *, force: bool) -> None:
    broken = await restoring.broken_logs(fetch)
    if not broken:
        print("The log of every workspace is whole.")
        return
    text = "\n  ".join([f"Logs that are not whole ({len(broken)}):", *map(str, broken[:_SHOWN])])
    if not force:
        raise CommandFailed(f"{text}\nThe backup was not restored completely. Nothing was changed.")
    print(text)
