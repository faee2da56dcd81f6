"""One database of tenants, read by every test of the engine."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.config import Settings
from app.domain.attempts import Attempts
from app.domain.log_readers import LogReaders
from app.domain.passwords import Passwords
from app.domain.tokens import AccessTokens
from app.domain.viewer_cache import ViewerCache
from app.graphql.context import Services
from app.graphql.schema import build_schema
from app.infra.db import Database
from app.infra.redis import Redis
from app.infra.wakeups import Wakeups
from tests.engine.naive import NaiveServer
from tests.engine.survey import World
from tests.engine.tenants import insert, make_tenants
from tests.engine.values import gather_values
from tests.engine.ways import Ways
from tests.harness.server import JWT_SECRET
from tests.harness.stores import Stores

TABLES = (
    "users workspaces workspace_counters memberships projects statuses labels tasks task_labels"
    " task_relations comments events sessions"
)

# An error that goes up cancels the fields beside it, which graphql-core (gather_with_cancel) has made tasks;
# a task that is cancelled before its first step never awaits the coroutine that a resolver gave it.
_NEVER_AWAITED = "ignore:coroutine '.*resolve.*' was never awaited:RuntimeWarning"

_NO_LIMITS: dict[str, Any] = dict.fromkeys(
    ("sign_in_max", "sign_up_max", "password_reset_max", "member_add_max"), 0
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(_NEVER_AWAITED))


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Prints a line of figures, whether the test passes or not."""
    terminal = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert terminal is not None
    assert capture is not None

    def write(text: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(text)

    return write


@pytest.fixture(scope="session")
async def services(stores: Stores) -> AsyncIterator[Services]:
    """A process's own, over a database of tenants, without Redis."""
    url = await stores.new_database()
    await insert(make_tenants(), url)
    settings = Settings(database_url=url, jwt_secret=SecretStr(JWT_SECRET), db_pool_size=4, **_NO_LIMITS)
    database, wakeups = Database(settings), Wakeups(None)
    passwords = Passwords()
    await database.start()
    await database.wait_ready(20)
    yield Services(
        settings=settings,
        database=database,
        redis=(redis := Redis(None)),
        wakeups=wakeups,
        log_readers=LogReaders(database.fetch, wakeups),
        passwords=passwords,
        access_tokens=AccessTokens(JWT_SECRET, settings.jwt_expiry),
        viewers=ViewerCache(redis),
        attempts=Attempts(redis, settings),
    )
    passwords.close()
    await database.stop()


@pytest.fixture(scope="session")
async def world(services: Services) -> World:
    """Read it, do not write to it."""
    schema, tenants = build_schema(), make_tenants()
    ways = Ways(schema, services)
    rows = await _rows(services)
    values = await gather_values(ways, tenants)
    return World(ways, tenants, values, NaiveServer(schema.as_str(), rows, values.cursors))


async def _rows(services: Services) -> dict[str, list[dict[str, Any]]]:
    """Every row, as plain SELECTs read it."""
    read = services.database.fetch
    return {
        name: [_plain(row) for row in await read("Test.rows", f'SELECT * FROM "{name}"', [])]
        for name in TABLES.split()
    }


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    return {name: str(value) if type(value).__name__ == "UUID" else value for name, value in row.items()}
