"""Every expression of dashboard and alerts, evaluated by the real Prometheus while a server works and fails.

One long test: Prometheus needs a history in which each number moves, and an alert speaks only in its fault.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from tests.conftest import StartServer
from tests.deploy.test_monitoring_files import CHARTS, RULES
from tests.harness.client import Api
from tests.harness.own_redis import OwnRedis
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.prometheus import Prometheus
from tests.harness.server import Server
from tests.harness.sockets import open_socket
from tests.harness.stores import Stores

pytestmark = pytest.mark.prometheus

BOARD = "query Board { tasks(first: 5) { nodes { id title } } }"
COMPLETE = "mutation Complete($id: ID!) { taskComplete(id: $id) { userErrors { code } } }"
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }"
CREATED = "subscription { taskCreated { id } }"
PAUSE = 0.2
"""Seconds between two rounds of a worker of the load: some thirty requests a second in all."""

ALERTS = {rule["alert"]: rule["expr"] for rule in RULES}
# What a panel shows of its faults; the alerts' own expressions stand for the other faults.
REFUSED = 'rate(taskflow_errors_total{code="RATE_LIMITED"}[10s]) > 0'
THROTTLED = 'rate(taskflow_attempts_total{outcome="refused"}[10s]) > 0'


@pytest.mark.soak  # most of a minute of faults, each waited for until Prometheus has seen it
async def test_every_expression_moves_and_every_alert_tells_its_fault(
    start_server: StartServer, stores: Stores, tmp_path: Path, new_database: Callable[..., Awaitable[str]]
) -> None:
    url, redis = await new_database(), OwnRedis(tmp_path)
    settings = {
        "DATABASE_URL": url,
        "REDIS_URL": redis.url,
        "DB_POOL_SIZE": "6",
        "RATE_LIMIT_WINDOW": "1000",
        "RATE_LIMIT_MAX": "40",
        "SIGN_IN_MAX": "3",
    }
    server = await start_server(workers=2, **settings)
    prometheus = Prometheus(tmp_path, server.url.removeprefix("http://"))
    administrator = await asyncpg.connect(stores.database_url)
    try:
        started = time.time()
        await prometheus.wait_for("up == 1")
        async with load(server) as people:
            await prometheus.wait_for("sum(rate(taskflow_tasks_completed_total[10s])) > 0")
            await prometheus.wait_for("sum(taskflow_subscriptions) > 0")
            # A time of health long enough to look at, however slowly all of it came up.
            await prometheus.wait_for("min(sum_over_time(up[10s])) > 5")
            healthy_until = time.time()
            await faults(server, people, prometheus, url, redis, administrator)
        await asyncio.to_thread(server.stop)
        await prometheus.wait_for(ALERTS["TaskFlowAway"])
        await prometheus.wait_for(ALERTS["TaskFlowReplicaDown"])
        await prometheus.wait_for('count_over_time(ALERTS{alertname="TaskFlowAway"}[10s]) > 2')
        await the_dashboard_moves(prometheus, started, time.time())
        await the_alerts_told(prometheus, started, healthy_until, time.time())
        assert {rule["health"] for rule in await prometheus.rules()} == {"ok"}
    finally:
        await administrator.close()
        prometheus.stop()
        redis.stop()


async def the_dashboard_moves(prometheus: Prometheus, start: float, end: float) -> None:
    still = []
    for panel in CHARTS:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "10s").replace("$instance", ".*")
            found = await prometheus.range(expression, start, end)
            if not any(len(set(values.values())) > 1 for values in found.values()):
                still.append((panel["title"], expression, found))
    assert not still


async def the_alerts_told(prometheus: Prometheus, start: float, healthy_until: float, end: float) -> None:
    # While nothing is there yet, its absence is told, rightly.
    [first_up] = (await prometheus.range("up == 1", start, healthy_until)).values()
    for name, expression in ALERTS.items():
        assert not await prometheus.range(expression, min(first_up) + 1, healthy_until), name
        assert await prometheus.range(expression, healthy_until, end), name


async def faults(
    server: Server,
    people: Sequence[Person],
    prometheus: Prometheus,
    url: str,
    redis: OwnRedis,
    administrator: asyncpg.Connection,
) -> None:
    """One after the other; each lasts until Prometheus tells it."""
    await flood(server)
    await prometheus.wait_for(REFUSED)
    await guess_a_password(server)
    await prometheus.wait_for(THROTTLED)
    own = await asyncpg.connect(url)
    try:
        await own.execute(
            "INSERT INTO outbox_mails (id, kind, address, attempts, created_at, due_at)"
            " VALUES (gen_random_uuid(), 'EMAIL_VERIFICATION', 'nobody@example.com', 1000, now(), now())"
        )
        await prometheus.wait_for(ALERTS["TaskFlowMailGivenUp"])
        async with own.transaction():
            await own.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            async with more_load(people):
                for alert in ("TaskFlowPoolBusy", "TaskFlowPoolExhausted", "TaskFlowSlow"):
                    await prometheus.wait_for(ALERTS[alert])
        await own.execute("ALTER TABLE labels RENAME TO labels_elsewhere")
        await prometheus.wait_for(ALERTS["TaskFlowInternalErrors"])
        await own.execute("ALTER TABLE labels_elsewhere RENAME TO labels")
    finally:
        await own.close()
    redis.stop()
    await prometheus.wait_for(ALERTS["TaskFlowRedisAway"])
    redis.start()
    async with database_closed(administrator, url):
        await prometheus.wait_for(ALERTS["TaskFlowNotReady"])
        await prometheus.wait_for(ALERTS["TaskFlowErrors"])
    os.kill(_a_worker(server), signal.SIGKILL)
    await prometheus.wait_for(ALERTS["TaskFlowWorkerRestarts"])
    await prometheus.wait_for('min by (dependency) (taskflow_dependency_up{dependency="redis"}) == 1')


@asynccontextmanager
async def load(server: Server) -> AsyncIterator[Sequence[Person]]:
    api = Api(server.url)
    people = [await sign_up(api) for _ in range(2)]
    tasks = [asyncio.create_task(work(person)) for person in people]
    tasks.append(asyncio.create_task(listen(server, people[0])))
    try:
        yield people
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await api.close()


@asynccontextmanager
async def more_load(people: Sequence[Person]) -> AsyncIterator[None]:
    """More at once than the pools have connections."""

    async def ask(person: Person) -> None:
        while True:
            with suppress(AssertionError, httpx.HTTPError):
                await person.run(BOARD)

    tasks = [asyncio.create_task(ask(person)) for person in people for _ in range(20)]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def work(person: Person) -> None:
    """Goes on through every fault."""
    while True:
        with suppress(AssertionError, httpx.HTTPError):
            await person.run("{ tasks(first: 1) { nodes { labels { nodes { name } } } } }")
            await person.run("{ __schema { queryType { name } } viewer { id } }")
            await person.run("{ nothing }")
            await asyncio.gather(*(person.run(BOARD) for _ in range(6)))
            await person.run(COMPLETE, {"id": "nothing"})
            task = await person.task()
            await person.run(COMPLETE, {"id": task["id"]})
        await asyncio.sleep(PAUSE)


async def listen(server: Server, person: Person) -> None:
    while True:
        with suppress(Exception):  # whatever the faults do to a socket
            async with open_socket(server.websocket_url, token=person.token) as socket:
                await (await socket.subscribe(CREATED)).next(patience=1000)
        await asyncio.sleep(PAUSE)


async def flood(server: Server) -> None:
    """In three seconds, so that the number of those refused is seen to grow."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        refusals = 0
        while refusals < 3:
            query = {"query": "{ __typename }"}
            answers = await asyncio.gather(*(client.post("/graphql", json=query) for _ in range(100)))
            refusals += any(answer.status_code == 429 for answer in answers)
            await asyncio.sleep(0.5)


async def guess_a_password(server: Server) -> None:
    api = Api(server.url)
    for _ in range(3):
        given = {"email": f"{unique('nobody')}@example.com", "password": f"not {PASSWORD}"}
        answers = [await api.run(SIGN_IN, {"input": given}) for _ in range(5)]
        assert answers[-1].data["signIn"]["userErrors"]
        await asyncio.sleep(1)
    await api.close()


@asynccontextmanager
async def database_closed(administrator: asyncpg.Connection, url: str) -> AsyncIterator[None]:
    name = urlsplit(url).path.removeprefix("/")
    await administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    try:
        await administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        yield
    finally:
        await administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def _a_worker(server: Server) -> int:
    pid = server.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[-1])
