"""The bounds of what a column of the domain takes. Each error names the field and the limit."""

import re
from collections.abc import Sequence
from datetime import date
from math import isfinite
from uuid import UUID

from app.domain.errors import Invalid
from app.models.ids import new_id, parse_id

EARLIEST_DAY = date(1900, 1, 1)
# asyncpg writes and reads date.max as PostgreSQL's infinity, which is no day.
LATEST_DAY = date(9999, 12, 30)

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# Control characters, the null byte among them, which PostgreSQL refuses; and halves of surrogate pairs, which
# UTF-8 can't write.
_NOT_IN_PARAGRAPHS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def line(value: object, field: Sequence[str], maximum: int) -> str:
    """One line of text, trimmed: 1 to `maximum` characters (Unicode code points), no control characters."""
    text = _text(value, field, _NOT_IN_LINES).strip()
    return _sized(text, field, maximum)


def paragraphs(value: object, field: Sequence[str], maximum: int) -> str:
    """Text as it was typed, line breaks and tabs included, not blank: 1 to `maximum` characters."""
    text = _text(value, field, _NOT_IN_PARAGRAPHS)
    return _sized(text if text.strip() else "", field, maximum)


def color(value: object, field: Sequence[str]) -> str:
    """`#rrggbb`, in lower case."""
    if not isinstance(value, str) or not _COLOR.fullmatch(value):
        raise Invalid(f"{_name(field)} must be written as #rrggbb, such as #5b8def.", field)
    return value.lower()


def number(value: float | None, field: Sequence[str], maximum: float) -> float | None:
    if value is None:
        return None
    if not isfinite(value) or not 0 <= value <= maximum:
        raise Invalid(f"{_name(field)} must be between 0 and {maximum:,.0f}.", field)
    return float(value)


def day(value: date | None, field: Sequence[str]) -> date | None:
    if value is not None and not EARLIEST_DAY <= value <= LATEST_DAY:
        raise Invalid(f"{_name(field)} must be a day from {EARLIEST_DAY} to {LATEST_DAY}.", field)
    return value


def own_id(value: str | None, field: Sequence[str] = ("input", "id")) -> UUID:
    """The id that a client gives its new object (a UUIDv7 in its canonical form), or a fresh one."""
    if value is None:
        return new_id()
    parsed = parse_id(value)
    if parsed is None or parsed.version != 7:
        raise Invalid(f"{_name(field)} must be a UUIDv7 in its canonical form.", field)
    return parsed


def _text(value: object, field: Sequence[str], refused: re.Pattern[str]) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{_name(field)} can't be null.", field)
    found = refused.search(value)
    if found:
        raise Invalid(f"{_name(field)} must not contain the character U+{ord(found[0]):04X}.", field)
    return value


def _sized(text: str, field: Sequence[str], maximum: int) -> str:
    if not text:
        raise Invalid(f"{_name(field)} must not be empty; it takes 1 to {maximum:,} characters.", field)
    if len(text) > maximum:
        raise Invalid(f"{_name(field)} takes 1 to {maximum:,} characters; this has {len(text):,}.", field)
    return text


def _name(field: Sequence[str]) -> str:
    return field[-1] if field else "The value"
