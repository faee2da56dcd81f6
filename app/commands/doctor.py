import argparse
import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
from pydantic import SecretStr
from redis import Redis

from app.commands.stores import Stores, running_stores
from app.config import WITHOUT_MAIL, Settings, load_settings
from app.config.loading import variable_name
from app.config.values import write_duration
from app.infra import mail
from app.infra.connections import connect_arguments

_SECONDS = 10
_MASK = "***"
_LOGGED = "the log shows what mail would be sent"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    print("Configuration (* is set, the others have their default)")
    variables = {name: variable_name(name) for name in type(settings).model_fields}
    width = max(map(len, variables.values()))
    for name, variable in variables.items():
        mark = "*" if name in settings.model_fields_set else " "
        print(f"  {mark} {variable:<{width}}  {_shown(settings, name)}")
    with running_stores(settings) as stores:
        print("\nDependencies")
        # All of them, also after one that fails.
        answers = [_try(name, check, stores) for name, check in _CHECKS]
    for warning in settings.warnings():
        print(f"\n{warning}")
    return 0 if all(answers) else 1


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if name == "jwt_secret" and name not in settings.model_fields_set:
        return "(made when first needed)"
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, SecretStr):
        return _MASK
    if name == "redis_url" and value is not None:
        return _without_password(value)
    if name == "database_url" and value is not None:
        return settings.database.url(masked=True)
    if name == "migration_database_url" and value is not None:
        return settings.migration_database.url(masked=True)
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    account, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{account.partition(':')[0]}:{_MASK}{at}{place}" if at else url


def _try(name: str, check: Callable[[Stores], str], stores: Stores) -> bool:
    try:
        print(f"  ok      {name}: {check(stores)}")
    except Exception as error:
        reason = str(error) or type(error).__name__
        print(f"  FAILED  {name}: {reason}")
        return False
    return True


def _check_postgres(stores: Stores) -> str:
    return asyncio.run(_postgres_version(stores))


async def _postgres_version(stores: Stores) -> str:
    address = stores.settings.database
    connection = await asyncpg.connect(**(connect_arguments(address) | {"timeout": _SECONDS}))
    try:
        version = await connection.fetchval("SHOW server_version", timeout=_SECONDS)
    finally:
        await connection.close(timeout=_SECONDS)
    return f"version {version} at {address.url(masked=True)}"


def _check_redis(stores: Stores) -> str:
    url = stores.settings.redis_url
    if url is None:
        return "none; request limits count per process, and changes reach subscribers by polling"
    with Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS) as client:
        information: dict[str, str] = client.info("server")
    return f"version {information['redis_version']} at {_without_password(url)}"


def _check_smtp(stores: Stores) -> str:
    settings = stores.settings
    if settings.smtp_host is None:
        return f"SMTP_HOST is not set; {WITHOUT_MAIL if settings.is_production else _LOGGED}"
    asyncio.run(_greet(settings))
    return f"answers at {settings.smtp_host}:{settings.smtp_port}"


async def _greet(settings: Settings) -> None:
    async with asyncio.timeout(_SECONDS), mail.connect(settings):
        pass


_CHECKS = (("PostgreSQL", _check_postgres), ("Redis", _check_redis), ("SMTP", _check_smtp))
