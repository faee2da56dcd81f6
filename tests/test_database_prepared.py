"""Statements that a connection keeps prepared, when what they read changes below them."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from app.config import load_settings
from app.infra.connections import connect
from app.infra.prepared import PreparingConnection

ALL = "SELECT * FROM things ORDER BY id"


@pytest.fixture
async def connection(new_database: Callable[..., Awaitable[str]]) -> AsyncIterator[PreparingConnection]:
    settings = load_settings(database_url=await new_database(empty=True))
    opened = await connect(settings.database)
    await opened.execute("CREATE TYPE pair AS (a int, b int); CREATE TABLE things (id int, pair pair)")
    await opened.execute("INSERT INTO things VALUES (1, (2, 3))")
    assert [tuple(row) for row in await opened.rows(ALL, [])] == [(1, (2, 3))]
    yield opened
    await opened.close()


async def test_a_statement_is_prepared_once(connection: PreparingConnection) -> None:
    for _ in range(3):
        await connection.rows(ALL, [])
    counted = (
        "SELECT count(*), max(generic_plans + custom_plans) FROM pg_prepared_statements WHERE statement = $1"
    )
    assert tuple((await connection.rows(counted, [ALL]))[0]) == (1, 4)


async def test_a_column_that_changes_its_type_is_read_as_it_is_now(connection: PreparingConnection) -> None:
    await connection.execute("ALTER TABLE things ALTER id TYPE text")
    assert [tuple(row) for row in await connection.rows(ALL, [])] == [("1", (2, 3))]


async def test_a_new_column_is_read(connection: PreparingConnection) -> None:
    await connection.execute("ALTER TABLE things ADD name text DEFAULT 'new'")
    assert [tuple(row) for row in await connection.rows(ALL, [])] == [(1, (2, 3), "new")]


async def test_in_a_transaction_that_fails_and_the_next_one_is_right(connection: PreparingConnection) -> None:
    await connection.execute("ALTER TABLE things ADD name text DEFAULT 'new'")
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        async with connection.transaction():
            await connection.rows(ALL, [])
    async with connection.transaction():
        assert len((await connection.rows(ALL, []))[0]) == 3


async def test_what_was_done_is_not_done_again(connection: PreparingConnection) -> None:
    """A row whose type has changed is made, and only then found to be unreadable."""
    insert = "INSERT INTO things (id) VALUES ($1) RETURNING (SELECT pair FROM things WHERE id = 1)"
    await connection.rows(insert, [2])
    await connection.execute("ALTER TYPE pair ADD ATTRIBUTE c int CASCADE")
    with pytest.raises(asyncpg.OutdatedSchemaCacheError):
        await connection.rows(insert, [3])
    [[made]] = await connection.rows("SELECT count(*) FROM things WHERE id = 3", [])
    assert made == 1


async def test_a_wrong_argument_says_so_and_leaves_the_connection_usable(
    connection: PreparingConnection,
) -> None:
    by_id = "SELECT id FROM things WHERE id = $1"
    await connection.rows(by_id, [1])
    with pytest.raises(asyncpg.DataError):
        await connection.rows(by_id, ["one"])
    assert len(await connection.rows(by_id, [1])) == 1


async def test_a_closed_connection_says_so(connection: PreparingConnection) -> None:
    await connection.close()
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await connection.rows(ALL, [])
