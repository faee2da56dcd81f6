"""Puts one SQL statement together: aliases, bound values, conditions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

_NAME = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """Hand-written SQL over one table, `{row}` standing for its alias and `:name` for its own binds.

    A name that `binds` lacks is one of the viewer's.
    """

    sql: str
    binds: Mapping[str, object] = field(default_factory=dict)


class Composer:
    """Hands out aliases and bind names that are unique within one statement.

    Values never enter the text: only `:pN::type` does. `prefix` sets the names of two composers of one
    statement apart.
    """

    def __init__(self, prefix: str = "p") -> None:
        self.binds: dict[str, object] = {}
        self._prefix = prefix
        self._aliases = 0

    def alias(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def value(self, value: Any, sql_type: str) -> str:
        name = self._name()
        # asyncpg sends Python's first and last day or moment as -infinity and infinity; as text they stay.
        # Of a list of ids it looks at each: as text the list costs half of the statement.
        if sql_type in ("date", "timestamptz"):
            value, sql_type = value.isoformat(), f"text::{sql_type}"
        elif sql_type in ("date[]", "timestamptz[]"):
            value, sql_type = [each.isoformat() for each in value], f"text[]::{sql_type}"
        elif sql_type == "uuid[]":
            value, sql_type = f"{{{','.join(value)}}}", "text::uuid[]"
        self.binds[name] = value
        return f":{name}::{sql_type}"

    def condition(self, condition: Condition, alias: str) -> str:
        names: list[tuple[str, str]] = []
        for own, value in condition.binds.items():
            name = self._name()
            names.append((own, name))
            self.binds[name] = value
        return _condition(condition.sql, alias, tuple(names))

    def _name(self) -> str:
        return f"{self._prefix}{len(self.binds) + 1}"


@lru_cache(maxsize=1_000)
def _condition(sql: str, alias: str, names: tuple[tuple[str, str], ...]) -> str:
    new_names = dict(names)
    sql = sql.replace("{row}", alias)
    return f"({_NAME.sub(lambda match: ':' + new_names.get(match[1], match[1]), sql)})"


def is_uuid(text: str) -> bool:
    """Whether it is a UUID in its canonical form: a bind of that type would fail on anything else."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
