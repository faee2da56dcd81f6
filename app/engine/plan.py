"""Compiles a document's selections into levels.

A level is the rows of one statement. Its plan says which columns that statement selects, which further
statements its rows lead to (one for all rows, whatever their number), and holds one generated function from
rows to results. To-one relations are no level of their own: they ride along as joins, their columns named
`relation.column`.

The generated source contains no text of the document but through repr(), and no value of a client: names of
columns and attributes come from declarations, everything else is bound as an object.
"""

from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, is_leaf_type
from graphql.execution.collect_fields import FieldDetails
from strawberry import Schema

from app.engine import leaves
from app.engine.arguments import Arguments
from app.engine.connections import ConnectionFetch, asks_more
from app.engine.entities import Entity, entity_of_type
from app.engine.fetches import BatchFetch, Compiled, CountFetch, Key, ViewerFetch
from app.engine.fields import METADATA_KEY, Batch, ColumnWord, Computed, CountOf, ToMany, ToOne, Word
from app.engine.level import CURSOR, Level
from app.engine.objects import RowsFetch
from app.engine.output_types import is_list, named_type, object_type
from app.engine.pages import ConnectionPart
from app.engine.selection import Selected, Selections, Unsupported
from app.engine.statements import COUNT_LIMIT


def plan_rows(
    schema: Schema,
    selections: Selections,
    type_: GraphQLObjectType,
    nodes: list[FieldDetails],
    entity: Entity,
) -> Compiled:
    """From rows to a list of their objects."""
    level = Level(schema, selections, entity)
    expression = _object_of_row(level, "", entity, type_, nodes)
    return level.compiled(["rows"], f"[{expression} for r in rows]")


def plan_value(
    schema: Schema, selections: Selections, type_: GraphQLObjectType, nodes: list[FieldDetails]
) -> Compiled:
    """From an object that Python code made, such as a mutation's payload, to its result."""
    level = Level(schema, selections, None)
    return level.compiled(["o"], _object_of_value(level, "o", type_, nodes))


def plan_connection(
    schema: Schema,
    selections: Selections,
    word: ToMany,
    key: Key | None,
    selected: Selected,
    above: Level | None = None,
) -> ConnectionFetch:
    """A connection's statement, and from the pages under all parents to their connections.

    `key` and `above`: those of its parents, none at the root.
    """
    level = Level(schema, selections, word.target, above)
    parts: Counter[str] = Counter()
    expression = _connection(level, word, selected, parts)
    entry = "key, page, more, count" if asks_more(parts) else "key, page"
    of_all = f"{{key: {expression} for {entry} in pages}}"
    compiled = level.compiled(["pages", "cursor"], of_all)
    arguments = Arguments(schema, selected.definition, selected.field, selected.nodes[0].node)
    lists = parts["nodes"] + parts["edges"]
    return ConnectionFetch(word, key, arguments, compiled, frozenset(parts), lists)


def _object_of_row(
    level: Level, prefix: str, entity: Entity, type_: GraphQLObjectType, nodes: list[FieldDetails]
) -> str:
    """The source of one object, whose columns in the row `r` carry `prefix`."""
    entries = []
    for selected in level.selections.below(type_, nodes):
        level.weigh_name(selected)
        if isinstance(selected, str):
            entries.append(f"{selected!r}: {type_.name!r}")
        else:
            entries.append(f"{selected.key!r}: {_field_of_row(level, prefix, entity, selected)}")
    return f"{{{', '.join(entries)}}}"


def _field_of_row(level: Level, prefix: str, entity: Entity, selected: Selected) -> str:
    word = selected.field.metadata.get(METADATA_KEY)
    match word:
        case ColumnWord():
            return _column(level, prefix, entity, selected)
        case ToOne():
            return _joined(level, prefix, entity, word, selected)
        case ToMany():
            parent = Key(f"{prefix}id", level.place(f"{prefix}id"))
            fetch = plan_connection(level.schema, level.selections, word, parent, selected, level)
            return f"{level.fetched(fetch)}[{level.column(parent.column)}]"
        case CountOf():
            key = level.column(f"{prefix}id")
            return f"{level.fetched(CountFetch(word, level.place(f'{prefix}id')))}[{key}]"
        case Batch(needs=needs):
            places = {name: level.place(prefix + name) for name in ("id", *needs)}
            fetched = level.fetched(BatchFetch(word, entity, places))
            found = f"{fetched}[{level.column(f'{prefix}id')}]"
            return _value(level, found, selected.definition.type, selected.nodes)
        case Computed():
            arguments = [_weighed(level, prefix, entity, name) for name in word.columns]
            if word.with_viewer:
                arguments.insert(0, level.fetched(ViewerFetch()))
            call = f"{level.bind(word.function)}({', '.join(arguments)})"
            names = level.names
            value = _value(level, call, selected.definition.type, selected.nodes)
            for name in word.columns:  # each name below may stand for all that is made of them
                _weigh(level, prefix, entity, name, level.names - names)
            return value
    raise Unsupported(f"resolver of {selected.field.python_name}")


def _column(level: Level, prefix: str, entity: Entity, selected: Selected) -> str:
    name = selected.field.python_name
    source = _weighed(level, prefix, entity, name)
    type_: Any = selected.definition.type
    if isinstance(type_, GraphQLNonNull):
        if entity.columns[name].nullable:
            source = f"required({source})"
        return leaves.of_column(type_.of_type, source, level.bind)
    inner = leaves.of_column(type_, source, level.bind)
    return inner if inner == source else f"(None if {source} is None else {inner})"


def _weighed(level: Level, prefix: str, entity: Entity, name: str) -> str:
    """The source of a column whose value becomes a part of the answer."""
    _weigh(level, prefix, entity, name, 1)
    return level.column(prefix + name)


def _weigh(level: Level, prefix: str, entity: Entity, name: str, times: int) -> None:
    if name in entity.columns:  # else it is one of a joined row, which are short
        level.weigh(prefix + name, entity.columns[name], times)


def _joined(level: Level, prefix: str, entity: Entity, word: ToOne, selected: Selected) -> str:
    relation = f"{prefix}{(word.key or '').removesuffix('_id')}."
    key = level.column(f"{relation}id")
    inner = _object_of_row(level, relation, word.target, object_type(selected.definition), selected.nodes)
    if isinstance(selected.definition.type, GraphQLNonNull):
        return f"(required(None) if {key} is None else {inner})"
    return f"(None if {key} is None else {inner})"


def _object_of_value(level: Level, source: str, type_: GraphQLObjectType, nodes: list[FieldDetails]) -> str:
    """The source of one object that Python code made, from its attributes."""
    entries = []
    for selected in level.selections.below(type_, nodes):
        level.weigh_name(selected)
        if isinstance(selected, str):
            entries.append(f"{selected!r}: {type_.name!r}")
        else:
            entries.append(f"{selected.key!r}: {_field_of_value(level, source, selected)}")
    return f"{{{', '.join(entries)}}}"


def _field_of_value(level: Level, source: str, selected: Selected) -> str:
    word = selected.field.metadata.get(METADATA_KEY)
    type_ = selected.definition.type
    if isinstance(word, ToOne) and source == "o":
        attribute = attrgetter(word.key or "")
        fetched = _rows_of_value(
            level, word.label, word.target, selected, lambda o: _texts([attribute(o)]), single=True
        )
        found = f"{fetched}.get(str(o.{word.key}))"
        return f"required({found})" if isinstance(type_, GraphQLNonNull) else found
    if isinstance(word, Word) or selected.field.base_resolver is not None:
        raise Unsupported(f"resolver of {selected.field.python_name}")
    name = selected.field.python_name
    entity = entity_of_type(named_type(type_))
    if entity is None:
        return _value(level, f"{source}.{name}", type_, selected.nodes)
    if source != "o" or not is_list(type_):
        raise Unsupported(f"rows in {name}")
    rows = attrgetter(name)
    fetched = _rows_of_value(
        level, name, entity, selected, lambda o: [row["id"] for row in rows(o)], single=False
    )
    item = level.variable()
    return f"[{fetched}[{item}['id']] for {item} in o.{name}]"


def _rows_of_value(
    level: Level,
    label: str,
    entity: Entity,
    selected: Selected,
    keys_of: Callable[[Any], list[str]],
    *,
    single: bool,
) -> str:
    type_ = named_type(selected.definition.type)
    compiled = plan_rows(level.schema, level.selections, type_, selected.nodes, entity)
    return level.fetched(RowsFetch(label, entity, compiled, keys_of, single))


def _value(level: Level, source: str, type_: Any, nodes: list[FieldDetails]) -> str:
    """The source that completes a value which Python code made, as graphql-core's CompleteValue() does."""
    if isinstance(type_, GraphQLNonNull):
        return _present(level, f"required({source})", type_.of_type, nodes)
    item = level.variable()
    present = _present(level, item, type_, nodes)
    return f"[None if {item} is None else {present} for {item} in ({source},)][0]"


def _present(level: Level, source: str, type_: Any, nodes: list[FieldDetails]) -> str:
    if is_leaf_type(type_):
        return leaves.of_value(type_, source, level.bind)
    item = level.variable()
    if isinstance(type_, GraphQLList):
        return f"[{_value(level, item, type_.of_type, nodes)} for {item} in {source}]"
    if isinstance(type_, GraphQLObjectType) and entity_of_type(type_) is None:
        return f"[{_object_of_value(level, item, type_, nodes)} for {item} in ({source},)][0]"
    raise Unsupported(f"value of {type_}")


def _connection(level: Level, word: ToMany, connection: Selected, parts: Counter[str]) -> str:
    type_ = object_type(connection.definition)
    entries = []
    for selected in level.selections.below(type_, connection.nodes):
        level.weigh_name_above(selected)
        if isinstance(selected, str):
            entries.append(f"{selected!r}: {type_.name!r}")
            continue
        part = selected.field.metadata.get(METADATA_KEY)
        if not isinstance(part, ConnectionPart):
            raise Unsupported(f"connection field {selected.field.python_name}")
        parts["count" if part.name.startswith("total") else part.name] += 1
        entries.append(f"{selected.key!r}: {_PARTS[part.name](level, word, selected, parts)}")
    return f"{{{', '.join(entries)}}}"


def _nodes(level: Level, word: ToMany, selected: Selected, _parts: Counter[str]) -> str:
    node = _object_of_row(level, "", word.target, object_type(selected.definition), selected.nodes)
    return f"[{node} for r in page]"


def _edges(level: Level, word: ToMany, selected: Selected, parts: Counter[str]) -> str:
    edge_type = object_type(selected.definition)
    entries = []
    for inner in level.selections.below(edge_type, selected.nodes):
        level.weigh_name(inner, CURSOR)
        if isinstance(inner, str):
            entries.append(f"{inner!r}: {edge_type.name!r}")
        elif inner.field.python_name == "node":
            node = _object_of_row(level, "", word.target, object_type(inner.definition), inner.nodes)
            entries.append(f"{inner.key!r}: {node}")
        else:
            parts["cursor"] += 1
            entries.append(f"{inner.key!r}: cursor(r)")
    return f"[{{{', '.join(entries)}}} for r in page]"


_PAGE_INFO = {
    "has_next_page": "more[0]",
    "has_previous_page": "more[1]",
    "start_cursor": "cursor(page[0]) if page else None",
    "end_cursor": "cursor(page[-1]) if page else None",
}


def _page_info(level: Level, _word: ToMany, selected: Selected, parts: Counter[str]) -> str:
    type_ = object_type(selected.definition)
    entries = []
    for inner in level.selections.below(type_, selected.nodes):
        level.weigh_name_above(inner)
        if isinstance(inner, str):
            entries.append(f"{inner!r}: {type_.name!r}")
            continue
        if inner.field.python_name.endswith("_cursor"):
            parts["cursor"] += 1
        entries.append(f"{inner.key!r}: {_PAGE_INFO[inner.field.python_name]}")
    return f"{{{', '.join(entries)}}}"


_PARTS: dict[str, Callable[[Level, ToMany, Selected, Counter[str]], str]] = {
    "nodes": _nodes,
    "edges": _edges,
    "page_info": _page_info,
    "total_count": lambda *_: f"min(count, {COUNT_LIMIT})",
    "total_count_capped": lambda *_: f"count > {COUNT_LIMIT}",
}


def _texts(keys: list[Any]) -> list[str]:
    return [str(key) for key in keys if key is not None]
