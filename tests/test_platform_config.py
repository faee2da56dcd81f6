import base64
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import ConfigurationError, Settings, load_settings
from app.config.loading import variable_name
from app.config.values import check_signing_secret
from tests.harness.taskflow import run_taskflow

SECRET = "kQ8vN2xT5bY7mR4cW9zL1pF6hJ3sD0aG"
PRODUCTION = {
    "NODE_ENV": "production",
    "DATABASE_URL": "postgresql://taskflow@db:5432/taskflow",
    "REDIS_URL": "redis://redis:6379",
    "JWT_SECRET": SECRET,
}
# An RSA public key of 512 bits as DER (SubjectPublicKeyInfo, RFC 5280), its modulus 0, 1, 2, …
DER = (
    bytes.fromhex("305c300d06092a864886f70d0101010500034b003048024100")
    + bytes(range(64))
    + b"\x02\x03\x01\x00\x01"
)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for attribute in (*Settings.model_fields, "app_env"):
        monkeypatch.delenv(variable_name(attribute), raising=False)
    monkeypatch.delenv("APP_ENV", raising=False)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> "type[Reader]":
    Reader.monkeypatch = monkeypatch
    return Reader


class Reader:
    monkeypatch: pytest.MonkeyPatch

    @classmethod
    def settings(cls, **variables: str) -> Settings:
        for name, value in variables.items():
            cls.monkeypatch.setenv(name, value)
        return load_settings()

    @classmethod
    def problems(cls, **variables: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            cls.settings(**variables)
        return caught.value.problems


def test_the_guides_defaults(read: type[Reader]) -> None:
    settings = read.settings()
    assert settings.environment == "development"
    assert settings.app_port == 3000
    assert (settings.db_user, settings.db_password, settings.db_name) == ("taskflow", None, "taskflow")
    assert settings.jwt_expiry == timedelta(hours=24)
    assert settings.log_level == "info"
    assert settings.cors_origins == ("*",)
    assert (settings.rate_limit_window, settings.rate_limit_max) == (900_000, 100)
    assert (settings.smtp_host, settings.smtp_port) == (None, 587)
    assert len(settings.jwt_secret.get_secret_value()) >= 32


@pytest.mark.parametrize(
    ("text", "expiry"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
    ],
)
def test_durations(read: type[Reader], text: str, expiry: timedelta) -> None:
    assert read.settings(JWT_EXPIRY=text).jwt_expiry == expiry


@pytest.mark.parametrize("text", ["15", "m", "-1h", "0s", "1.5h", "1w", "1 h", "99999d", "\u0661h"])
def test_durations_that_are_none(read: type[Reader], text: str) -> None:
    assert read.problems(JWT_EXPIRY=text)[0].startswith("JWT_EXPIRY is not ")


def test_every_problem_is_listed_at_once(read: type[Reader]) -> None:
    problems = read.problems(
        NODE_ENV="production",
        APP_PORT="abc",
        JWT_EXPIRY="soon",
        LOG_LEVEL="loud",
        CORS_ORIGINS="https://a.example,b.example",
        RATE_LIMIT_MAX="-1",
        TRUSTED_PROXIES="10.0.0.0/8,proxy",
        SMTP_PORT="70000",
    )
    named = [problem.split()[0] for problem in problems]
    assert named == [
        "APP_PORT",
        "CORS_ORIGINS",
        "TRUSTED_PROXIES",
        "DATABASE_URL",
        "REDIS_URL",
        "JWT_SECRET",
        "JWT_EXPIRY",
        "RATE_LIMIT_MAX",
        "SMTP_PORT",
        "LOG_LEVEL",
    ]
    assert all(f"Example: {name}=" in problem for name, problem in zip(named, problems, strict=True))


def test_the_command_prints_problems_and_no_traceback(tmp_path: Path) -> None:
    result = run_taskflow("serve", cwd=tmp_path, NODE_ENV="production", APP_PORT="0")
    assert result.returncode == 2
    assert "The configuration has 4 problems." in result.stderr
    assert "APP_PORT is less than 1." in result.stderr
    assert (
        "DATABASE_URL is required in production and not set. It is the PostgreSQL database" in result.stderr
    )
    assert "REDIS_URL is required in production and not set. It is the Redis" in result.stderr
    assert "JWT_SECRET is required in production and not set. It is the secret" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["development", "production"])
def test_app_env_is_an_alias(read: type[Reader], name: str) -> None:
    assert read.settings(**{**PRODUCTION, "NODE_ENV": "", "APP_ENV": name}).environment == name


def test_an_environment_variable_of_other_software_is_left_alone(read: type[Reader]) -> None:
    assert read.settings(ENVIRONMENT="staging").environment == "development"


def test_empty_means_unset_and_a_dotenv_file_comes_last(read: type[Reader]) -> None:
    Path(".env").write_text("APP_PORT=4000\nSMTP_HOST=mail.example.com\nSOMETHING_ELSE=1\n")
    settings = read.settings(APP_PORT="5000", SMTP_HOST="", RATE_LIMIT_MAX="")
    assert (settings.app_port, settings.smtp_host, settings.rate_limit_max) == (5000, "mail.example.com", 100)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db:6432/x", ("db", 6432, "u", "p", "x", "prefer")),
        ("postgres://u:p@db/x?sslmode=require", ("db", 5432, "u", "p", "x", "require")),
        (
            "postgresql://u%40corp:p%40%2F%3A%25@db/my%20db",
            ("db", 5432, "u@corp", "p@/:%", "my db", "prefer"),
        ),
        ("postgresql://u:a@b@db/x", ("db", 5432, "u", "a@b", "x", "prefer")),
        ("postgresql://db", ("db", 5432, "env_user", "env/p@ss", "env_name", "prefer")),
        ("postgresql://u@db/", ("db", 5432, "u", "env/p@ss", "env_name", "prefer")),
        ("postgresql://u@/x?host=/run/pg&port=5433", ("/run/pg", 5433, "u", "env/p@ss", "x", "prefer")),
        ("postgresql://%2Frun%2Fpg/x", ("/run/pg", 5432, "env_user", "env/p@ss", "x", "prefer")),
        ("postgresql://u@[::1]:5433/x", ("::1", 5433, "u", "env/p@ss", "x", "prefer")),
    ],
)
def test_database_urls(read: type[Reader], url: str, expected: tuple[object, ...]) -> None:
    settings = read.settings(DATABASE_URL=url, DB_USER="env_user", DB_PASSWORD="env/p@ss", DB_NAME="env_name")
    address = settings.database
    assert (
        address.host,
        address.port,
        address.user,
        address.password,
        address.database,
        address.sslmode,
    ) == expected
    # What it writes, it reads.
    assert read.settings(DATABASE_URL=address.url()).database == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://db/x", "does not begin with postgresql://"),
        ("db:5432", "does not begin with postgresql://"),
        ("postgresql:///x", "names no host"),
        ("postgresql://u:secret/word@db:5432/x", "DB_PASSWORD"),
        ("postgresql://u:1/word@db/x", "DB_PASSWORD"),
        ("postgresql://u:sec#ret@db/x", "DB_PASSWORD"),
        ("postgresql://db:0/x", "port"),
        ("postgresql://db/x?sslmode=yes", "sslmode='yes'"),
        ("postgresql://db/x?ssl=true", "unknown parameter 'ssl'"),
        ("postgresql://a,b/x", "several hosts"),
        ("postgresql://[::1/x", "%40"),
    ],
)
def test_database_urls_that_are_none(read: type[Reader], url: str, words: str) -> None:
    (problem,) = read.problems(DATABASE_URL=url)
    assert problem.startswith("DATABASE_URL ")
    assert words in problem
    assert "secret" not in problem


def test_migrations_connect_where_they_are_told(read: type[Reader]) -> None:
    settings = read.settings(
        DATABASE_URL="postgresql://app@pooler/x", MIGRATION_DATABASE_URL="postgresql://owner@db/x"
    )
    assert (settings.database.host, settings.migration_database.host) == ("pooler", "db")
    assert settings.migration_database.user == "owner"


@pytest.mark.parametrize(
    "secret",
    [
        "short",
        "é" * 15,
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
        "  -----BEGIN RSA PRIVATE KEY-----" + "x" * 40,
        "---- BEGIN SSH2 PUBLIC KEY ----" + "x" * 40,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY=",
        '{"kty": "RSA", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx"}',
        base64.b64encode(DER).decode(),
        base64.urlsafe_b64encode(DER).decode(),
        "a" * 40,
        "replace-this-by-the-output-of-openssl-rand-base64-48",
        "$(openssl rand -base64 48)$(openssl rand -base64 48)",
        "your-super-secret-key-of-more-than-32-characters",
    ],
)
def test_secrets_that_must_not_sign(read: type[Reader], secret: str) -> None:
    problems = read.problems(JWT_SECRET=secret)
    assert problems[0].startswith("JWT_SECRET is ")
    assert secret not in problems[0]


def test_raw_der_must_not_sign() -> None:
    with pytest.raises(ValueError, match="shaped like a key"):
        check_signing_secret(DER.decode("utf-8", "surrogateescape"))


def test_a_secret_of_random_bytes_signs(read: type[Reader]) -> None:
    assert read.settings(JWT_SECRET=SECRET).jwt_secret.get_secret_value() == SECRET


def test_production_without_mail_starts_and_says_so(read: type[Reader]) -> None:
    assert read.settings(**PRODUCTION).warnings() == [
        "SMTP_HOST is not set: no mail is sent, so nobody can reset a password or verify an address."
    ]
    assert read.settings(SMTP_HOST="mail.example.com").warnings() == []


def test_settings_are_frozen_and_hide_secrets(read: type[Reader]) -> None:
    settings = read.settings(**PRODUCTION, DB_PASSWORD="hunter2hunter2")
    with pytest.raises(ValueError, match="frozen"):
        settings.app_port = 1
    assert SECRET not in repr(settings)
    assert "hunter2" not in repr(settings) + repr(settings.database) + settings.database.url(masked=True)
