"""Puts one SQL statement together: aliases, bound values, conditions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

_NAME = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Condition:
    """Hand-written SQL over one table, `{row}` standing for its alias and `:name` for its own binds.

    A name that `binds` lacks is one of the viewer's.
    """

    sql: str
    binds: Mapping[str, object] = field(default_factory=dict)


class Composer:
    """Hands out aliases and bind names that are unique within one statement.

    Values never enter the text: only `:pN::type` does.
    """

    def __init__(self) -> None:
        self.binds: dict[str, object] = {}
        self._aliases = 0

    def alias(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def value(self, value: Any, sql_type: str) -> str:
        name = f"p{len(self.binds) + 1}"
        # asyncpg sends Python's first and last day or moment as -infinity and infinity; as text they stay.
        if sql_type in ("date", "timestamptz"):
            value, sql_type = value.isoformat(), f"text::{sql_type}"
        elif sql_type in ("date[]", "timestamptz[]"):
            value, sql_type = [each.isoformat() for each in value], f"text[]::{sql_type}"
        self.binds[name] = value
        return f":{name}::{sql_type}"

    def condition(self, condition: Condition, alias: str) -> str:
        sql = condition.sql.replace("{row}", alias)
        if not condition.binds:
            return f"({sql})"
        names: dict[str, str] = {}
        for own, value in condition.binds.items():
            names[own] = f"p{len(self.binds) + 1}"
            self.binds[names[own]] = value
        return f"({_NAME.sub(lambda match: ':' + names.get(match[1], match[1]), sql)})"


def is_uuid(text: str) -> bool:
    """Whether it is a UUID in its canonical form: a bind of that type would fail on anything else."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
