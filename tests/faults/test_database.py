"""PostgreSQL killed, restarted, away, read-only, full and busy, behind three servers and nginx under load."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.cluster import DB_POOL_SIZE, Clock, Cluster
from tests.faults.conftest import Figures
from tests.faults.load import Load, assert_written_once, going_on, write_all
from tests.harness.people import Person
from tests.harness.taskflow import descendants
from tests.live import until

pytestmark = [pytest.mark.nginx, pytest.mark.postgresql]

UNAVAILABLE = "503 SERVICE_UNAVAILABLE"
SAID = "The service is not available at the moment. Try again soon."
ANSWER_SECONDS = 3.0
RECOVERY_SECONDS = 5.0


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_no_acknowledged_write_is_lost_or_doubled_when_postgresql_is_killed(
    cluster: Cluster, writer: Person, figures: Figures, count: int
) -> None:
    load, clock = Load(cluster.api, writer), Clock()
    writing = asyncio.create_task(write_all(load, count))
    for kill in range(1, 4):
        await load.wait_acknowledged(count * kill // 4)
        await asyncio.to_thread(cluster.postgres.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(cluster.postgres.start)
    await writing
    assert len(load.acknowledged) == count
    async with cluster.sql() as sql:
        await assert_written_once(load, sql, exactly=True)
    assert set(load.writes.failed) == {UNAVAILABLE}
    figures(acknowledged=len(load.acknowledged), answers=load.writes, seconds=clock.seconds)


@pytest.mark.parametrize("seconds", [0, 5, pytest.param(20, marks=pytest.mark.soak)])
async def test_postgresql_away(cluster: Cluster, writer: Person, figures: Figures, seconds: float) -> None:
    """Stopped and started again, at once or after `seconds`."""
    load, processes = Load(cluster.api, writer), _processes(cluster)
    async with going_on(load, pause=0.05):
        await load.wait_acknowledged(10)
        away = Clock()
        await asyncio.to_thread(cluster.postgres.stop)
        if seconds:
            await until(lambda: _all_say(cluster, 503), ANSWER_SECONDS)
            noticed = away.seconds
            await asyncio.sleep(seconds - away.seconds)
            assert await _all_say(cluster, 503)
        await asyncio.to_thread(cluster.postgres.start)
        back = Clock()
        await until(lambda: _all_say(cluster, 200), RECOVERY_SECONDS)
        recovered = back.seconds
        assert {await load.read(by_get=False) for _ in range(10)} == {"200"}
        assert {await load.write() for _ in range(10)} == {"200"}
    assert set(load.reads.failed) <= {UNAVAILABLE}
    assert set(load.writes.failed) <= {UNAVAILABLE}
    if seconds:
        assert load.reads.failed
        assert load.writes.failed
        assert load.reads.messages | load.writes.messages == {SAID}
    slowest = max(load.reads.slowest_failure, load.writes.slowest_failure)
    assert slowest < ANSWER_SECONDS
    assert recovered < RECOVERY_SECONDS
    assert _processes(cluster) == processes
    async with cluster.sql() as sql:
        await assert_written_once(load, sql, exactly=False)
    figures(
        reads=load.reads,
        writes=load.writes,
        slowest_refusal_seconds=slowest,
        noticed_after_seconds=noticed if seconds else "-",
        recovered_after_seconds=recovered,
    )


@pytest.mark.parametrize("times", [2, pytest.param(10, marks=pytest.mark.soak)])
async def test_postgresql_frozen(cluster: Cluster, writer: Person, figures: Figures, times: int) -> None:
    """It keeps its connections and answers nothing, as when its host's storage hangs."""
    load, noticed, recovered, processes = Load(cluster.api, writer), 0.0, 0.0, _processes(cluster)
    writing = asyncio.create_task(write_all(load, 100_000))
    try:
        async with going_on(load, writers=0, pause=0.05):
            for _ in range(times):
                await load.wait_acknowledged(len(load.acknowledged) + 50)
                cluster.postgres.freeze()
                frozen = Clock()
                await until(lambda: _all_say(cluster, 503), ANSWER_SECONDS)
                noticed = max(noticed, frozen.seconds)
                await asyncio.sleep(4 - frozen.seconds)  # longer than any answer takes
                cluster.postgres.thaw()
                back = Clock()
                await until(lambda: _all_say(cluster, 200), RECOVERY_SECONDS)
                recovered = max(recovered, back.seconds)
            await load.wait_acknowledged(len(load.acknowledged) + 50)
    finally:
        cluster.postgres.thaw()
        writing.cancel()
        await asyncio.wait([writing])
    slowest = max(*load.reads.slowest.values(), *load.writes.slowest.values())
    assert slowest < ANSWER_SECONDS
    assert set(load.reads.failed) == set(load.writes.failed) == {UNAVAILABLE}
    assert _processes(cluster) == processes
    async with cluster.sql() as sql:
        await assert_written_once(load, sql, exactly=False)
    figures(
        reads=load.reads,
        writes=load.writes,
        slowest_answer_seconds=slowest,
        noticed_after_seconds=noticed,
        recovered_after_seconds=recovered,
    )


async def test_a_read_only_database_is_read(cluster: Cluster, writer: Person, figures: Figures) -> None:
    """As a standby is that a failover has not promoted yet."""
    load = Load(cluster.api, writer)
    async with cluster.sql() as sql:
        await sql.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await sql.execute("SELECT pg_reload_conf()")
        try:
            await until(lambda: _answers(load, UNAVAILABLE))
            refused = [await load.write() for _ in range(20)]
            read = [await load.read(by_get=True) for _ in range(20)]
        finally:
            await sql.execute("SET default_transaction_read_only = off")
            await sql.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await sql.execute("SELECT pg_reload_conf()")
        await until(lambda: _answers(load, "200"))
        assert set(refused) == {UNAVAILABLE}
        assert load.writes.messages == {SAID}
        assert set(read) == {"200"}
        assert {await load.write() for _ in range(20)} == {"200"}
        await assert_written_once(load, sql, exactly=True)
    assert "read-only transaction" in cluster.log_of_replicas()
    figures(writes=load.writes, reads=load.reads, slowest_refusal_seconds=load.writes.slowest_failure)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "taskflow-test", folder], check=False)
    if made.returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


async def test_a_full_disk(cluster: Cluster, writer: Person, figures: Figures, small_disk: Path) -> None:
    load = Load(cluster.api, writer)
    async with _tasks_on(small_disk, cluster):
        ballast = small_disk / "ballast"
        _fill(ballast)
        await until(lambda: _answers(load, UNAVAILABLE))
        read = [await load.read(by_get=True) for _ in range(20)]
        ballast.unlink()
        assert {await load.write(description=_long_text()) for _ in range(20)} == {"200"}
        async with cluster.sql() as sql:
            await assert_written_once(load, sql, exactly=True)
    assert set(read) == {"200"}
    assert set(load.writes.failed) == {UNAVAILABLE}
    assert load.writes.messages == {SAID}
    assert load.writes.slowest_failure < ANSWER_SECONDS
    assert "No space left on device" in cluster.log_of_replicas()
    figures(writes=load.writes, reads=load.reads, slowest_refusal_seconds=load.writes.slowest_failure)


async def test_with_all_connections_of_a_user_taken_nobody_waits_for_long(
    cluster: Cluster, writer: Person, figures: Figures
) -> None:
    load, writers, other = Load(cluster.api, writer), 60, Load(cluster.api, await cluster.sign_up())
    connections = len(cluster.replicas) * (DB_POOL_SIZE // 2 - 1)  # one user is not given them all
    async with cluster.sql() as sql:
        async with cluster.writes_wait(writer):
            waiting = [asyncio.create_task(load.write()) for _ in range(writers)]
            await until(lambda: cluster.waiting_writes(sql, connections))
            reads = [await load.read(by_get=False) for _ in range(30)]
            assert [await other.write() for _ in range(10)] == ["200"] * 10
            await until(lambda: load.writes.answers.total() == writers - connections)
        await asyncio.gather(*waiting)
        assert load.writes.answers == {"200": connections, UNAVAILABLE: writers - connections}
        assert load.writes.slowest_failure < 2 * ANSWER_SECONDS
        assert set(reads) == {"200"}
        await assert_written_once(load, sql, exactly=True)
    figures(
        writes=load.writes,
        slowest_refusal_seconds=load.writes.slowest_failure,
        reads_meanwhile=load.reads,
        slowest_read_seconds=load.reads.slowest["200"],
    )


async def _answers(load: Load, expected: str) -> bool:
    return await load.write(description=_long_text()) == expected


async def _all_say(cluster: Cluster, status: int) -> bool:
    answers = await asyncio.gather(*map(cluster.readiness, range(len(cluster.replicas))))
    database = "ok" if status == 200 else "down"
    return all(
        code == status and body["services"]["database"]["status"] == database for code, body in answers
    )


def _processes(cluster: Cluster) -> list[list[int]]:
    return [[one.process.pid, *descendants(one.process.pid)] for one in cluster.replicas]


def _long_text() -> str:
    """Longer than what a page of a table holds, and not to be compressed by much."""
    return secrets.token_hex(20_000)


@asynccontextmanager
async def _tasks_on(disk: Path, cluster: Cluster) -> AsyncIterator[None]:
    place = disk / "tablespace"
    place.mkdir(mode=0o700)
    cluster.postgres.hand_over(disk)
    async with cluster.sql() as sql:
        await sql.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        await sql.execute("ALTER TABLE tasks SET TABLESPACE small")
        yield
        await sql.execute("ALTER TABLE tasks SET TABLESPACE pg_default")
        await sql.execute("DROP TABLESPACE small")


def _fill(file: Path) -> None:
    """Leaves no room on the file system of `file`."""
    with file.open("wb", buffering=0) as ballast:
        free = os.statvfs(file.parent).f_bavail * os.statvfs(file.parent).f_frsize
        while free > 0:
            free -= ballast.write(bytes(min(free, 65536)))
