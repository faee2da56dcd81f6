"""Scalars beyond GraphQL's own."""

import datetime as dt
import re
from typing import Any, NewType

import strawberry
from graphql.language import IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

BigInt = NewType("BigInt", int)

_BIG_INT = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_LARGEST = 2**63 - 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE
)


def _parse_big_int(value: Any) -> int:
    if isinstance(value, str) and _BIG_INT.fullmatch(value):
        value = int(value)
    if type(value) is not int or abs(value) > _LARGEST:
        raise ValueError("BigInt takes a whole number of 64 bits, written as a string or a number.")
    return value


def _parse_big_int_literal(node: ValueNode, _variables: object = None) -> int:
    if isinstance(node, IntValueNode | StringValueNode):
        return _parse_big_int(node.value)
    raise ValueError("BigInt takes a whole number of 64 bits, written as a string or a number.")


def _parse_date(value: Any) -> dt.date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("Date takes a calendar day such as 2026-01-31, from year 1 to 9999.")


def _parse_date_time(value: Any) -> dt.datetime:
    if isinstance(value, str) and _DATE_TIME.fullmatch(value):
        try:
            return _read_date_time(value).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError("DateTime takes a moment such as 2026-01-31T09:30:00Z, from year 1 to 9999.")


def _read_date_time(value: str) -> dt.datetime:
    # fromisoformat of Python 3.11 takes six digits of a fraction at most; PostgreSQL keeps six.
    return dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.upper()))


def _iso_utc(value: dt.datetime) -> str:
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of up to 64 bits, answered as a string; read as string or number.",
        serialize=str,
        parse_value=_parse_big_int,
        parse_literal=_parse_big_int_literal,
    ),
    dt.date: strawberry.scalar(
        name="Date",
        description="A calendar day without a time zone, ISO 8601: 2026-01-31.",
        serialize=dt.date.isoformat,
        parse_value=_parse_date,
        specified_by_url="https://scalars.graphql.org/andimarek/local-date",
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, ISO 8601: 2026-01-31T09:30:00.000000Z. Other offsets are converted.",
        serialize=_iso_utc,
        parse_value=_parse_date_time,
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    ),
}
