"""Named binds for hand-written SQL."""

import re
from collections.abc import Mapping
from functools import lru_cache

_LONGEST = 8_000
"""Characters of a statement: longer ones are not kept, since clients make them by their filters."""
_NAMED_BIND = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


def bind(sql: str, binds: Mapping[str, object]) -> tuple[str, list[object]]:
    """Turns `:name` into PostgreSQL's `$n`.

    A name used twice shares one number; `::type` casts stay as they are.

    Returns the numbered text and its arguments in order.
    Raises KeyError for a name that `binds` lacks.
    """
    text, names = _numbered(sql) if len(sql) <= _LONGEST else _numbered.__wrapped__(sql)
    return text, [binds[name] for name in names]


@lru_cache(maxsize=1_000)
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        position = numbers.setdefault(match[1], len(numbers) + 1)
        return f"${position}"

    return _NAMED_BIND.sub(number, sql), tuple(numbers)
