"""The words by which a GraphQL type declares where its fields come from.

    @entity(models.Task, access.task)
    @strawberry.type(description="…")
    class Task(Node):
        title: str = column("…")
        project: Project = to_one("…")
        comments: Connection[Comment] = to_many("…", Direct("task_id"), order=Order.by("created_at"))
        comment_count: int = count_of("…", "comments")
        is_blocked: bool = batch("…", load_is_blocked)
        identifier: str = computed("…", join_identifier, "project.key", "number")

Each returns a `strawberry.field`; what the engine must know of it stands in the field's metadata.
`declarations.bind` completes them once the schema is built.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from app.engine.composer import Condition
from app.engine.entities import Row
from app.engine.fields import (
    METADATA_KEY,
    Batch,
    BatchLoad,
    ColumnWord,
    Computed,
    CountOf,
    Lookup,
    Nodes,
    OfContext,
    Own,
    Resolved,
    ToMany,
    ToOne,
    Word,
    checked_ids,
)
from app.engine.ordering import Order
from app.engine.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Narrowing, Page, page_arguments
from app.engine.reads import Reads
from app.engine.relations import Link


def column(description: str) -> Any:
    """The row's column of the field's own name."""
    return strawberry.field(description=description, metadata={METADATA_KEY: ColumnWord()})


def to_one(description: str, key: str | None = None) -> Any:
    """The row whose id stands in `key`, by default `<field>_id`; null when it is null or hidden.

    On a payload `key` is an attribute of the payload.
    """
    word = ToOne(key)

    async def resolve(root: Any, info: strawberry.Info) -> Any:
        return await word.resolve(root, info.context.reads)

    return _field(word, description, resolve)


def to_many(
    description: str,
    link: Link,
    *,
    order: Order,
    conditions: Sequence[Condition] = (),
    filter_type: type | None = None,
    narrow: Callable[..., Narrowing] | None = None,
    size: int = DEFAULT_PAGE_SIZE,
) -> Any:
    """A connection of the rows that `link` leads to.

    `narrow` is a function whose parameters become arguments of the field beside the four of every page.
    `size`: how many rows there usually are, for the cost of a page without `first` or `last`.
    """
    return _connection(ToMany(link, order, tuple(conditions), filter_type, narrow, size), description)


def all_of(
    description: str,
    *,
    order: Order,
    conditions: Sequence[Condition] = (),
    filter_type: type | None = None,
    narrow: Callable[..., Narrowing] | None = None,
    size: int = DEFAULT_PAGE_SIZE,
) -> Any:
    """A connection of all rows of its entity that the viewer may see, for a root field.

    `size` as in to_many.
    """
    return _connection(ToMany(None, order, tuple(conditions), filter_type, narrow, size), description)


def lookup(description: str, find: Callable[..., Condition | None]) -> Any:
    """The one row that meets `find`'s condition, for a root field; null when there is none.

    `find`'s parameters become the field's arguments; it returns None where nothing can match.
    More than one row raises AmbiguousLookup.
    """
    word = Lookup(find)

    async def resolve(_source: object, info: strawberry.Info, arguments: Mapping[str, Any]) -> Row | None:
        info.context.require_viewer()
        return await word.resolve(info.context.reads, arguments)

    return _field_with_arguments(word, description, resolve, [find])


def own(description: str, key: Callable[[Any], object]) -> Any:
    """The row whose id `key` finds in the viewer, for a root field; null for nobody."""
    word = Own(key)

    async def resolve(root: Any, info: strawberry.Info) -> Any:
        viewer = info.context.optional_viewer()
        return viewer and await info.context.reads.row(word.label, word.target, key(viewer))

    return _field(word, description, resolve)


def node(description: str) -> Any:
    """The row with the id in the argument `id`, of whatever entity."""
    word = Nodes(many=False)

    async def resolve(_source: object, info: strawberry.Info, arguments: Mapping[str, Any]) -> Row | None:
        info.context.require_viewer()
        reads: Reads = info.context.reads
        [found] = await reads.nodes(word.label, [arguments["id"]])
        return found

    return _field_with_arguments(word, description, resolve, [_node_arguments])


def nodes(description: str) -> Any:
    """The rows with the ids in the argument `ids`, in that order, null where there is none to be seen."""
    word = Nodes(many=True)

    async def resolve(_source: object, info: strawberry.Info, arguments: Mapping[str, Any]) -> Any:
        info.context.require_viewer()
        return await info.context.reads.nodes(word.label, checked_ids(arguments["ids"]))

    return _field_with_arguments(word, description, resolve, [_nodes_arguments])


def resolved(
    description: str,
    function: Callable[..., Awaitable[object]],
    *,
    size: int = 1,
    most: int = MAX_PAGE_SIZE,
    statements: int = 1,
) -> Any:
    """What `function` makes of the request's Reads and the field's arguments, for a root field.

    Its parameters after the first become the field's arguments. For its cost: how many `statements` it sends,
    how many rows the lists in its result usually have (`size`), and the `most` that `first` may ask for.
    """
    word = Resolved(function, size, most, statements)

    async def resolve(_source: object, info: strawberry.Info, arguments: Mapping[str, Any]) -> object:
        info.context.require_viewer()
        return await function(info.context.reads, **arguments)

    return _field_with_arguments(word, description, resolve, [_without_first_parameter(function)])


def of_context(description: str, function: Callable[[Any], object]) -> Any:
    """What `function` makes of the request's context, for a root field that anybody may ask for."""

    async def resolve(root: Any, info: strawberry.Info) -> Any:
        return function(info.context)

    return _field(OfContext(function), description, resolve)


def count_of(description: str, relation: str, *, weight: float = 1) -> Any:
    """How many rows the connection `relation` of the same type has, without arguments.

    `weight`: the rows that its statement brings or reads for each object, for its cost.
    """
    word = CountOf(relation, weight)

    async def resolve(root: Any, info: strawberry.Info) -> Any:
        return await word.resolve(root, info.context.reads)

    return _field(word, description, resolve)


def batch(description: str, load: BatchLoad, needs: Sequence[str] = ("id",), *, weight: float = 1) -> Any:
    """What `load` finds for many rows at once: it takes the rows and returns as many results, in order.

    `weight` as in count_of.
    """
    word = Batch(load, tuple(needs), weight)

    async def resolve(root: Any, info: strawberry.Info) -> Any:
        return await word.resolve(root, info.context.reads)

    return _field(word, description, resolve)


def computed(description: str, function: Callable[..., Any], *columns: str, with_viewer: bool = False) -> Any:
    """`function` of the values of `columns`; a column of a joined row is written `relation.column`.

    `with_viewer` passes the viewer first.
    """
    word = Computed(function, columns, with_viewer)

    def resolve(root: Any, info: strawberry.Info) -> Any:
        return word.resolve(root, info.context.reads)

    return _field(word, description, resolve)


def _node_arguments(id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]) -> None:
    """The arguments of node()."""


def _nodes_arguments(
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids, 100 at most.")],
) -> None:
    """The arguments of nodes()."""


def _connection(word: ToMany, description: str) -> Any:
    async def resolve(source: object, info: strawberry.Info, arguments: Mapping[str, Any]) -> Page:
        if word.link is None:
            info.context.require_viewer()
        return word.resolve(source, info.context.reads, arguments)

    templates: list[Callable[..., Any]] = [word.narrow] if word.narrow else []
    return _field_with_arguments(word, description, resolve, [*templates, page_arguments])


def _without_first_parameter(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @wraps(function)
    def template() -> None:
        """Only read for its signature."""

    _, *parameters = signature.parameters.values()
    template.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return template


def _field(word: Word, description: str, resolve: Callable[..., Any]) -> Any:
    return strawberry.field(resolver=resolve, description=description, metadata={METADATA_KEY: word})


class _WithArguments(FieldExtension):
    """Gives a field the GraphQL arguments of template functions, and resolves it with them."""

    def __init__(
        self, resolve: Callable[..., Awaitable[Any]], templates: Sequence[Callable[..., Any]]
    ) -> None:
        self._resolve = resolve
        self._templates = templates

    def apply(self, field: StrawberryField) -> None:
        field.arguments = [
            argument for template in self._templates for argument in StrawberryResolver(template).arguments
        ]
        for argument in field.arguments:
            if argument.default is None:  # Python's way to leave an argument out; the schema has its own
                argument.default = strawberry.UNSET

    def resolve(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        return self._resolve(source, info, arguments)


def _field_with_arguments(
    word: Word,
    description: str,
    resolve: Callable[..., Awaitable[Any]],
    templates: Sequence[Callable[..., Any]],
) -> Any:
    return strawberry.field(
        description=description,
        metadata={METADATA_KEY: word},
        extensions=[_WithArguments(resolve, templates)],
    )
