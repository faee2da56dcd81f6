"""Connections: pages of rows, as the Relay specification describes them.

See https://relay.dev/graphql/connections.htm. Beyond it: `nodes`, and a `totalCount` that is counted only
when asked for. `hasPreviousPage` of a forward page says whether it began at a cursor, and `hasNextPage` of
a backward page likewise: looking further would cost a statement that nobody asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import strawberry

from app.engine import cursors
from app.engine.composer import Condition
from app.engine.entities import Entity, Row
from app.engine.errors import ArgumentError
from app.engine.ordering import Order
from app.engine.statements import COUNT_LIMIT, Rows

if TYPE_CHECKING:
    from app.engine.reads import Reads

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a list's own arguments (filter, sort, …) ask for beyond its declaration."""

    conditions: tuple[Condition, ...] = ()
    filter: dict[str, Any] | None = None
    order: Order | None = None
    one_tenant: bool = False
    """Whether the conditions leave the rows of one tenant at most."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a page begins, how long it is and which way it runs. Cursor values are in order-key order."""

    size: int
    backward: bool
    cursor: tuple[cursors.CursorValue, ...] | None


def page_arguments(
    first: Annotated[
        int | None,
        strawberry.argument(
            description="How many to return from the start of the list or after `after`: 1 to 100."
        ),
    ] = None,
    after: Annotated[
        str | None, strawberry.argument(description="Return what follows this cursor; goes with `first`.")
    ] = None,
    last: Annotated[
        int | None,
        strawberry.argument(
            description="How many to return from the end of the list or before `before`: 1 to 100."
        ),
    ] = None,
    before: Annotated[
        str | None, strawberry.argument(description="Return what precedes this cursor; goes with `last`.")
    ] = None,
) -> tuple[int | None, str | None, int | None, str | None]:
    """The four arguments of every connection. Without any of them a page is the first 50."""
    return first, after, last, before


def cut_page(arguments: Mapping[str, Any], connection: str, order: Order, entity: Entity) -> Cut:
    """Reads the page arguments. Raises ArgumentError, naming the argument and its limits."""
    first, after = arguments.get("first"), arguments.get("after")
    last, before = arguments.get("last"), arguments.get("before")
    if first is not None and last is not None:
        raise ArgumentError(
            "last", "first and last are both given: page forward by first, or backward by last."
        )
    if after is not None and (last is not None or before is not None):
        raise ArgumentError("after", "after goes with first; to page backward use last and before.")
    if before is not None and first is not None:
        raise ArgumentError("before", "before goes with last; to page forward use first and after.")
    backward = last is not None or before is not None
    argument, size = ("last", last) if backward else ("first", first)
    if size is not None and not 1 <= size <= MAX_PAGE_SIZE:
        raise ArgumentError(argument, f"{argument} must be between 1 and {MAX_PAGE_SIZE}, not {size}.")
    name, cursor = ("before", before) if backward else ("after", after)
    values = None
    if cursor is not None:
        columns = [entity.columns[key.attribute] for key in order.keys]
        bound_to = cursors.signature(connection, order.description)
        values = tuple(cursors.decode(cursor, bound_to, columns, name))
    return Cut(size or DEFAULT_PAGE_SIZE, backward, values)


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether more follows. Of a backward page: whether it was cut at a cursor."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether more precedes. Of a forward page: whether it began at a cursor."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item; null when there is none."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item; null when there is none."
    )


class Page:
    """A page of rows that is read when one of its fields is first asked for."""

    def __init__(
        self,
        reads: "Reads",
        connection: str,
        rows: Rows,
        order: Order,
        cut: Cut,
        parent: str | None,
        key: str,
    ) -> None:
        self.reads = reads
        self.connection = connection
        self.rows = rows
        self.order = order
        self.cut = cut
        self.parent = parent
        self.key = key
        self._signature = cursors.signature(connection, order.description)

    async def load(self) -> tuple[Sequence[Row], bool]:
        """The page's rows in the list's order, and whether more lie beyond its size."""
        found = await self.reads.page(self)
        page = found[: self.cut.size]
        return (page[::-1] if self.cut.backward else page), len(found) > self.cut.size

    async def items(self) -> Sequence[Row]:
        """Those that are to be in the answer. Raises AnswerTooLarge."""
        self.reads.size.check_objects()
        rows, _ = await self.load()
        self.reads.size.add_objects(len(rows))
        return rows

    async def count(self) -> int:
        return await self.reads.count(self.connection, self.key, self.rows, self.parent, COUNT_LIMIT)

    def cursor(self, row: Row) -> str:
        return cursors.encode(self._signature, [row[key.attribute] for key in self.order.keys])


@strawberry.type(description="An item of a page.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(
        description="Where the item stands in its list: pass it as `after` or `before`."
    )


@dataclass(frozen=True, slots=True)
class RowEdge:
    node: Row
    cursor: str


@dataclass(frozen=True, slots=True)
class ConnectionPart:
    """Marks a field of Connection for the engine."""

    name: str


def _part(name: str, description: str) -> Any:
    return strawberry.field(description=description, metadata={"engine": ConnectionPart(name)})


@strawberry.type(description="A page of a list, and where it stands in it.")
class Connection(Generic[T]):
    @_part("edges", "The page's items with their cursors.")
    async def edges(root: strawberry.Parent[Page]) -> list[Edge[T]]:  # noqa: N805
        return [RowEdge(row, root.cursor(row)) for row in await root.items()]  # type: ignore[misc]

    @_part("nodes", "The page's items.")
    async def nodes(root: strawberry.Parent[Page]) -> list[T]:  # noqa: N805
        return await root.items()  # type: ignore[return-value]

    @_part("page_info", "Where the page stands in its list.")
    async def page_info(root: strawberry.Parent[Page]) -> PageInfo:  # noqa: N805
        rows, more = await root.load()
        began_at_cursor = root.cut.cursor is not None
        return PageInfo(
            has_next_page=began_at_cursor if root.cut.backward else more,
            has_previous_page=more if root.cut.backward else began_at_cursor,
            start_cursor=root.cursor(rows[0]) if rows else None,
            end_cursor=root.cursor(rows[-1]) if rows else None,
        )

    @_part("total_count", "How many items the whole list has, counted to 10,000.")
    async def total_count(root: strawberry.Parent[Page]) -> int:  # noqa: N805
        return min(await root.count(), COUNT_LIMIT)

    @_part(
        "total_count_capped",
        description="Whether the list has more than 10,000 items, so that totalCount stops short.",
    )
    async def total_count_capped(root: strawberry.Parent[Page]) -> bool:  # noqa: N805
        return await root.count() > COUNT_LIMIT
