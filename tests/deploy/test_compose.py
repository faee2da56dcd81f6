"""docker-compose.yml, .env.example and the files beside them, as far as they can be judged without Docker."""

import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings, load_settings
from app.config.loading import variable_name
from app.config.values import write_duration
from tests.harness.documents import read_yaml, read_yaml_text
from tests.harness.stores import REPOSITORY, bare_environment

COMPOSE_FILE = REPOSITORY / "docker-compose.yml"
COMPOSE: dict[str, Any] = read_yaml(COMPOSE_FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (REPOSITORY / ".env.example").read_text()
# The container's own: it always listens on all its addresses, on 3000, and keeps no data.
NOT_FOR_COMPOSE = {"APP_HOST", "APP_PORT", "DATA_DIR"}
REQUIRED = {"DB_PASSWORD": "a@b/c:d%e f", "JWT_SECRET": "0123456789abcdef" * 3}
# Another default on purpose: two cores, HTTPS by nginx, which is the proxy, and the stores beside it.
COMPOSES_OWN = {
    "NODE_ENV",
    "WORKERS",
    "PUBLIC_URL",
    "TRUSTED_PROXIES",
    "DATABASE_URL",
    "REDIS_URL",
    *REQUIRED,
}


def interpolated() -> dict[str, str]:
    """Every variable of the file by its default; the empty text where it has none."""
    return dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE_FILE.read_text()))


def app_environment(**env: str) -> dict[str, str]:
    """What the app's container is given when `env` is in .env."""
    values = interpolated() | REQUIRED | env

    def resolve(text: object) -> str:
        return re.sub(r"\$\{(\w+)[^}]*\}", lambda match: values[match[1]], str(text))

    return {name: resolve(value) for name, value in SERVICES["app"]["environment"].items()}


def test_it_follows_the_schema_of_compose_files() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE_FILE),
    ]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_dockerfile_passes_hadolint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run(
        [hadolint, REPOSITORY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.compose
def test_docker_compose_reads_it() -> None:
    accepted = _docker_compose("config", **REQUIRED)
    assert accepted.returncode == 0, accepted.stderr
    app = read_yaml_text(accepted.stdout)["services"]["app"]
    assert app["environment"] == app_environment()


@pytest.mark.compose
@pytest.mark.parametrize("name", REQUIRED)
def test_it_refuses_to_start_without_a_secret(name: str) -> None:
    refused = _docker_compose(
        "config", **{other: value for other, value in REQUIRED.items() if other != name}
    )
    assert refused.returncode != 0
    assert f"Set {name} in .env" in refused.stderr


def _docker_compose(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    assert program is not None
    return subprocess.run(
        [program, "--file", COMPOSE_FILE, *arguments],
        cwd="/",
        env=bare_environment() | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_setting_reaches_the_app() -> None:
    settings = {variable_name(name) for name in Settings.model_fields} - NOT_FOR_COMPOSE
    assert settings == set(SERVICES["app"]["environment"])


def test_the_apps_environment_is_a_valid_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in app_environment().items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.is_production
    assert (settings.app_host, settings.app_port) == ("0.0.0.0", 3000)
    address = settings.database
    assert (address.host, address.port, address.user, address.database) == (
        "db",
        5432,
        "taskflow",
        "taskflow",
    )
    assert address.password == REQUIRED["DB_PASSWORD"]
    assert settings.redis_url == "redis://redis:6379"


def test_what_compose_repeats_is_the_settings_own_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    default = load_settings()
    repeated = {
        name: value for name, value in app_environment().items() if value and name not in COMPOSES_OWN
    }
    assert {"JWT_EXPIRY", "LOG_LEVEL", "CORS_ORIGINS", "RATE_LIMIT_MAX", "SMTP_PORT"} <= set(repeated)
    for name, value in repeated.items():
        monkeypatch.setenv(name, value)
    given = load_settings()
    assert {name: getattr(given, name.lower()) for name in repeated} == {
        name: getattr(default, name.lower()) for name in repeated
    }


def test_the_example_names_every_variable_with_its_default() -> None:
    lines = re.findall(r"^(#?)([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE)
    assert {name for mark, name, _ in lines if not mark} == set(REQUIRED)
    shown = {name: value for mark, name, value in lines if mark}
    assert set(shown) | set(REQUIRED) == set(interpolated()) | set(REQUIRED)
    own = {variable_name(name): field.default for name, field in Settings.model_fields.items()}
    for name, default in interpolated().items():
        assert shown[name] == (default or _written(own[name])), name


def _written(default: object) -> str:
    if isinstance(default, timedelta):
        return write_duration(default)
    return "" if default is None else str(default)


def test_the_first_start_needs_no_certificate() -> None:
    assert SERVICES["nginx"]["depends_on"]["certificate"] == {"condition": "service_completed_successfully"}
    certificate = SERVICES["certificate"]
    assert "./nginx/certs:/nginx/certs" in certificate["volumes"]
    assert certificate["command"] == ["sh", "/nginx/self-signed.sh", "/nginx/certs"]
    assert certificate["restart"] == "no"
    assert (
        certificate["build"] == SERVICES["app"]["build"]
    )  # or Compose would look for the image in a registry


def test_replicas_fight_for_nothing() -> None:
    assert not {"ports", "container_name", "hostname"} & set(SERVICES["app"])
    assert all("container_name" not in service for service in SERVICES.values())


def test_what_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                # What only an operator can write has an example beside it.
                there = (REPOSITORY / source).exists() or (REPOSITORY / f"{source}.example").exists()
                assert there, f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"


def test_nothing_but_nginx_answers_the_world() -> None:
    world = {
        port: name
        for name, service in SERVICES.items()
        for port in service.get("ports", [])
        if "127.0.0.1" not in port
    }
    assert world == {"80:80": "nginx", "443:443": "nginx"}


def test_everything_fits_into_4_gb() -> None:
    lasting = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}
    limits = {name: service["deploy"]["resources"]["limits"]["memory"] for name, service in lasting.items()}
    units = {"M": 1024**2, "G": 1024**3}
    assert sum(int(limit[:-1]) * units[limit[-1]] for limit in limits.values()) < 4 * 10**9
    assert all(service["restart"] == "unless-stopped" for service in lasting.values())
    assert all(service["logging"]["options"]["max-size"] for service in SERVICES.values())


def test_requests_finish_before_docker_loses_patience() -> None:
    seconds = int(SERVICES["app"]["stop_grace_period"].removesuffix("s"))
    assert seconds > Settings.model_fields["shutdown_timeout"].default


def test_the_app_may_open_as_many_sockets_as_it_admits() -> None:
    assert SERVICES["app"]["ulimits"]["nofile"] > Settings.model_fields["max_connections"].default


def test_git_keeps_certificates_and_env_out() -> None:
    for path in (
        ".env",
        "backup_20251123_120000.sql",
        "nginx/certs/privkey.pem",
        "nginx/certs/fullchain.pem",
        "nginx/certbot/.well-known/x",
    ):
        ignored = subprocess.run(
            ["git", "check-ignore", "--quiet", "--no-index", path], cwd=REPOSITORY, check=False
        )
        assert ignored.returncode == 0, path
