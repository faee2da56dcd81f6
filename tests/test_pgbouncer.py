"""TaskFlow through the real PgBouncer in transaction mode, with fewer connections than there are clients."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest

from app.config import ConfigurationError, load_settings
from tests.harness.client import Api, Json
from tests.harness.own_postgres import USER, OwnPostgres
from tests.harness.own_redis import OwnRedis
from tests.harness.people import Person, sign_up
from tests.harness.pgbouncer import DATABASE, PgBouncer
from tests.harness.requirements import POSTGRESQL_15
from tests.harness.server import Server, Servers, server_environment
from tests.harness.typical import TASKS_WITH_EVERYTHING
from tests.harness.world import World, make_world
from tests.live import MARKER, follow, socket_of, until

pytestmark = pytest.mark.pgbouncer

CONNECTIONS = 3
CREATE = """
mutation ($input: TaskCreateInput!, $key: String, $only: Boolean) {
  taskCreate(input: $input, idempotencyKey: $key, validateOnly: $only) {
    task { id title } syncSeq userErrors { code message }
  }
}"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    folder = tmp_path_factory.mktemp("pg")
    with OwnPostgres(folder) as started:
        subprocess.run([POSTGRESQL_15 / "createdb", "-h", folder, "-U", USER, DATABASE], check=True)
        yield started


@pytest.fixture(scope="module")
def bouncer(postgres: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PgBouncer]:
    with PgBouncer(tmp_path_factory.mktemp("pb"), postgres, pool_size=CONNECTIONS) as started:
        yield started


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    started = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
async def pooled(
    bouncer: PgBouncer, postgres: OwnPostgres, redis: OwnRedis, servers: Servers
) -> AsyncIterator[Server]:
    """A server of two workers, whose database was empty."""
    env = {
        **server_environment(bouncer.url, redis.url),
        "DB_POOLER": "transaction",
        "MIGRATION_DATABASE_URL": postgres.url(DATABASE),
    }
    server = servers.start(env, workers=2)
    await server.wait_ready()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def pooled_api(pooled: Server) -> AsyncIterator[Api]:
    api = Api(pooled.url)
    yield api
    await api.close()


@pytest.fixture(scope="module")
async def world(pooled_api: Api) -> World:
    return await make_world(await sign_up(pooled_api), await sign_up(pooled_api))


async def test_a_crowd_reads_over_a_few_connections(world: World, postgres: OwnPostgres) -> None:
    expected = await _everything(world)
    assert len(expected["tasks"]["nodes"]) > 3
    answers = await asyncio.gather(*(_everything(world) for _ in range(100)))
    assert all(answer == expected for answer in answers)
    direct = await asyncpg.connect(postgres.url(DATABASE))
    # Beside those of PgBouncer none is left: migrations have closed theirs.
    assert await direct.fetchval(SERVER_CONNECTIONS) <= CONNECTIONS
    await direct.close()


async def test_writes_with_one_key_happen_once(world: World) -> None:
    person = world.owner
    answers = await asyncio.gather(*(_create(person, "with a key", key="the-key") for _ in range(40)))
    assert len({answer["task"]["id"] for answer in answers}) == 1
    assert len({answer["syncSeq"] for answer in answers}) == 1
    others = await asyncio.gather(*(_create(person, f"number {number}") for number in range(40)))
    seqs = sorted(int(other["syncSeq"]) for other in others)
    assert seqs == list(range(seqs[0], seqs[0] + 40))


async def test_what_is_only_validated_is_rolled_back(world: World) -> None:
    person = world.owner
    before = await _everything(world)
    answers = await asyncio.gather(*(_create(person, "a trial", only=True) for _ in range(20)))
    assert {answer["task"]["title"] for answer in answers} == {"a trial"}
    assert await _everything(world) == before


async def test_subscriptions_miss_nothing(world: World, pooled: Server) -> None:
    person = world.owner
    async with socket_of(pooled, person) as one, socket_of(pooled, person) as other:
        subscriptions = [await follow(socket, person, person.project_id) for socket in (one, other)]
        titles = [f"told {number}" for number in range(20)]
        for title in titles:
            await person.task(title)
        for subscription in subscriptions:
            told: list[str] = []
            while told[-1:] != titles[-1:]:
                told.append((await subscription.data())["taskCreated"]["title"])
            assert [title for title in told if title != MARKER] == titles


async def test_statements_and_transactions_have_their_time_limits(bouncer: PgBouncer) -> None:
    through = await asyncpg.connect(bouncer.url, statement_cache_size=0)
    assert await through.fetchval("SHOW statement_timeout") == "10s"
    assert await through.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
    await through.close()


async def test_pgbouncer_is_killed_and_comes_back(world: World, pooled: Server, bouncer: PgBouncer) -> None:
    person = world.owner
    bouncer.kill()
    refused = await person.run("{ viewer { id } tasks(first: 1) { nodes { id } } }")
    assert (refused.status, refused.code) == (503, "SERVICE_UNAVAILABLE")
    bouncer.start()
    await until(lambda: _is_ready(pooled))
    assert (await _create(person, "afterwards"))["task"]["title"] == "afterwards"


async def test_without_the_mode_it_says_what_is_wrong(
    bouncer: PgBouncer, postgres: OwnPostgres, redis: OwnRedis, servers: Servers
) -> None:
    env = server_environment(bouncer.url, redis.url)
    server = servers.start({**env, "MIGRATION_DATABASE_URL": postgres.url(DATABASE)})
    await server.wait_ready(path="/health/live")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{server.url}/health/ready")
    assert (answer.status_code, answer.json()["services"]["database"]["status"]) == (503, "down")
    assert "unsupported startup parameter" in server.output()
    server.stop()


def test_it_needs_another_way_for_migrations() -> None:
    with pytest.raises(ConfigurationError, match="MIGRATION_DATABASE_URL is required with DB_POOLER"):
        load_settings(database_url="postgresql://pgbouncer/taskflow", db_pooler="transaction")


SERVER_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


async def _everything(world: World) -> Json:
    variables = {"workspaceId": world.workspace["id"], "first": 20}
    return (await world.owner.run(TASKS_WITH_EVERYTHING, variables)).data


async def _create(person: Person, title: str, *, key: str | None = None, only: bool = False) -> Json:
    given = {"projectId": person.project_id, "title": title}
    return await person.create(CREATE, {"input": given, "key": key, "only": only})


async def _is_ready(server: Server) -> bool:
    async with httpx.AsyncClient() as client:
        answers = [await client.get(f"{server.url}/health/ready") for _ in range(6)]  # of both workers
    return {answer.status_code for answer in answers} == {200}
