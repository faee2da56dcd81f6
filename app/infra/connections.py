"""How this process connects to PostgreSQL."""

from typing import Any

import asyncpg
import orjson

from app.config import DatabaseAddress
from app.infra.prepared import PreparingConnection

_STATEMENT_SECONDS = 10
_CONNECT_SECONDS = 3
_IDLE_IN_TRANSACTION_SECONDS = 60
_PREPARED = 100
"""Statements that a connection keeps prepared: more than the usual operations send."""
_PREPARED_LENGTH = 2_048
"""Characters of one that is kept prepared: the usual ones are shorter. A longer one has a filter of many
conditions, of which clients may send ever new ones; PostgreSQL holds some 100 kB of memory for each."""


def connect_arguments(
    address: DatabaseAddress, *, statement_seconds: float | None = _STATEMENT_SECONDS
) -> dict[str, Any]:
    """
    Arguments of asyncpg.connect; None sets no limit to statements (migrations).

    Nothing that is kept by a connection goes to a pooler, where the next statement may run on another one: no
    named prepared statements, and no settings. There the limits are the pooler's (connect_query); the one to
    statements is also kept on this side, in each case.
    """
    server_settings = {"application_name": "taskflow"}
    if not address.pooled:
        server_settings |= _session_limits(statement_seconds)
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "ssl": "disable" if address.is_socket else address.sslmode,
        "timeout": _CONNECT_SECONDS,
        "command_timeout": statement_seconds,
        "server_settings": server_settings,
        "connection_class": PreparingConnection,
        "statement_cache_size": 0 if address.pooled else _PREPARED,
        "max_cacheable_statement_size": _PREPARED_LENGTH,
    }


async def connect(
    address: DatabaseAddress, *, statement_seconds: float | None = _STATEMENT_SECONDS
) -> PreparingConnection:
    """One connection, to be closed by the caller."""
    arguments = connect_arguments(address, statement_seconds=statement_seconds)
    connection: PreparingConnection = await asyncpg.connect(**arguments)
    try:
        await _set_codecs(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


def _session_limits(statement_seconds: float | None) -> dict[str, str]:
    if statement_seconds is None:
        return {"statement_timeout": "0"}  # also where the role's own is another
    return {
        "statement_timeout": str(round(statement_seconds * 1000)),
        "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_SECONDS * 1000),
    }


async def _set_codecs(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=orjson.loads, format="text"
    )


def _encode_json(value: object) -> str:
    # Tortoise's JSONField hands over text that is encoded already.
    return value if isinstance(value, str) else orjson.dumps(value).decode()
