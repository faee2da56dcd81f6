import asyncio
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from app.commands.panel import running_panel
from app.config import Settings
from tests.harness.server import free_port
from tests.harness.stores import Stores, database_url
from tests.harness.taskflow import run_taskflow

SECRET = "kQ8vN2xT5bY7mR4cW9zL1pF6hJ3sD0aG"


def test_doctor_shows_what_is_in_effect_without_secrets(tmp_path: Path, stores: Stores) -> None:
    mail = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    mail.start()
    try:
        result = run_taskflow(
            "doctor",
            cwd=tmp_path,
            DATABASE_URL=stores.database_url,
            REDIS_URL=stores.redis_url or "",
            DB_PASSWORD="hunter2hunter2",
            JWT_SECRET=SECRET,
            JWT_EXPIRY="90m",
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(mail.port),
        )
    finally:
        mail.stop()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "hunter2" not in result.stdout
    assert SECRET not in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["*", "JWT_EXPIRY", "90m"] in lines
    assert ["*", "JWT_SECRET", "***"] in lines
    assert ["RATE_LIMIT_MAX", "100"] in lines
    assert f"PostgreSQL: version {stores.postgresql_version}" in result.stdout
    assert f"SMTP: answers at 127.0.0.1:{mail.port}" in result.stdout


def test_doctor_fails_and_tries_everything(tmp_path: Path) -> None:
    port = free_port()
    result = run_taskflow(
        "doctor",
        cwd=tmp_path,
        DATABASE_URL=f"postgresql://taskflow:hunter2@127.0.0.1:{port}/x",
        REDIS_URL=f"redis://user:hunter2@127.0.0.1:{port}",
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(port),
    )
    assert result.returncode == 1
    failed = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("  FAILED")]
    assert failed == ["PostgreSQL:", "Redis:", "SMTP:"]
    assert "hunter2" not in result.stdout
    assert "Traceback" not in result.stderr


def test_migrate_up_status_and_check(tmp_path: Path, stores: Stores) -> None:
    url = asyncio.run(stores.new_database(empty=True))
    commands = [("migrate", "status"), ("migrate", "up"), ("migrate", "up"), ("migrate", "status")]
    results = [run_taskflow(*command, cwd=tmp_path, DATABASE_URL=url) for command in commands]
    assert [result.returncode for result in results] == [0, 0, 0, 0], [result.stderr for result in results]
    before, first, second, after = (result.stdout.splitlines() for result in results)
    assert before
    assert all(line.startswith("pending ") for line in before)
    assert [line.split()[1] for line in first] == [line.split()[1] for line in before]
    assert second == ["Every migration is applied already."]
    assert after == [line.replace("pending", "applied") for line in before]
    assert run_taskflow("migrate", "check", cwd=tmp_path).returncode == 0
    # Nothing of this needs, or makes, a folder of its own.
    assert list(tmp_path.iterdir()) == []


def test_migrate_says_when_the_database_is_away(tmp_path: Path) -> None:
    url = database_url(f"postgresql://127.0.0.1:{free_port()}/x", "x")
    result = run_taskflow("migrate", "up", cwd=tmp_path, DATABASE_URL=url)
    assert result.returncode == 1
    assert result.stderr.startswith("The database cannot be reached:")
    assert "Traceback" not in result.stderr


def test_schema_is_printed_written_and_checked(tmp_path: Path) -> None:
    printed = run_taskflow("schema", cwd=tmp_path)
    assert printed.returncode == 0, printed.stderr
    assert "type Mutation" in printed.stdout
    missing = run_taskflow("schema", "--check", cwd=tmp_path)
    assert (missing.returncode, "make schema" in missing.stderr) == (1, True)
    assert run_taskflow("schema", "--write", cwd=tmp_path).returncode == 0
    assert (tmp_path / "schema.graphql").read_text() == printed.stdout
    assert run_taskflow("schema", "--publish", cwd=tmp_path).returncode == 0
    assert run_taskflow("schema", "--check", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("arguments", [(), ("unknown",), ("serve", "--port", "x"), ("migrate",)])
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run_taskflow(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: taskflow")


def test_the_panel_names_all_a_newcomer_needs() -> None:
    settings = Settings(app_port=3456, database_url="postgresql://u:secret@db/x")
    panel = running_panel(settings, None, "demo@example.com, password demo")
    assert "http://localhost:3456/graphql" in panel
    assert "demo@example.com, password demo" in panel
    assert "postgresql://u:***@db:5432/x" in panel
    assert "Ctrl-C" in panel
    assert len({len(line) for line in panel.strip().splitlines()}) == 1
