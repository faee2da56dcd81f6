import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.config import Settings
from app.infra.embedded import EmbeddedServers


@dataclass(frozen=True, slots=True)
class Stores:
    """Settings that name a database and, if there is one, a Redis; `embedded` are those this process runs."""

    settings: Settings
    embedded: EmbeddedServers | None = None


@contextlib.contextmanager
def running_stores(settings: Settings, *, with_redis: bool = True) -> Iterator[Stores]:
    """
    The stores for one command: the configured ones, else those of a server that is running, else embedded
    ones for as long as the command lasts.

    Raises EmbeddedError.
    """
    servers = embedded_servers(settings, with_redis=with_redis)
    if servers is None:
        yield Stores(settings)
        return
    owner = servers.running_elsewhere()
    if owner is not None:
        yield Stores(_with_urls(settings, owner.database_url, owner.redis_url))
        return
    with started_stores(settings, servers) as stores:
        yield stores


@contextlib.contextmanager
def started_stores(settings: Settings, servers: EmbeddedServers | None) -> Iterator[Stores]:
    """Starts `servers` for what the settings leave out, and stops them at the end. Raises EmbeddedError."""
    if servers is None:
        yield Stores(settings)
        return
    with servers:
        database_url = servers.database_url if settings.database_url is None else None
        yield Stores(_with_urls(settings, database_url, servers.redis_url), servers)


def embedded_servers(settings: Settings, *, with_redis: bool = True) -> EmbeddedServers | None:
    """The servers (not started) that stand in for missing URLs; None when nothing is missing."""
    postgres = settings.database_url is None
    redis = settings.redis_url is None and with_redis
    if not (postgres or redis):
        return None
    return EmbeddedServers(settings.data_dir, with_postgres=postgres, with_redis=redis)


def with_lasting_secret(settings: Settings) -> Settings:
    """In development without JWT_SECRET: one kept in the data folder, so that sign-ins outlast a restart."""
    if "jwt_secret" in settings.model_fields_set:
        return settings
    return settings.model_copy(
        update={"jwt_secret": SecretStr(_kept_secret(settings.data_dir / "jwt-secret"))}
    )


def export(settings: Settings) -> None:
    """Puts what was decided here into the environment, which the worker processes read."""
    decided: dict[str, Any] = {
        "APP_HOST": settings.app_host,
        "APP_PORT": settings.app_port,
        "WORKERS": settings.workers,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
    }
    os.environ.update({name: str(value) for name, value in decided.items() if value is not None})


def _with_urls(settings: Settings, database_url: str | None, redis_url: str | None) -> Settings:
    found = {"database_url": database_url, "redis_url": redis_url}
    missing = {name: url for name, url in found.items() if url and getattr(settings, name) is None}
    return settings.model_copy(update=missing)


def _kept_secret(file: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return file.read_text()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    unfinished = file.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(secret)
    unfinished.rename(file)
    return secret
