import argparse
import getpass
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from app.commands.failure import CommandFailed
from app.commands.migrate import finish
from app.commands.stores import running_stores
from app.config import Settings, load_settings
from app.domain import administration
from app.domain.administration import LONGEST_LIST, Account
from app.domain.perform import perform
from app.domain.viewer_cache import ViewerCache
from app.domain.write import Write
from app.infra.db import Database
from app.infra.logging import configure_logging
from app.infra.redis import Redis
from app.jobs import letters

T = TypeVar("T")

_READY_SECONDS = 10
_AUDIT = "taskflow.audit"
_log = structlog.stdlib.get_logger(_AUDIT)


@dataclass(frozen=True, slots=True)
class _Stores:
    settings: Settings
    database: Database
    redis: Redis

    async def change(self, name: str, verb: Callable[[Write], Awaitable[T]]) -> T:
        """Runs `verb` as every write is run: what it takes away is gone from every server process."""
        results: list[T] = []

        async def run_verb(write: Write) -> None:
            results.append(await verb(write))

        await perform(self.database, None, name, {}, run_verb, viewers=ViewerCache(self.redis))
        return results[-1]


Action = Callable[[argparse.Namespace, _Stores], Awaitable[None]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action")
    listing = actions.add_parser("list", help="list users by email")
    listing.add_argument("--email", default="", metavar="TEXT", help="only those whose email holds TEXT")
    listing.add_argument(
        "--state", choices=("active", "disabled", "deleted"), help="without it all but deleted"
    )
    listing.add_argument(
        "--limit", type=_limit, default=100, metavar="N", help=f"at most N, up to {LONGEST_LIST}"
    )
    listing.set_defaults(run_action=_list)
    for name, action, text in (
        ("show", _show, "show a user, their workspaces and sessions"),
        ("disable", _disable, "end a user's sessions at once and let nobody sign in as them"),
        ("enable", _enable, "let a disabled user sign in again, with the password they had"),
        ("reset", _reset, "void a user's password and sessions at once, and send a link to choose a new one"),
    ):
        command = actions.add_parser(name, help=text, description=text)
        command.add_argument("user", metavar="USER", help="an email or an id")
        command.set_defaults(run_action=action)
        if name == "reset":
            command.add_argument("--print", action="store_true", help="print the link instead of mailing it")


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    # What was done is noted whatever LOG_LEVEL is; of the rest nobody wants to know that all went well.
    configure_logging("error" if settings.log_level == "error" else "warn", json=settings.is_production)
    logging.getLogger(_AUDIT).setLevel(logging.INFO)
    with running_stores(settings) as stores:
        finish(_run(arguments, stores.settings))
    return 0


async def _run(arguments: argparse.Namespace, settings: Settings) -> None:
    action: Action = arguments.run_action
    async with _open(settings) as stores:
        await action(arguments, stores)


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[_Stores]:
    """Raises DatabaseUnavailable."""
    database, redis = Database(settings), Redis(settings.redis_url)
    await database.start()
    try:
        await database.wait_ready(_READY_SECONDS)
        yield _Stores(settings, database, redis)
    finally:
        await redis.stop()
        await database.stop()


async def _list(arguments: argparse.Namespace, stores: _Stores) -> None:
    found = await administration.search(
        stores.database.fetch, email=arguments.email, state=arguments.state, limit=arguments.limit + 1
    )
    shown = found[: arguments.limit]
    rows = [("EMAIL", "NAME", "STATE", "SIGNED UP", "LAST SIGNED IN")]
    rows += [(one.email, one.name, one.state, _day(one.created_at), _time(one.last_used_at)) for one in shown]
    print(_columns(rows))
    if len(found) > len(shown):
        print(f"There are more than {len(shown)}: narrow them by --email or raise --limit.", file=sys.stderr)


async def _show(arguments: argparse.Namespace, stores: _Stores) -> None:
    fetch = stores.database.fetch
    account = await _find(arguments, stores)
    rows = [
        ("id", str(account.id)),
        ("email", account.email),
        ("verified", _time(account.verified_at)),
        ("name", account.name),
        ("state", account.state),
        ("signed up", _time(account.created_at)),
        ("disabled", _time(account.disabled_at)),
        ("sessions", str(account.sessions)),
    ]
    rows += [
        ("workspace", f"{one.slug} ({one.role}): {one.name}")
        for one in await administration.places(fetch, account.id)
    ]
    for one in await administration.sign_ins(fetch, account.id):
        where = " ".join(filter(None, (one.address, one.user_agent)))
        rows.append(("session", f"{_time(one.created_at)} to {_time(one.last_used_at)}  {where}".rstrip()))
    print(_columns(rows))


async def _disable(arguments: argparse.Namespace, stores: _Stores) -> None:
    account = await _find(arguments, stores)
    if not await stores.change("userDisable", lambda write: administration.disable(write, account.id)):
        print(f"{account.email} is disabled already.")
        return
    _note("User disabled", account)
    print(f"{account.email} is disabled and signed out everywhere.")


async def _enable(arguments: argparse.Namespace, stores: _Stores) -> None:
    account = await _find(arguments, stores)
    if account.deleted_at is not None:
        raise CommandFailed("This account was deleted: nobody can sign in to it any more.")
    if not await stores.change("userEnable", lambda write: administration.enable(write, account.id)):
        print(f"{account.email} is not disabled.")
        return
    _note("User enabled", account)
    print(f"{account.email} may sign in again.")


async def _reset(arguments: argparse.Namespace, stores: _Stores) -> None:
    account = await _find(arguments, stores)
    if account.state != "active":
        raise CommandFailed(f"This account is {account.state}: there is nothing to reset.")
    by_mail = stores.settings.smtp_host is not None and not arguments.print
    token = await stores.change(
        "userReset", lambda write: administration.reset(write, account.id, by_mail=by_mail)
    )
    _note("User's password reset", account, by_mail=by_mail)
    print(f"{account.email} is signed out everywhere, and the old password is void.")
    if token is None:
        print("A link to choose a new one goes out by mail.")
        return
    print("Give them this link to choose a new one. It works once, within an hour:")
    print(f"  {letters.address(stores.settings.public_url, letters.RESET_PATH, token)}")


async def _find(arguments: argparse.Namespace, stores: _Stores) -> Account:
    account = await administration.find(stores.database.fetch, arguments.user)
    if account is None:
        raise CommandFailed(f"There is no user {arguments.user}.")
    return account


def _note(what: str, account: Account, **more: object) -> None:
    _log.info(what, user_id=str(account.id), operator=_operator(), **more)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def _limit(text: str) -> int:
    limit = int(text)
    if not 1 <= limit <= LONGEST_LIST:
        raise argparse.ArgumentTypeError(f"must be between 1 and {LONGEST_LIST}")
    return limit


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _time(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%MZ}"
