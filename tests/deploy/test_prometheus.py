"""Every expression of dashboard and alerts, evaluated by the real Prometheus while a server works and fails.

One long test: Prometheus needs a history in which each number moves, and an alert speaks only in its fault.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
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
from tests.harness.server import Server, free_port
from tests.harness.sockets import open_socket
from tests.harness.stores import Stores
from tests.harness.upstream import respond, upstream
from tests.live import until

pytestmark = pytest.mark.prometheus

BOARD = "query Board { tasks(first: 5) { nodes { id title } } }"
COMPLETE = "mutation Complete($id: ID!) { taskComplete(id: $id) { userErrors { code } } }"
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }"
CREATED = "subscription { taskCreated { id } }"
PAUSE = 0.2
"""Seconds between two rounds of a worker of the load: some thirty requests a second in all."""

PATIENCE = 60
"""Seconds for what comes true by itself, on a busy machine too."""
QUIET = 4
"""Seconds of health in which every alert is silent."""
REPLICAS = frozenset({"Replicas"})
"""Panels that move only when the server stops."""

ALERTS = {rule["alert"]: rule["expr"] for rule in RULES}
# What a panel shows of its faults; the alerts' own expressions stand for the other faults.
REFUSED = 'rate(taskflow_errors_total{code="RATE_LIMITED"}[10s]) > 0'
THROTTLED = 'rate(taskflow_attempts_total{outcome="refused"}[10s]) > 0'


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
            healthy_until = await health(prometheus)
            await faults(server, people, prometheus, url, redis, administrator)
            await until_all_move(prometheus, started, but=REPLICAS)
        await asyncio.to_thread(server.stop)
        await prometheus.wait_for(ALERTS["TaskFlowAway"])
        await prometheus.wait_for(ALERTS["TaskFlowReplicaDown"])
        await prometheus.wait_for('count_over_time(ALERTS{alertname="TaskFlowAway"}[10s]) > 2')
        await until_all_move(prometheus, started)
        for name, expression in ALERTS.items():
            assert await prometheus.range(expression, healthy_until, time.time()), name
        assert {rule["health"] for rule in await prometheus.rules()} == {"ok"}
    finally:
        await administrator.close()
        prometheus.stop()
        redis.stop()


async def test_alertmanager_is_told(tmp_path: Path) -> None:
    """That no replica is there. What nobody heard at first Prometheus repeats after a minute."""
    port = free_port()
    async with upstream("127.0.0.1", port, respond("200 OK", "")) as manager:
        prometheus = Prometheus(tmp_path, f"127.0.0.1:{free_port()}", alertmanager=f"127.0.0.1:{port}")
        try:
            await until(lambda: bool(manager.bodies), 2 * PATIENCE)
        finally:
            prometheus.stop()
    assert manager.requests[0].startswith("POST /api/v2/alerts ")
    assert b'"alertname":"TaskFlow' in manager.bodies[0]


async def health(prometheus: Prometheus) -> float:
    """Waits for some seconds of load in which no alert speaks. Returns their end.

    Not the first ones: on a busy machine scrapes are late and first requests slow, which is told rightly.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        end = time.time()
        seen = await prometheus.range("up == 1", end - QUIET, end)
        speaking = [name for name, alert in ALERTS.items() if await prometheus.range(alert, end - QUIET, end)]
        if not speaking and any(len(values) >= QUIET for values in seen.values()):
            return end
        assert time.monotonic() < deadline, f"{speaking} speak without a fault"
        await asyncio.sleep(0.5)


async def until_all_move(prometheus: Prometheus, start: float, *, but: frozenset[str] = frozenset()) -> None:
    """Until each expression of the dashboard has had two different numbers."""
    still = [target for panel in CHARTS if panel["title"] not in but for target in panel["targets"]]
    deadline = time.monotonic() + PATIENCE
    while still:
        still = [target for target in still if not await has_moved(prometheus, target["expr"], start)]
        assert time.monotonic() < deadline, [target["expr"] for target in still]


async def has_moved(prometheus: Prometheus, expression: str, start: float) -> bool:
    asked = expression.replace("$__rate_interval", "10s").replace("$instance", ".*")
    found = await prometheus.range(asked, start, time.time())
    return any(len(set(values.values())) > 1 for values in found.values())


async def faults(
    server: Server,
    people: Sequence[Person],
    prometheus: Prometheus,
    url: str,
    redis: OwnRedis,
    administrator: asyncpg.Connection,
) -> None:
    """One after the other; each lasts until Prometheus tells it."""
    await repeat_until_told(partial(flood, server), prometheus, REFUSED)
    await repeat_until_told(partial(guess_a_password, server), prometheus, THROTTLED)
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
    redis.fill()
    await prometheus.wait_for(ALERTS["TaskFlowRedisAway"])
    redis.stop()
    await prometheus.wait_for(ALERTS["TaskFlowRedisAway"])
    redis.start()
    async with database_closed(administrator, url):
        await prometheus.wait_for(ALERTS["TaskFlowNotReady"])
        await prometheus.wait_for(ALERTS["TaskFlowErrors"])
    await repeat_until_told(partial(kill_a_worker, server), prometheus, "sum(taskflow_workers) < 2")
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
    try:
        yield
    finally:
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


async def repeat_until_told(
    cause: Callable[[], Awaitable[None]], prometheus: Prometheus, expression: str
) -> None:
    """What is over between two scrapes is not seen, nor is a series' first number seen to grow: so again."""
    told = asyncio.create_task(prometheus.wait_for(expression))
    while not told.done():
        await cause()
        await asyncio.wait([told], timeout=2)
    await told


async def flood(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        query = {"query": "{ __typename }"}
        await asyncio.gather(*(client.post("/graphql", json=query) for _ in range(100)))


async def guess_a_password(server: Server) -> None:
    """Refused by the rate limit first where that is exhausted: then it has been no attempt."""
    api = Api(server.url)
    given = {"email": f"{unique('nobody')}@example.com", "password": f"not {PASSWORD}"}
    for _ in range(5):
        await api.run(SIGN_IN, {"input": given})
    await api.close()


async def kill_a_worker(server: Server) -> None:
    os.kill(_a_worker(server), signal.SIGKILL)


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
