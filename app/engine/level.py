"""A level while its code is written: the columns, further statements and objects that it needs."""

from collections.abc import Callable, Iterable
from typing import Any

from strawberry import Schema

from app.engine.entities import Entity
from app.engine.fetches import (
    Compiled,
    Fetch,
)
from app.engine.selection import Selections, Unsupported

Complete = Callable[..., Any]


class NullInNonNull(Exception):
    """graphql-core decides what becomes of it."""


def required(value: Any) -> Any:
    if value is None:
        raise NullInNonNull
    return value


class Level:
    """What the code for one statement's rows needs, gathered while it is written."""

    def __init__(self, schema: Schema, selections: Selections, entity: Entity | None) -> None:
        self.schema = schema
        self.selections = selections
        self.columns: dict[str, None] = {"id": None} if entity else {}
        self.fetches: list[Fetch] = []
        self._bound: dict[str, Any] = {"required": required}
        self._variables = 0

    def bind(self, value: Any) -> str:
        """A name by which the generated code reaches `value`."""
        name = f"b{len(self._bound)}"
        self._bound[name] = value
        return name

    def fetched(self, fetch: Fetch) -> str:
        """The name of what a further statement brings, in the generated code."""
        self.fetches.append(fetch)
        return f"f{len(self.fetches) - 1}"

    def variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def column(self, name: str) -> str:
        """The source of a column of the row `r`."""
        self.columns[name] = None
        return f"r[{name!r}]"

    def compiled(self, parameters: Iterable[str], expression: str) -> Compiled:
        """What the fetches bring follows the function's own parameters."""
        arguments = ", ".join([*parameters, *(f"f{n}" for n in range(len(self.fetches)))])
        try:
            code = compile(f"lambda {arguments}: {expression}", "<projection>", "eval")
        except (SyntaxError, RecursionError, MemoryError):  # what Python's own limits on nesting raise
            raise Unsupported("nested too deeply") from None
        function: Complete = eval(code, self._bound)  # noqa: S307 (see the module's docstring)
        return Compiled(tuple(self.columns), tuple(self.fetches), function)
