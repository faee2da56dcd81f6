"""PostgreSQL away at the start, killed, hung, and back again. Each test has a server of its own."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from app.config import Settings, load_settings
from app.infra.db import Database, DatabaseUnavailable
from app.infra.embedded import EmbeddedServers


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedServers]:
    with EmbeddedServers(tmp_path / "own", with_redis=False) as servers:
        yield servers


async def test_the_database_may_come_after_the_server(postgres: EmbeddedServers) -> None:
    settings = load_settings(database_url=postgres.database_url)
    _kill(postgres)
    started = time.perf_counter()
    async with _running(settings) as database:
        assert time.perf_counter() - started < 1
        with pytest.raises(DatabaseUnavailable):
            await database.wait_ready(1)
        assert database.state == "connecting"
        assert database.reason
        assert database.migration_version is None
        await _refuses_at_once(database)
        postgres.revive()
        await database.wait_ready(20)
        assert database.migration_version is not None
        assert await database.fetch("test", "SELECT 1", [])


async def test_a_killed_database_is_noticed_and_taken_back(
    postgres: EmbeddedServers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with _running(load_settings(database_url=postgres.database_url)) as database:
        await database.wait_ready(20)
        await asyncio.gather(*(database.fetch("test", "SELECT pg_sleep(0.1)", []) for _ in range(5)))
        open_transaction = await database.begin()
        statement = asyncio.create_task(database.fetch("test", "SELECT pg_sleep(30)", []))
        await asyncio.sleep(0.1)
        _kill(postgres)
        with pytest.raises(DatabaseUnavailable):
            await statement
        with pytest.raises(DatabaseUnavailable):
            await open_transaction.commit()
        await _until(lambda: database.state == "down", 2)
        assert database.reason
        await _refuses_at_once(database)
        with pytest.raises(DatabaseUnavailable):
            await database.ping()

        postgres.revive()
        await database.wait_ready(20)
        await asyncio.gather(*(database.fetch("test", "SELECT 1", []) for _ in range(20)))
        async with database.transaction() as client:
            await client.execute_query("SELECT 1")
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_short_restart_is_survived_under_load(postgres: EmbeddedServers) -> None:
    """Every call either answers or raises DatabaseUnavailable, nothing else, and all is well at the end."""
    async with _running(load_settings(database_url=postgres.database_url, db_pool_size=4)) as database:
        await database.wait_ready(20)
        until = time.perf_counter() + 3
        refused = answered = 0

        async def use() -> None:
            nonlocal refused, answered
            while time.perf_counter() < until:
                try:
                    await database.fetch("test", "SELECT pg_sleep(0.001)", [])
                    async with database.transaction() as client:
                        await client.execute_query("SELECT 1")
                    answered += 1
                except DatabaseUnavailable:
                    refused += 1
                    await asyncio.sleep(0.01)

        workers = [asyncio.create_task(use()) for _ in range(8)]
        await asyncio.sleep(0.5)
        _kill(postgres)
        await asyncio.sleep(0.3)
        postgres.revive()
        await asyncio.gather(*workers)
        await database.wait_ready(20)
        assert answered > 0
        assert refused > 0
        assert await database.fetch("test", "SELECT 1", [])


async def test_a_server_that_accepts_and_never_answers_is_given_up(
    unused_tcp_port: int, postgres: EmbeddedServers
) -> None:
    async def swallow(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(swallow, "127.0.0.1", unused_tcp_port)
    settings = load_settings(database_url=f"postgresql://x@127.0.0.1:{unused_tcp_port}/x")
    async with _running(settings) as database:
        await asyncio.sleep(0.2)
        await _refuses_at_once(database)
        await _until(lambda: "in time" in (database.reason or ""), 5)
        assert not database.ready
    server.close()


async def test_a_database_that_hangs_is_noticed_and_taken_back(
    postgres: EmbeddedServers,
) -> None:
    """Whoever waits is told: for an answer, for a connection that comes free, for one to be opened."""
    settings = load_settings(database_url=postgres.database_url, db_pool_size=4)
    async with _running(settings) as database:
        await database.wait_ready(20)
        kept = await asyncio.gather(*(database.begin() for _ in range(2)))  # all there are for writes
        await database.fetch("test", "SELECT 1", [])
        _signal_all(postgres, signal.SIGSTOP)
        try:
            reads = [database.fetch("test", "SELECT 1", []) for _ in range(6)]
            waiting = [*reads, *(one.fetch("test", "SELECT 1", []) for one in kept), database.begin()]
            started = time.perf_counter()
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert time.perf_counter() - started < 3
            assert {type(answer) for answer in answers} == {DatabaseUnavailable}
            assert database.state == "down"
            await _refuses_at_once(database)
            assert {pool.in_use for pool in database.pools} == {0, 2}
            await asyncio.gather(*(one.rollback() for one in kept))
            await _until(lambda: not any(pool.in_use for pool in database.pools), 1)
        finally:
            _signal_all(postgres, signal.SIGCONT)
        await database.wait_ready(5)
        assert await database.fetch("test", "SELECT 1", [])


async def test_slow_statements_go_on_while_the_database_answers(postgres: EmbeddedServers) -> None:
    """On all connections there are, and with nothing else answered but the look each second."""
    settings = load_settings(database_url=postgres.database_url, db_pool_size=2)
    async with _running(settings) as database:
        await database.wait_ready(20)
        slow = [database.fetch("test", "SELECT pg_sleep(5), 'slept'", []) for _ in range(2)]
        assert [rows[0][1] for rows in await asyncio.gather(*slow)] == ["slept"] * 2
        assert database.ready


async def test_any_character_in_the_password(postgres: EmbeddedServers, tmp_path: Path) -> None:
    password = "p@ss:w/ord%41 #?&='\"\\ü"
    address = load_settings(database_url=postgres.database_url).database
    await _require_password(postgres, "careful", password, tmp_path / "own" / "postgres" / "pg_hba.conf")
    url = f"postgresql://careful@/taskflow?host={address.host}"
    async with _running(load_settings(database_url=url, db_password=password)) as database:
        await database.wait_ready(20)
        (row,) = await database.fetch("test", "SELECT current_user", [])
        assert row[0] == "careful"
    async with _running(load_settings(database_url=url, db_password="wrong")) as database:
        await _until(lambda: "password authentication failed" in (database.reason or ""), 5)


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    await database.start()
    try:
        yield database
    finally:
        async with asyncio.timeout(8):
            await database.stop()


async def _refuses_at_once(database: Database) -> None:
    started = time.perf_counter()
    with pytest.raises(DatabaseUnavailable):
        await database.fetch("test", "SELECT 1", [])
    with pytest.raises(DatabaseUnavailable):
        await database.begin()
    assert time.perf_counter() - started < 0.1


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline
        await asyncio.sleep(0.02)


async def _require_password(postgres: EmbeddedServers, user: str, password: str, hba: Path) -> None:
    connection = await asyncpg.connect(postgres.database_url)
    await connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD {_literal(password)}")
    await connection.execute(f"GRANT ALL ON SCHEMA public TO {user}")
    _prepend(hba, f"local all {user} scram-sha-256\n")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
    await asyncio.sleep(0.3)


def _prepend(file: Path, text: str) -> None:
    file.write_text(text + file.read_text())


def _literal(text: str) -> str:
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _signal_all(postgres: EmbeddedServers, number: signal.Signals) -> None:
    (pid,) = postgres.pids
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        os.kill(one, number)


def _kill(postgres: EmbeddedServers) -> None:
    (pid,) = postgres.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
