"""A level while its code is written: the columns, further statements and objects that it needs."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from strawberry import Schema

from app.engine.entities import Column, Entity
from app.engine.fetches import (
    Compiled,
    Fetch,
)
from app.engine.selection import Selected, Selections, Unsupported
from app.engine.size import Weight

_VALUE = 40
"""Characters of a value that is no text, about."""
CURSOR = 120
"""And of a cursor."""

Complete = Callable[..., Any]


class NullInNonNull(Exception):
    """graphql-core decides what becomes of it."""


def required(value: Any) -> Any:
    if value is None:
        raise NullInNonNull
    return value


class Level:
    """What the code for one statement's rows needs, gathered while it is written."""

    def __init__(
        self,
        schema: Schema,
        selections: Selections,
        entity: Entity | None,
        above: "Level | None" = None,
    ) -> None:
        """`above`: whose rows each have a connection with rows of this level."""
        self.schema = schema
        self.selections = selections
        self.above = above
        self.columns: dict[str, int] = {"id": 0} if entity else {}
        """Where each stands in a row: finding it by its name takes twice as long."""
        self.fetches: list[Fetch] = []
        self._bound: dict[str, Any] = {"required": required}
        self._written: Counter[str] = Counter()
        self._long: set[str] = set()
        self._renamed = 0
        self.names = 0
        """How many fields of an object the document has named anew."""
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
        return f"r[{self.place(name)}]"

    def place(self, name: str) -> int:
        """Of a column in the row."""
        return self.columns.setdefault(name, len(self.columns))

    def weigh(self, name: str, column: Column, times: int = 1) -> None:
        """Each object holds the value of this column so many times more."""
        self._written[name] += times
        if column.is_long or (column.sql_type == "text" and self._written[name] > 1):
            self._long.add(name)

    def weigh_name(self, selected: Selected | str, value: int = _VALUE) -> None:
        """Each object holds this name, which may be any and stand for the same field again and again."""
        key, name = (selected, "__typename") if isinstance(selected, str) else (selected.key, selected.name)
        if key != name:
            self._renamed += len(key) + value
            self.names += 1

    def weigh_name_above(self, selected: Selected | str) -> None:
        """A connection has its own fields, and those of its pageInfo, once: so has the object above it."""
        if self.above is not None:
            is_cursor = not isinstance(selected, str) and selected.name.endswith("Cursor")
            self.above.weigh_name(selected, CURSOR if is_cursor else _VALUE)

    def compiled(self, parameters: Iterable[str], expression: str) -> Compiled:
        """What the fetches bring follows the function's own parameters."""
        arguments = ", ".join([*parameters, *(f"f{n}" for n in range(len(self.fetches)))])
        try:
            code = compile(f"lambda {arguments}: {expression}", "<projection>", "eval")
        except (SyntaxError, RecursionError, MemoryError):  # what Python's own limits on nesting raise
            raise Unsupported("nested too deeply") from None
        function: Complete = eval(code, self._bound)  # noqa: S307 (see the module's docstring)
        return Compiled(tuple(self.columns), tuple(self.fetches), function, self._weight())

    def _weight(self) -> Weight | None:
        texts = tuple(
            (place, self._written[name]) for name, place in self.columns.items() if name in self._long
        )
        return Weight(self._renamed, texts) if texts or self._renamed else None
