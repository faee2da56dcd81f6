"""Reading and writing through Database on a real PostgreSQL."""

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.exceptions import IntegrityError

from app import models
from app.config import load_settings
from app.infra.database_errors import translate_failures
from app.infra.db import Database, DatabaseTimeout, DatabaseUnavailable, TransactionClient
from app.infra.metrics import registry
from app.infra.tallies import write_tallies

NewDatabase = Callable[..., Awaitable[str]]
USERS = "SELECT email FROM users"


@pytest.fixture
async def database(new_database: NewDatabase) -> AsyncIterator[Database]:
    """One connection to read with and one to write with."""
    started = Database(load_settings(database_url=await new_database(), db_pool_size=1))
    await started.start()
    await started.wait_ready(20)
    yield started
    await started.stop()


async def test_a_block_commits_at_its_end(database: Database) -> None:
    async with database.transaction() as client:
        user = await _add_user(client)
        assert await database.fetch("test", USERS, []) == []
    (row,) = await database.fetch("test", "SELECT * FROM users WHERE id = $1", [user.id])
    assert row["email"] == "ada@example.com"
    assert isinstance(row["id"], UUID)


async def test_a_block_that_raises_rolls_back(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await _add_users(database, 2)
    assert await database.fetch("test", USERS, []) == []
    async with database.transaction() as client:
        await _add_user(client)


async def test_an_open_transaction_reads_what_it_wrote(database: Database) -> None:
    transaction = await database.begin()
    await _add_user(transaction.client)
    emails = await asyncio.gather(*(transaction.fetch("test", USERS, []) for _ in range(20)))
    assert [len(rows) for rows in emails] == [1] * 20
    assert await database.fetch("test", USERS, []) == []
    await transaction.rollback()
    await transaction.rollback()
    assert await database.fetch("test", USERS, []) == []
    with pytest.raises(RuntimeError, match="has ended"):
        await transaction.commit()


async def test_transactions_are_read_committed(database: Database) -> None:
    transaction = await database.begin()
    (row,) = await transaction.fetch("test", "SHOW transaction_isolation", [])
    assert row[0] == "read committed"
    await transaction.commit()


async def test_models_lock_and_save_inside_a_transaction(database: Database) -> None:
    async with database.transaction() as client:
        user_id = (await _add_user(client)).id
    async with database.transaction() as client:
        user = await models.User.filter(id=user_id).using_db(client).select_for_update().get()
        user.name = "Grace"
        await user.save(using_db=client, update_fields=["name"])
    (row,) = await database.fetch("test", "SELECT name FROM users", [])
    assert row["name"] == "Grace"


async def test_models_work_in_a_task_that_inherits_nothing(database: Database) -> None:
    async def write() -> UUID:
        async with database.transaction() as client:
            user = await _add_user(client)
            found = await models.User.filter(email__icontains="ADA").using_db(client).get()
            assert found.id == user.id
            return found.id

    await asyncio.create_task(write(), context=contextvars.Context())


async def test_models_work_where_only_their_metadata_was_read(database: Database) -> None:
    async def write() -> UUID:
        Tortoise.init_models(models.MODULES, models.APP_LABEL)
        other = Database(database._settings)
        await other.start()
        await other.wait_ready(20)
        async with other.transaction() as client:
            user = await _add_user(client)
        await other.stop()
        return user.id

    user_id = await asyncio.create_task(write(), context=contextvars.Context())
    async with database.transaction() as client:
        assert await models.User.filter(id=user_id).using_db(client).exists()


async def test_a_model_without_a_transaction_says_so(database: Database) -> None:
    with pytest.raises(RuntimeError, match="using_db"):
        await models.User.all()


async def test_json_columns_are_objects_either_way(database: Database) -> None:
    changes: list[dict[str, object]] = [{"field": "title", "before": None, "after": 'ä "x"'}]
    async with database.transaction() as client:
        workspace = await models.Workspace.create(using_db=client, slug="acme", name="Acme")
        await models.Event.create(
            using_db=client,
            workspace=workspace,
            seq=1,
            type="task.created",
            entity_type="task",
            entity_id=models.new_id(),
            changes=changes,
        )
        await client.execute_query_dict("UPDATE events SET changes = changes || $1::jsonb", [changes])
        event = await models.Event.get(seq=1, using_db=client)
    assert event.changes == changes * 2
    (row,) = await database.fetch("test", "SELECT changes FROM events", [])
    assert row["changes"] == changes * 2


async def test_errors_of_statements_pass_through(database: Database) -> None:
    async with database.transaction() as client:
        await _add_user(client)
    with pytest.raises(IntegrityError) as refusal:
        await _add_users(database, 1)
    assert isinstance(refusal.value.__cause__, asyncpg.UniqueViolationError)
    assert refusal.value.__cause__.constraint_name == "users_email"
    with pytest.raises(asyncpg.UndefinedTableError):
        await database.fetch("test", "SELECT * FROM nonsense", [])
    with pytest.raises(asyncpg.DataError):
        await database.fetch("test", "SELECT $1::uuid", ["nonsense"])
    assert database.ready


async def test_a_full_pool_refuses_in_time(database: Database) -> None:
    held = await database.begin()
    reading = asyncio.create_task(database.fetch("test", "SELECT pg_sleep(4)", []))
    await asyncio.sleep(0.2)
    started = time.perf_counter()
    outcomes = await asyncio.gather(
        database.begin(), database.fetch("test", "SELECT 1", []), return_exceptions=True
    )
    assert 2.5 < time.perf_counter() - started < 3.8
    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 2
    assert "came free" in str(outcomes[0])
    assert database.ready
    assert await database.ping() < 1
    await held.rollback()
    await reading
    await (await database.begin()).rollback()
    await database.fetch("test", "SELECT 1", [])


@pytest.mark.parametrize("seconds", [0, 0.05])
async def test_a_cancelled_block_gives_its_connection_back(database: Database, seconds: float) -> None:
    async def write() -> None:
        async with database.transaction() as client:
            await _add_user(client)
            await client.execute_query("SELECT pg_sleep(30)")

    for _ in range(5):
        task = asyncio.create_task(write())
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(2):
        await (await database.begin()).rollback()
    assert await database.fetch("test", USERS, []) == []


async def test_statements_have_a_limit(database: Database) -> None:
    (row,) = await database.fetch("test", "SHOW statement_timeout", [])
    assert row[0] == "10s"
    transaction = await database.begin()
    (row,) = await transaction.fetch("test", "SHOW statement_timeout", [])
    assert row[0] == "10s"
    with pytest.raises(DatabaseTimeout):
        await transaction.fetch("test", "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(1)", [])
    await transaction.rollback()


async def test_statements_are_measured(database: Database) -> None:
    def count(label: str) -> float:
        write_tallies()
        name = "taskflow_db_query_duration_seconds_count"
        return registry.get_sample_value(name, {"statement": label}) or 0

    before = count("User.emails"), count("insert users")
    await database.fetch("User.emails", USERS, [])
    async with database.transaction() as client:
        await _add_user(client)
    assert (count("User.emails"), count("insert users")) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (ConnectionRefusedError(), DatabaseUnavailable),
        (FileNotFoundError(), DatabaseUnavailable),
        (asyncpg.ConnectionDoesNotExistError("x"), DatabaseUnavailable),
        (asyncpg.CannotConnectNowError("x"), DatabaseUnavailable),
        (asyncpg.AdminShutdownError("x"), DatabaseUnavailable),
        (asyncpg.TooManyConnectionsError("x"), DatabaseUnavailable),
        (asyncpg.InvalidPasswordError("x"), DatabaseUnavailable),
        (asyncpg.InterfaceError("connection is closed"), DatabaseUnavailable),
        (asyncpg.InterfaceError("pool is closing"), DatabaseUnavailable),
        (asyncpg.InternalClientError("x"), DatabaseUnavailable),
        (TimeoutError(), DatabaseTimeout),
        (asyncpg.QueryCanceledError("x"), DatabaseTimeout),
        (asyncpg.InterfaceError("another operation is in progress"), asyncpg.InterfaceError),
        (asyncpg.DataError("closed"), asyncpg.DataError),
        (asyncpg.UniqueViolationError("x"), asyncpg.UniqueViolationError),
    ],
)
def test_failures_are_translated(error: Exception, becomes: type[Exception]) -> None:
    with pytest.raises(becomes) as caught, translate_failures():
        raise error
    assert type(caught.value) is becomes


async def _add_users(database: Database, count: int) -> None:
    async with database.transaction() as client:
        for _ in range(count):
            await _add_user(client)


async def _add_user(client: TransactionClient) -> models.User:
    return await models.User.create(using_db=client, email="ada@example.com", name="Ada", password_hash="x")
