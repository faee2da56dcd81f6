"""What is known of a declared field, and how graphql-core's way of answering resolves it.

The engine's own way reads the same declarations in plan.py and roots.py.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.engine.composer import Condition
from app.engine.entities import Entity, Row, value_of
from app.engine.errors import AmbiguousLookup, ArgumentError
from app.engine.ordering import Order
from app.engine.pages import DEFAULT_PAGE_SIZE, Cut, Narrowing, Page, cut_page, page_arguments
from app.engine.reads import Reads
from app.engine.relations import Link
from app.engine.statements import Rows, select_matching

METADATA_KEY = "engine"
MAX_NODES = 100

BatchLoad = Callable[[Reads, Sequence[Row]], Awaitable[Sequence[Any]]]

_PAGE_ARGUMENTS = tuple(inspect.signature(page_arguments).parameters)


@dataclass
class Word:
    """A field's declaration. `label` (`Task.labels`) and what depends on other types come by binding."""

    label: str = field(default="", init=False)


@dataclass
class ColumnWord(Word):
    attribute: str = field(default="", init=False)


@dataclass
class ToOne(Word):
    key: str | None
    target: Entity = field(init=False)

    async def resolve(self, source: object, reads: Reads) -> Row | None:
        key = value_of(source, self.key or "")
        return None if key is None else await reads.row(self.label, self.target, key)


@dataclass
class ToMany(Word):
    link: Link | None
    order: Order
    conditions: tuple[Condition, ...]
    filter_type: type | None
    narrow: Callable[..., Narrowing] | None
    size: int = DEFAULT_PAGE_SIZE
    target: Entity = field(init=False)

    def rows(self, narrowing: Narrowing) -> Rows:
        return Rows(
            self.target,
            self.link,
            (*self.conditions, *narrowing.conditions),
            self.filter_type,
            narrowing.filter,
            self.target.tenants if self.link is None and not narrowing.one_tenant else None,
        )

    def request(self, arguments: Mapping[str, Any]) -> tuple[Rows, Order, Cut]:
        """What a field's arguments ask for. Raises ArgumentError."""
        own = {name: value for name, value in arguments.items() if name not in _PAGE_ARGUMENTS}
        narrowing = self.narrow(**own) if self.narrow else Narrowing()
        order = narrowing.order or self.order
        return self.rows(narrowing), order, cut_page(arguments, self.label, order, self.target)

    def resolve(self, source: object, reads: Reads, arguments: Mapping[str, Any]) -> Page:
        rows, order, cut = self.request(arguments)
        parent = None if self.link is None else str(value_of(source, "id"))
        # Arguments as the client wrote them: parents that share them share a statement.
        key = repr(sorted(arguments.items()))
        return Page(reads, self.label, rows, order, cut, parent, key)


@dataclass
class CountOf(Word):
    relation: str
    weight: float = 1
    counted: ToMany = field(init=False)

    async def resolve(self, source: Row, reads: Reads) -> int:
        rows = self.counted.rows(Narrowing())
        return await reads.count(self.counted.label, "all", rows, source["id"], limit=None)


@dataclass
class Batch(Word):
    load: BatchLoad
    needs: tuple[str, ...]
    weight: float = 1

    async def resolve(self, source: Row, reads: Reads) -> Any:
        return await reads.batch(self.label, self.load, source)


@dataclass
class Computed(Word):
    function: Callable[..., Any]
    columns: tuple[str, ...]
    with_viewer: bool

    def resolve(self, source: Row, reads: Reads) -> Any:
        values = [source[column] for column in self.columns]
        return self.function(reads.viewer, *values) if self.with_viewer else self.function(*values)


@dataclass
class Lookup(Word):
    find: Callable[..., Condition | None]
    target: Entity = field(init=False)

    async def resolve(self, reads: Reads, arguments: Mapping[str, Any]) -> Row | None:
        condition = self.find(**arguments)
        if condition is None:
            return None
        statement = select_matching(self.target, self.target.selected, condition, limit=2)
        found = await reads.run(self.label, statement)
        if len(found) > 1:
            raise AmbiguousLookup("More than one matches: say which workspace by workspaceId.")
        return Row(self.target, found[0]) if found else None


@dataclass
class Own(Word):
    key: Callable[[Any], object]
    target: Entity = field(init=False)


@dataclass
class Nodes(Word):
    many: bool


@dataclass
class Resolved(Word):
    function: Callable[..., Awaitable[object]]
    size: int
    most: int
    statements: int


@dataclass
class OfContext(Word):
    function: Callable[[Any], object]


def checked_ids(ids: list[str]) -> list[str]:
    """Raises ArgumentError when they are too many."""
    if len(ids) > MAX_NODES:
        raise ArgumentError("ids", f"ids takes at most {MAX_NODES} ids, not {len(ids)}.")
    return ids
