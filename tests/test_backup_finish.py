"""`taskflow restore-finish`: what it does to a restored database, and when it does nothing."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person, sign_up
from tests.harness.server import JWT_SECRET, Server, Servers
from tests.harness.stores import Stores
from tests.harness.taskflow import run_taskflow

NewDatabase = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
async def filled(stores: Stores, server: Server, servers: Servers) -> str:
    url = await stores.new_database()
    env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    one = servers.start({**env, "DATABASE_URL": url})
    await one.wait_ready()
    async with _somebody(one) as person:
        await person.workspace()
        await person.task()
    one.stop()
    return url


@pytest.fixture
async def restored(filled: str, stores: Stores) -> str:
    """The URL of a database with two workspaces, that nobody is connected to."""
    return await stores.copy_of(filled)


async def test_every_workspace_gets_an_epoch_of_its_own(restored: str, tmp_path: Path) -> None:
    before = await _epochs(restored)
    finished = await _restore_finish(restored, tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "Renewed the sync epoch of every workspace (2)" in finished.stdout
    after = await _epochs(restored)
    assert len({*before, *after}) == 4


async def test_sessions_stay_unless_they_are_to_end(restored: str, tmp_path: Path) -> None:
    assert (await _restore_finish(restored, tmp_path)).returncode == 0
    assert await _value(restored, OPEN_SESSIONS) == 1
    finished = await _restore_finish(restored, tmp_path, "--sign-out")
    assert "Signed everybody out (sessions: 1)." in finished.stdout
    assert await _value(restored, OPEN_SESSIONS) == 0


async def test_it_refuses_while_a_server_is_connected(
    restored: str, start_server: StartServer, tmp_path: Path
) -> None:
    before = await _epochs(restored)
    async with _somebody(await start_server(DATABASE_URL=restored)):
        refused = await _restore_finish(restored, tmp_path)
        assert refused.returncode == 1
        assert "Stop the servers first" in refused.stderr
        assert set(before) <= set(await _epochs(restored))
        forced = await _restore_finish(restored, tmp_path, "--force")
        assert forced.returncode == 0, forced.stderr
        assert not set(before) & set(await _epochs(restored))


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM events WHERE seq = 2",
        "DELETE FROM events WHERE (workspace_id, seq) IN (SELECT workspace_id, seq FROM workspace_counters)",
        "UPDATE workspace_counters SET seq = seq - 1",
        "DELETE FROM workspace_counters",
    ],
)
async def test_it_refuses_a_log_that_is_not_whole(restored: str, tmp_path: Path, damage: str) -> None:
    await _value(restored, damage)
    before = await _epochs(restored)
    refused = await _restore_finish(restored, tmp_path)
    assert refused.returncode == 1
    assert "Logs that are not whole (" in refused.stderr
    assert "Nothing was changed." in refused.stderr
    assert await _epochs(restored) == before
    assert (await _restore_finish(restored, tmp_path, "--force")).returncode == 0
    assert not set(before) & set(await _epochs(restored))


async def test_an_empty_database_is_no_backup(new_database: NewDatabase, tmp_path: Path) -> None:
    refused = await _restore_finish(await new_database(empty=True), tmp_path)
    assert refused.returncode == 1
    assert "Restore the backup first." in refused.stderr


OPEN_SESSIONS = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL"


@asynccontextmanager
async def _somebody(server: Server) -> AsyncIterator[Person]:
    api = Api(server.url)
    yield await sign_up(api)
    await api.close()


async def _restore_finish(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        run_taskflow, "restore-finish", *arguments, cwd=folder, DATABASE_URL=url, JWT_SECRET=JWT_SECRET
    )


async def _epochs(url: str) -> list[str]:
    rows: list[str] = await _value(url, "SELECT array_agg(sync_epoch::text ORDER BY slug) FROM workspaces")
    return rows


async def _value(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
