import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from app.infra.embedded import AlreadyRunning, EmbeddedError, EmbeddedServers
from app.infra.embedded.binaries import find_postgres_binaries
from tests.harness.taskflow import command_line, environment, eventually, living, run_taskflow

HOLD = """
import signal, sys, time
from pathlib import Path
from app.infra.embedded import EmbeddedServers
# What a shell starts in the background inherits that SIGINT is ignored; what nohup starts, that SIGHUP is.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
servers = EmbeddedServers(Path(sys.argv[1]))
servers.start()
print(*servers.pids, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Shorter than pytest's own, so that the sockets are in it.
    with tempfile.TemporaryDirectory(prefix="tf-") as path:
        yield Path(path)


def query(url: str, statement: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_data_outlives_a_restart_with_durable_settings(folder: Path) -> None:
    with EmbeddedServers(folder) as servers:
        first = servers.pids
        query(servers.database_url, "CREATE TABLE kept (id int)")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(servers.database_url, f"SHOW {setting}") == "on"
        assert query(servers.database_url, "SHOW listen_addresses") == ""
        assert query(servers.database_url, "SELECT lower('ÄÖ')") == "äö"
        if servers.redis_url:
            with redis.Redis.from_url(servers.redis_url) as client:
                assert client.config_get("append*")["appendonly"] == "yes"
                client.set("kept", "1")
    assert living(first) == []
    with EmbeddedServers(folder) as servers:
        assert query(servers.database_url, "SELECT count(*) FROM kept") == 0
        if servers.redis_url:
            with redis.Redis.from_url(servers.redis_url) as client:
                assert client.get("kept") == b"1"
    assert {path.stat().st_mode & 0o077 for path in (folder / "postgres", folder / "run")} == {0}


def test_a_second_start_says_who_runs_and_where(folder: Path) -> None:
    servers = EmbeddedServers(folder)
    servers.lock(address="http://localhost:3123")
    with servers, pytest.raises(AlreadyRunning) as caught:
        EmbeddedServers(folder).start()
    assert str(caught.value) == (
        f"TaskFlow is already running at http://localhost:3123 (process {os.getpid()}) "
        f"and uses the data in {folder}."
    )
    assert caught.value.owner.database_url


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_outlives_the_process_that_started_it(folder: Path, sign: signal.Signals) -> None:
    holder, pids = hold(folder)
    holder.send_signal(sign)
    holder.wait(10)
    eventually(lambda: living(pids) == [])
    # An orderly end: the next start has nothing to recover.
    assert "database system is shut down" in (folder / "postgres.log").read_text()


def test_a_start_right_after_a_kill(folder: Path) -> None:
    for _ in range(3):
        holder, pids = hold(folder)
        holder.kill()
        holder.wait(10)
        with EmbeddedServers(folder) as servers:
            assert query(servers.database_url, "SELECT 1") == 1
        assert living(pids) == []


def test_a_stale_pid_file_that_names_a_living_process(folder: Path) -> None:
    with EmbeddedServers(folder):
        lines = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lines[0] = str(stranger.pid)
        (folder / "postgres" / "postmaster.pid").write_text("\n".join(lines))
        with EmbeddedServers(folder) as servers:
            assert query(servers.database_url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_initdb_is_begun_again(folder: Path) -> None:
    (folder / "postgres.new" / "base").mkdir(parents=True)
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedServers(folder, with_redis=False) as servers:
        assert query(servers.database_url, "SELECT current_database()") == "taskflow"
        assert servers.redis_url is None
    assert not (folder / "postgres.new").exists()


def test_data_of_another_major_version_is_refused_and_kept(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 9, and the embedded PostgreSQL is .*18"):
        EmbeddedServers(folder).start()
    assert (folder / "postgres" / "PG_VERSION").read_text() == "9\n"


def test_a_path_too_long_for_a_socket(folder: Path) -> None:
    deep = folder.joinpath(*["a-folder-with-a-long-name"] * 5)
    with EmbeddedServers(deep) as servers:
        assert query(servers.database_url, "SELECT 1") == 1
        sockets = Path(servers.database_url.partition("host=")[2].partition("&")[0])
        assert sockets.stat().st_mode & 0o077 == 0
    assert not sockets.exists()


def test_a_server_that_ends_by_itself_is_started_again(folder: Path) -> None:
    with EmbeddedServers(folder) as servers:
        (postgres,) = (pid for pid in servers.pids if "/postgres " in command_line(pid))
        os.kill(postgres, signal.SIGKILL)
        eventually(lambda: servers.revive() == ["PostgreSQL"])
        eventually(lambda: answers(servers.database_url))
        assert servers.revive() == []


def test_commands_use_the_servers_of_a_running_process(folder: Path) -> None:
    holder, pids = hold(folder)
    try:
        result = run_taskflow("doctor", cwd=folder, DATA_DIR=str(folder))
        assert result.returncode == 0, result.stdout + result.stderr
        assert f"host={folder}/run" in result.stdout
        assert sorted(living(pids)) == sorted(pids)
        refused = run_taskflow("fresh", cwd=folder, DATA_DIR=str(folder))
        assert refused.returncode == 1
        assert f"process {holder.pid}" in refused.stderr
    finally:
        holder.terminate()
        holder.wait(20)
    assert run_taskflow("fresh", cwd=folder, DATA_DIR=str(folder)).returncode == 0
    assert not (folder / "postgres").exists()


def test_root_without_user_namespaces(folder: Path) -> None:
    """As in a container: everybody there, but no further user namespace. An ordinary user needs none."""
    script = [sys.executable, "-c", HOLD.replace("time.sleep(600)", "servers.stop()"), str(folder)]
    for prefix in (
        [],
        [sys.executable, "-m", "tests.harness.no_user_namespaces"] if os.geteuid() == 0 else [],
        [],
    ):
        result = subprocess.run(
            [*prefix, *script], env=environment(), capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0, result.stderr
        owner = (folder / "postgres").stat().st_uid
        assert owner == (65534 if prefix else os.geteuid())


def test_nothing_outlives_root_without_user_namespaces(folder: Path) -> None:
    prefix = ["-m", "tests.harness.no_user_namespaces", sys.executable] if os.geteuid() == 0 else []
    holder, pids = hold(folder, *prefix)
    owner = json.loads((folder / "lock").read_text())
    assert owner["ready"]
    os.kill(int(Path(f"/proc/{pids[0]}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
    holder.wait(10)
    eventually(lambda: living(pids) == [])


def test_the_binaries_of_the_package_are_found() -> None:
    assert max(find_postgres_binaries()) == 18


def hold(folder: Path, *prefix: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A process that has started the servers, and theirs."""
    holder = subprocess.Popen(
        [sys.executable, *prefix, "-c", HOLD.strip(), str(folder)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    line = holder.stdout.readline()
    holder.stdout.close()
    return holder, [int(pid) for pid in line.split()]


def answers(url: str) -> bool:
    try:
        return query(url, "SELECT 1") == 1
    except (OSError, asyncpg.PostgresError):
        return False
