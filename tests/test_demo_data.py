"""The demo data: believable, consistent, there once."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.commands.failure import CommandFailed
from app.commands.seed import fill_database
from app.config import Settings
from app.domain import demo
from app.domain.demo_content import PEOPLE, PROJECTS, load
from app.infra.db import Database
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.server import JWT_SECRET, Server
from tests.harness.stores import REPOSITORY, Stores, bare_environment
from tests.live import until

NewDatabase = Callable[..., Awaitable[str]]
TABLES = ("users", "workspaces", "projects", "tasks", "comments", "labels", "task_relations", "events")


def settings_of(url: str, **given: Any) -> Settings:
    return Settings(database_url=url, jwt_secret=SecretStr(JWT_SECRET), **given)


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


@pytest.fixture(scope="module")
async def seeded(stores: Stores) -> str:
    url = await stores.new_database()
    started = time.monotonic()
    assert await demo.seed(settings_of(url))
    assert time.monotonic() - started < 8
    return url


@pytest.fixture
async def connection(seeded: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(seeded)
    yield opened
    await opened.close()


async def test_there_is_a_bit_of_everything(connection: asyncpg.Connection) -> None:
    found = await counts(connection)
    assert found["users"] == len(PEOPLE)
    assert found["workspaces"] == 1
    assert found["projects"] == 2
    assert 190 <= found["tasks"] <= 230
    assert found["comments"] >= 30
    assert found["task_relations"] >= 10
    columns = (
        "assignee_id",
        "parent_id",
        "due_date",
        "estimate",
        "description",
        "completed_at",
        "archived_at",
    )
    for column in columns:
        assert await connection.fetchval(f"SELECT count(*) FROM tasks WHERE {column} IS NOT NULL") >= 4, (
            column
        )
    assert len(await connection.fetch("SELECT DISTINCT status_id FROM tasks")) == 12
    assert len(await connection.fetch("SELECT DISTINCT priority FROM tasks")) == 5
    overdue = "due_date < current_date AND completed_at IS NULL"
    assert await connection.fetchval(f"SELECT count(*) FROM tasks WHERE {overdue}") >= 2


async def test_titles_do_not_repeat_within_a_project() -> None:
    for project in PROJECTS:
        titles = Counter(task.title for task in load(project))
        assert titles.most_common(1)[0][1] == 1


async def test_the_log_tells_all_of_it(connection: asyncpg.Connection) -> None:
    seqs = [row["seq"] for row in await connection.fetch("SELECT seq FROM events ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert await connection.fetchval("SELECT seq FROM workspace_counters") == len(seqs)
    times = [
        row["created_at"] for row in await connection.fetch("SELECT created_at FROM events ORDER BY seq")
    ]
    assert times == sorted(times)
    assert times[-1] < datetime.now(UTC)
    wrong = await connection.fetch(
        """
        SELECT t.id FROM tasks t LEFT JOIN events e ON e.entity_id = t.id
        GROUP BY t.id HAVING t.version <> count(e.id) OR t.version <> max(e.entity_version)
            OR t.created_at <> min(e.created_at) OR t.updated_at <> max(e.created_at)
        """
    )
    assert wrong == []


async def test_numbers_have_no_gap_and_ranks_no_tie(connection: asyncpg.Connection) -> None:
    for project in await connection.fetch("SELECT id, last_task_number FROM projects"):
        tasks = await connection.fetch(
            "SELECT number, rank FROM tasks WHERE project_id = $1 ORDER BY number", project["id"]
        )
        assert [task["number"] for task in tasks] == list(range(1, project["last_task_number"] + 1))
        assert len({task["rank"] for task in tasks}) == len(tasks)


async def test_a_second_seed_adds_nothing(seeded: str, connection: asyncpg.Connection) -> None:
    before = await counts(connection)
    assert not await demo.seed(settings_of(seeded))
    assert await counts(connection) == before


async def test_of_two_seeds_at_once_one_adds_it(new_database: NewDatabase) -> None:
    url = await new_database()
    added = await asyncio.gather(demo.seed(settings_of(url)), demo.seed(settings_of(url)))
    assert sorted(added) == [False, True]


async def test_a_seed_that_is_killed_leaves_nothing_and_the_next_one_succeeds(
    new_database: NewDatabase,
) -> None:
    url = await new_database()
    connection = await asyncpg.connect(url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "seed",
        cwd=REPOSITORY, env={**bare_environment(), "DATABASE_URL": url, "JWT_SECRET": JWT_SECRET},
    )  # fmt: skip

    async def under_way() -> bool:
        # The seed holds its lock from its first statement to its commit.
        query = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = $1"
        return bool(await connection.fetchval(query, demo.ADVISORY_LOCK))

    try:
        await until(under_way, patience=30)
        await asyncio.sleep(0.2)
        process.kill()
        await process.wait()
        assert set((await counts(connection)).values()) == {0}
        assert await demo.seed(settings_of(url))
    finally:
        await connection.close()


async def test_production_refuses_it_unless_forced(new_database: NewDatabase) -> None:
    production = settings_of(await new_database(), environment="production", redis_url="redis://localhost")
    with pytest.raises(demo.DemoRefused):
        await demo.seed(production)
    with pytest.raises(CommandFailed, match="--force"):
        await asyncio.to_thread(fill_database, production)
    assert await demo.seed(production, force=True)


async def test_the_demo_user_signs_in_and_sees_it(
    start_server: StartServer, api_of: Callable[[Server], Api], seeded: str
) -> None:
    api = api_of(await start_server(DATABASE_URL=seeded))
    signed_in = await api.run(
        "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { message } } }",
        {"input": {"email": demo.EMAIL, "password": demo.PASSWORD}},
    )
    token = signed_in.data["signIn"]["accessToken"]
    answer = await api.run(
        "{ viewer { email } projects { nodes { key } } tasks(first: 5) { totalCount nodes { title } } }",
        token=token,
    )
    assert answer.data["viewer"] == {"email": demo.EMAIL}
    assert {project["key"] for project in answer.data["projects"]["nodes"]} == {"ENG", "OPS"}
    assert answer.data["tasks"]["totalCount"] > 190


async def test_the_content_counts_from_the_day_of_the_seed(new_database: NewDatabase) -> None:
    database = Database(settings_of(await new_database()))
    await database.start()
    try:
        await database.wait_ready(10)
        assert await demo.fill(database, datetime(2031, 5, 6, 12, tzinfo=UTC))
        rows = await database.fetch("Test.due", "SELECT max(due_date) AS due FROM tasks", [])
        assert rows[0]["due"].year == 2031
    finally:
        await database.stop()
