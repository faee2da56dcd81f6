"""How this process connects to PostgreSQL."""

from typing import Any, TypeAlias

import asyncpg
import orjson

from app.config import DatabaseAddress

Pool: TypeAlias = asyncpg.Pool

_STATEMENT_SECONDS = 10
_CONNECT_SECONDS = 3
_IDLE_IN_TRANSACTION_SECONDS = 60


def connect_arguments(
    address: DatabaseAddress, *, statement_seconds: float | None = _STATEMENT_SECONDS
) -> dict[str, Any]:
    """Arguments of asyncpg.connect and create_pool; None sets no limit to statements (migrations)."""
    settings = {"application_name": "taskflow"}
    if statement_seconds is not None:
        settings["statement_timeout"] = str(round(statement_seconds * 1000))
        settings["idle_in_transaction_session_timeout"] = str(_IDLE_IN_TRANSACTION_SECONDS * 1000)
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "ssl": "disable" if address.is_socket else address.sslmode,
        "timeout": _CONNECT_SECONDS,
        "command_timeout": statement_seconds,
        "server_settings": settings,
    }


async def connect(address: DatabaseAddress) -> Any:
    """One connection, to be closed by the caller."""
    connection = await asyncpg.connect(**connect_arguments(address))
    try:
        await _set_codecs(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def open_pool(address: DatabaseAddress, size: int) -> Pool:
    """A pool that connects when first used and again by itself when PostgreSQL comes back."""
    pool: Pool = await asyncpg.create_pool(
        **connect_arguments(address),
        # No floor: refilling it while PostgreSQL is away would log a traceback a second.
        min_size=0,
        max_size=size,
        init=_set_codecs,
    )
    return pool


async def _set_codecs(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=orjson.loads, format="text"
    )


def _encode_json(value: object) -> str:
    # Tortoise's JSONField hands over text that is encoded already.
    return value if isinstance(value, str) else orjson.dumps(value).decode()
