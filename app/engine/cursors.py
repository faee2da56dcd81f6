"""Cursors: where a page ended, as an opaque string.

A cursor is base64url over JSON: its version, a signature of the connection and order it came from, and
the values of that order's columns in the last row. It carries no right: the row it names need not exist,
and the next page passes the access predicates like any other.
"""

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from math import isfinite
from typing import TypeGuard

import orjson

from app.engine.entities import Column
from app.engine.errors import ArgumentError

VERSION = 1
MAX_LENGTH = 1024

CursorValue = str | int | float | dt.datetime | dt.date | None


@lru_cache(maxsize=1_000)
def signature(connection: str, order: str) -> str:
    """What binds a cursor to its connection and order."""
    return hashlib.sha256(f"{connection}\n{order}".encode()).hexdigest()[:12]


def encode(bound_to: str, values: Sequence[object]) -> str:
    payload = orjson.dumps([VERSION, bound_to, *values])
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def decode(cursor: str, bound_to: str, columns: Sequence[Column], argument: str) -> list[CursorValue]:
    """The values of a cursor's order columns, as asyncpg takes them.

    Raises ArgumentError for a cursor that is too long, malformed, of another version, or that came from
    another connection or order.
    """
    if len(cursor) > MAX_LENGTH:
        raise ArgumentError(argument, f"{argument} is longer than {MAX_LENGTH} characters: no cursor is.")
    try:
        payload = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        version, came_from, *values = payload
        if version != VERSION or not isinstance(came_from, str):
            raise ValueError
        if came_from == bound_to:
            return [_parse(value, column) for value, column in zip(values, columns, strict=True)]
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise ArgumentError(
            argument, f"{argument} is not a cursor of this API: pass one that a pageInfo or an edge gave."
        ) from None
    raise ArgumentError(
        argument, f"{argument} is a cursor of another connection or sort: start again without it."
    )


_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTEGER_BITS = {"smallint": 15, "integer": 31, "bigint": 63}


def _parse(value: object, column: Column) -> CursorValue:
    sql_type = column.sql_type
    if value is None and column.nullable:
        return None
    if sql_type in _INTEGER_BITS and type(value) is int and abs(value) < 1 << _INTEGER_BITS[sql_type]:
        return value
    if sql_type == "double precision" and _is_number(value):
        return float(value)
    if isinstance(value, str) and "\0" not in value:
        if sql_type == "text":
            value.encode()  # a lone surrogate is a ValueError here rather than in the database
            return value
        if sql_type == "uuid":
            return _canonical_uuid(value)
        if sql_type == "timestamptz":
            moment = dt.datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(dt.UTC)
        if sql_type == "date":
            return dt.date.fromisoformat(value)
    raise ValueError(sql_type)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _canonical_uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise ValueError("uuid")
    return value
