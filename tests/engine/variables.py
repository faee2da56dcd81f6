"""The variables of a generated operation, and what stands in their place as a literal."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

LEFT_OUT = object()

Json = Any


class Name(str):
    """An enum's value: a literal without quotes."""


class Variable(str):
    """A variable's name, in the place of a literal."""


@dataclass
class Values:
    """What documents can ask for. `cursors`: of each connection, by its sort as JSON; `None` for its own."""

    ids: dict[str, list[str]]
    slugs: list[str]
    identifiers: list[str]
    cursors: dict[str, dict[str, list[str]]]
    sorts: list[list[dict[str, Name]]]


@dataclass
class _Declared:
    type_: str
    default: Json
    values: list[Json]
    """One for each run; LEFT_OUT where the client sends none."""


@dataclass
class Given:
    """The variables of one operation."""

    values: Values
    rng: random.Random
    features: Counter[str] = field(default_factory=Counter)
    always_filters: bool = False
    covered: set[str] = field(default_factory=set)
    """Input fields: `Type.field`."""
    declared: dict[str, _Declared] = field(default_factory=dict)

    def declarations(self) -> str:
        if not self.declared:
            return ""
        parts = [
            f"${name}: {one.type_}" + ("" if one.default is LEFT_OUT else f" = {literal(one.default)}")
            for name, one in self.declared.items()
        ]
        return f"({', '.join(parts)})"

    def runs(self, count: int) -> list[dict[str, Json]]:
        return [
            {
                name: self._sent(one, run)
                for name, one in self.declared.items()
                if one.values[run] is not LEFT_OUT
            }
            for run in range(count)
        ]

    def _sent(self, one: _Declared, run: int) -> Json:
        if one.type_.startswith(("Int", "Boolean", "TaskFilter", "[TaskSort")) and self.rng.random() < 0.003:
            self.features["variable of another type"] += 1
            return "nonsense"
        return plain(one.values[run])

    def chance_of(self, argument: str) -> float:
        """That an argument which may be left out is given."""
        if argument != "filter":
            return 0.2
        return 1 if self.always_filters else 0.6

    def declare(self, type_: str, values: list[Json], default: Json = LEFT_OUT) -> Variable:
        name = self.rng.choice(("v", "type", "row", "__class__", "None")) + str(len(self.declared) + 1)
        self.declared[name] = _Declared(type_, default, values)
        self.features["variable"] += 1
        return Variable(name)

    def condition(self, *, mostly: bool) -> str:
        """For `if:` of a directive."""
        values = [self.rng.random() < (0.7 if mostly else 0.3) for _ in range(2)]
        if self.rng.random() < 0.4:
            self.features["directive with a literal"] += 1
            return literal(values[0])
        self.features["directive with a variable"] += 1
        if self.rng.random() < 0.3:
            kept = self.rng.choice([LEFT_OUT, values[0]])
            type_ = self.rng.choice(("Boolean", "Boolean!"))
            return literal(self.declare(type_, [kept, values[1]], not mostly))
        return literal(self.declare("Boolean!", list(values)))


def literal(value: Json) -> str:
    """As GraphQL text."""
    if isinstance(value, Variable):
        return f"${value}"
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value)


def plain(value: Json) -> Json:
    """As JSON, for variables."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Name) else value
