"""docs/backup.md, block by block: a server that is being written to is backed up, and restored elsewhere."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.harness.client import Api
from tests.harness.own_postgres import USER, OwnPostgres
from tests.harness.own_redis import OwnRedis
from tests.harness.people import Person
from tests.harness.people import sign_up as sign_up_person
from tests.harness.requirements import POSTGRESQL_15
from tests.harness.server import JWT_SECRET, Servers, server_environment
from tests.harness.stores import REPOSITORY, bare_environment
from tests.live import until

pytestmark = pytest.mark.postgresql

Serve = Callable[[str], AbstractAsyncContextManager[Api]]

GUIDE = (REPOSITORY / "docs/backup.md").read_text()
DATABASE = "taskflow"
# In place of Docker: the database's programs and `taskflow` run here; the app is stopped by the test itself.
DOCKER = """#!/bin/sh -e
case "$1 $2" in
  "compose exec") shift 4; exec "$@" ;;
  "compose run") shift 4; exec "$@" ;;
  "compose stop" | "compose start") exit 0 ;;
  *) exit 1 ;;
esac
"""
UPDATE = """
mutation ($id: ID!, $title: String!) {
  taskUpdate(id: $id, input: {title: $title}) { task { version } userErrors { code } }
}"""
STATE = "query ($id: ID!) { workspace(id: $id) { syncSeq syncEpoch } }"
CHANGES = """
query ($id: ID!, $after: BigInt!, $epoch: ID) {
  changes(workspaceId: $id, after: $after, epoch: $epoch) { seq epoch resync events { seq type } }
}"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[OwnPostgres]:
    with _postgres(tmp_path / "b") as started:
        yield started


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    started = OwnRedis(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def serve(servers: Servers, redis: OwnRedis) -> Serve:
    """`async with serve(database_url) as api:`"""

    @asynccontextmanager
    async def served(database_url: str) -> AsyncIterator[Api]:
        server = servers.start(server_environment(database_url, redis.url))
        await server.wait_ready()
        api = Api(server.url)
        yield api
        await api.close()
        server.stop()

    return served


@pytest.fixture
async def live(tmp_path: Path, serve: Serve) -> AsyncIterator[Person]:
    """Somebody on a server with a PostgreSQL 15 of its own."""
    with _postgres(tmp_path / "a") as started:
        async with serve(started.url(DATABASE)) as api:
            yield await sign_up_person(api)


@pytest.mark.parametrize(("heading", "ending"), [("Restore", "dump"), ("Plain SQL", "sql")])
async def test_a_backup_of_a_busy_server_is_whole_elsewhere(
    live: Person, elsewhere: OwnPostgres, serve: Serve, tmp_path: Path, heading: str, ending: str
) -> None:
    backup = blocks("Back up" if ending == "dump" else heading)[0]
    async with _being_written_to(live):
        await asyncio.to_thread(_run, backup, tmp_path, tmp_path / "a")
        before = await _state(live)
    restore = f"mv backup_*.{ending} backup_file.{ending}\n{blocks(heading)[-1]}"
    said = await asyncio.to_thread(_run, restore, tmp_path, tmp_path / "b")
    assert "The log of every workspace is whole." in said
    assert "Renewed the sync epoch of every workspace (1)" in said

    original = await asyncpg.connect(_url(tmp_path / "a"))
    restored = await asyncpg.connect(elsewhere.url(DATABASE))
    last = await _assert_consistent(restored, live.workspace_id)
    assert 0 < last < int(before["syncSeq"])
    digests = [await one.fetchval(LOG_DIGEST, live.workspace_id, last) for one in (original, restored)]
    assert digests[0] == digests[1]
    await original.close()

    async with serve(elsewhere.url(DATABASE)) as api:
        await _assert_clients_read_anew(Person(**{**vars(live), "api": api}), before)
    assert await _assert_consistent(restored, live.workspace_id) == last + 1
    await restored.close()


def test_the_deployment_guide_leads_there() -> None:
    assert "(backup.md)" in (REPOSITORY / "docs/deployment.md").read_text()


def blocks(heading: str) -> list[str]:
    """The commands under a heading of the guide."""
    section = re.split(r"^##+ ", GUIDE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


def _postgres(folder: Path) -> OwnPostgres:
    folder.mkdir()
    started = OwnPostgres(folder)
    subprocess.run([POSTGRESQL_15 / "createdb", "-h", folder, "-U", USER, DATABASE], check=True)
    return started


def _url(folder: Path) -> str:
    return f"postgresql://{USER}@/{DATABASE}?host={folder}"


def _run(commands: str, folder: Path, postgres: Path) -> str:
    """Runs a block of the guide; returns what it said."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, text in (
        ("docker", DOCKER),
        ("taskflow", f'#!/bin/sh\nexec {sys.executable} -m app.cli "$@"\n'),
    ):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    environment = {
        **bare_environment(),
        "PATH": os.pathsep.join([str(programs), str(POSTGRESQL_15), os.environ["PATH"]]),
        "PYTHONPATH": str(REPOSITORY),
        "PGHOST": str(postgres),
        "POSTGRES_USER": USER,
        "POSTGRES_DB": DATABASE,
        "DATABASE_URL": _url(postgres),
        "JWT_SECRET": JWT_SECRET,
    }
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@asynccontextmanager
async def _being_written_to(person: Person) -> AsyncIterator[None]:
    """Tasks are created and changed before, during and after the block."""
    ended, count = asyncio.Event(), 0

    async def write() -> None:
        nonlocal count
        while not ended.is_set():
            task = await person.task("as created")
            await person.create(UPDATE, {"id": task["id"], "title": "as changed"})
            count += 1

    writing = [asyncio.create_task(write()) for _ in range(3)]
    await until(lambda: count > 20)
    yield
    during = count
    await until(lambda: count > during + 5)
    ended.set()
    await asyncio.gather(*writing)


async def _state(person: Person) -> dict[str, str]:
    state: dict[str, str] = (await person.run(STATE, {"id": person.workspace_id})).data["workspace"]
    return state


async def _assert_consistent(sql: asyncpg.Connection, workspace_id: str) -> int:
    """Rows and log tell the same. Returns the last seq."""
    log = await sql.fetchrow(LOG, workspace_id)
    assert log is not None
    assert log["first"] == 1
    assert log["events"] == log["last"] == log["counter"]
    assert await sql.fetchval("SELECT count(*) FROM tasks") > 20
    for told in (NOT_TOLD, NOT_THERE, WRONG_VERSION, WRONG_NUMBER):
        assert await sql.fetchval(told) == 0, told
    last: int = log["last"]
    return last


async def _assert_clients_read_anew(person: Person, before: dict[str, str]) -> None:
    """`before` is what a client knew of the log that is gone."""
    known = {"id": person.workspace_id, "after": before["syncSeq"], "epoch": before["syncEpoch"]}
    page = (await person.run(CHANGES, known)).data["changes"]
    assert (page["resync"], page["events"]) == ("EPOCH_CHANGED", [])
    assert page["epoch"] != before["syncEpoch"]
    await person.task("after the restore")
    known |= {"after": page["seq"], "epoch": page["epoch"]}
    following = (await person.run(CHANGES, known)).data["changes"]
    assert following["resync"] is None
    assert [event["type"] for event in following["events"]] == ["task.created"]


LOG = """
SELECT min(event.seq) AS first, max(event.seq) AS last, count(*) AS events, counter.seq AS counter
FROM workspace_counters counter JOIN events event USING (workspace_id)
WHERE workspace_id = $1
GROUP BY counter.seq"""
LOG_DIGEST = """
SELECT md5(string_agg(event::text, '|' ORDER BY seq)) FROM events event
WHERE workspace_id = $1 AND seq <= $2"""
NOT_TOLD = """
SELECT count(*) FROM tasks task
WHERE (SELECT count(*) FROM events WHERE entity_id = task.id AND type = 'task.created') <> 1"""
NOT_THERE = """
SELECT count(*) FROM events WHERE entity_type = 'task' AND entity_id NOT IN (SELECT id FROM tasks)"""
WRONG_VERSION = """
SELECT count(*) FROM tasks task
WHERE version <> (SELECT max(entity_version) FROM events WHERE entity_id = task.id)"""
WRONG_NUMBER = """
SELECT count(*) FROM projects project
WHERE last_task_number <> (SELECT coalesce(max(number), 0) FROM tasks WHERE project_id = project.id)"""
