"""The deployment guide, fact by fact: each is true here, or is a departure that docs/deployment.md names.

The facts about the services, nginx and the monitoring are in test_guide_services.py.
"""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import ConfigurationError, Settings, load_settings
from app.config.loading import variable_name
from tests.deploy.guide import DEPARTURES, DEPLOYMENT, departs
from tests.harness.client import Api
from tests.harness.stores import REPOSITORY

# Overview and prerequisites


@pytest.mark.parametrize(
    ("tool", "version"),
    [
        ("Docker", "24.0"),
        ("Docker Compose", "2.20"),
        ("OpenSSL", "3.0"),
        ("curl", "7.80"),
        ("PostgreSQL", "15"),
    ],
)
def test_prerequisites(tool: str, version: str) -> None:
    assert re.search(rf"^\| {tool}.* \| {re.escape(version)} \|", DEPLOYMENT, re.MULTILINE)


def test_sizes() -> None:
    text = " ".join(DEPLOYMENT.split())
    assert "2 CPU cores, 4 GB of memory and 20 GB of disk" in text
    assert "more than 500 users at a time 4 cores and 8 GB" in text


def test_its_two_other_documents() -> None:
    departs("an architecture document and performance requirements")
    assert (REPOSITORY / "docs/architecture.md").exists()
    assert (REPOSITORY / "docs/performance.md").exists()


@pytest.mark.parametrize(
    "command", ["docker compose up -d", "docker compose build app && docker compose up -d app"]
)
def test_commands_of_compose(command: str) -> None:
    assert re.search(rf"^{re.escape(command)}$", DEPLOYMENT, re.MULTILINE)


# Environment variables

VARIABLES: dict[str, object] = {
    "NODE_ENV": "development",
    "APP_PORT": 3000,
    "DATABASE_URL": None,
    "DB_USER": "taskflow",
    "DB_PASSWORD": None,
    "DB_NAME": "taskflow",
    "REDIS_URL": None,
    "JWT_EXPIRY": timedelta(hours=24),
    "LOG_LEVEL": "info",
    "CORS_ORIGINS": ("*",),
    "RATE_LIMIT_WINDOW": 900_000,
    "RATE_LIMIT_MAX": 100,
    "SMTP_HOST": None,
    "SMTP_PORT": 587,
    "SMTP_USER": None,
    "SMTP_PASSWORD": None,
}


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing is set, in the environment or in .env."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_name(name), raising=False)
    monkeypatch.delenv("APP_ENV", raising=False)
    return monkeypatch


def attribute(variable: str) -> str:
    return "environment" if variable == "NODE_ENV" else variable.lower()


@pytest.mark.parametrize("variable", VARIABLES)
def test_defaults(no_settings: pytest.MonkeyPatch, variable: str) -> None:
    assert getattr(load_settings(), attribute(variable)) == VARIABLES[variable]


@pytest.mark.parametrize(
    ("variable", "values"),
    [("NODE_ENV", ["development"]), ("LOG_LEVEL", ["debug", "info", "warn", "error"])],
)
def test_values(no_settings: pytest.MonkeyPatch, variable: str, values: list[str]) -> None:
    for value in values:
        no_settings.setenv(variable, value)
        assert getattr(load_settings(), attribute(variable)) == value


def test_what_is_required(no_settings: pytest.MonkeyPatch) -> None:
    departs("variables without a default are required")
    no_settings.setenv("NODE_ENV", "production")
    for name, value in {
        "DATABASE_URL": "postgresql://db:5432",
        "REDIS_URL": "redis://redis:6379",
        "JWT_SECRET": "0123456789abcdef" * 3,
    }.items():
        with pytest.raises(ConfigurationError, match=f"{name} is required in production"):
            load_settings()
        no_settings.setenv(name, value)
    assert load_settings().is_production


def test_every_variable_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", DEPLOYMENT, re.MULTILINE))
    assert documented == {variable_name(name) for name in Settings.model_fields}
    assert set(VARIABLES) < documented
    assert "`GRAFANA_PASSWORD` (`admin`)" in DEPLOYMENT


# Database migration


def test_migrations_run_at_start_up() -> None:
    departs("migrations at start-up in production")
    # tests/test_migrations_run.py and tests/deploy/test_image.py start servers on empty databases.
    assert "They run when the server starts" in DEPLOYMENT


@pytest.mark.parametrize("action", ["up", "status", "down"])
def test_commands_of_migrations(action: str) -> None:
    departs("`npm run migrate:up`, `migrate:status`, `migrate:down`")
    assert f"docker compose exec app taskflow migrate {action}\n" in DEPLOYMENT
    helped = subprocess.run(
        [sys.executable, "-m", "app.cli", "migrate", action, "--help"], capture_output=True
    )
    assert helped.returncode == 0


def test_commands_of_backup_and_restore() -> None:
    departs("`docker compose exec db pg_dump` with the shell's `${DB_USER}`")
    dump = """docker compose exec -T db sh -c 'pg_dump -U "$POSTGRES_USER" "$POSTGRES_DB"' > """
    assert dump + "backup_$(date +%Y%m%d_%H%M%S).sql" in DEPLOYMENT
    departs("restore by `psql` alone")
    assert "cat backup_file.sql | docker compose exec -T db sh -c 'psql" in DEPLOYMENT
    assert DEPLOYMENT.index("dropdb") < DEPLOYMENT.index("cat backup_file.sql")


# Health check endpoints


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
async def test_health_endpoints(api: Api, path: str, redis_url: str) -> None:
    response = await api.http.get(path)
    assert response.status_code == 200
    assert re.search(rf"^\| `{path}` \|", DEPLOYMENT, re.MULTILINE)


async def test_the_shape_of_readiness(api: Api, redis_url: str) -> None:
    body = (await api.http.get("/health/ready")).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body.pop("timestamp"))
    services = body["services"]
    assert all(isinstance(services[name].pop("latency_ms"), int) for name in ("database", "redis"))
    assert isinstance(services["migrations"].pop("version"), str)
    ok = {"status": "ok"}
    assert body == {"status": "ok", "services": {"database": ok, "redis": ok, "migrations": ok}}


def test_readiness_is_not_for_load_balancers() -> None:
    departs("`/health/ready` for load balancers")
    # That it is 503 with `degraded` and `down`: tests/test_health_endpoints.py.
    assert "Do not point load balancers at `/health/ready`" in DEPLOYMENT


def test_every_departure_is_one() -> None:
    """Each row of the table is named by a test."""
    source = "".join(file.read_text() for file in Path(__file__).parent.glob("test_guide*.py"))
    named = {
        single or double
        for single, double in re.findall(r"""^    departs\((?:'(.+)'|"(.+)")\)$""", source, re.MULTILINE)
    }
    assert named == set(DEPARTURES)
