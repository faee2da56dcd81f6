"""The SQL writer: every SELECT that the engine sends is put together here.

Names come from Tortoise's metadata, values only as binds, and each table is read through its access
predicate. `_parent` is the key of the parent that a row belongs to, `_order<n>` the n-th order column.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.engine.composer import Composer, Condition
from app.engine.cursors import CursorValue
from app.engine.entities import Entity
from app.engine.filter_sql import compile_filter
from app.engine.ordering import Order, after, order_by, order_by_output
from app.engine.relations import Direct, Link, Through

COUNT_LIMIT = 10_000
"""Counting stops here; `totalCountCapped` says so."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows of an entity, before they are cut into pages."""

    entity: Entity
    link: Link | None = None
    conditions: tuple[Condition, ...] = ()
    filter_type: type | None = None
    filter: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    binds: dict[str, object] = field(default_factory=dict)


def select_by_ids(entity: Entity, columns: Sequence[str], ids: Sequence[str]) -> Statement:
    """The rows with these ids that the viewer may see, in no order."""
    composer = Composer()
    row = composer.alias()
    names, joins = _projection(entity, tuple(columns), row)
    sql = (
        f"SELECT {names} FROM {entity.table} {row}{joins}"
        f' WHERE {row}."id" = ANY({composer.value(list(ids), "uuid[]")}) AND {entity.access(row)}'
    )
    return Statement(sql, composer.binds)


def select_matching(entity: Entity, columns: Sequence[str], condition: Condition, limit: int) -> Statement:
    """At most `limit` rows that meet a condition, in no order."""
    composer = Composer()
    row = composer.alias()
    names, joins = _projection(entity, tuple(columns), row)
    sql = (
        f"SELECT {names} FROM {entity.table} {row}{joins}"
        f" WHERE {entity.access(row)} AND {composer.condition(condition, row)} LIMIT {limit:d}"
    )
    return Statement(sql, composer.binds)


def select_types(found_in: Sequence[Entity], ids: Sequence[str]) -> Statement:
    """Which of these entities each id belongs to (`type`, `id`): one probe of a primary key each."""
    composer = Composer()
    bound = composer.value(list(ids), "uuid[]")
    probes = []
    for entity in found_in:
        row = composer.alias()
        probes.append(
            f"SELECT '{entity.type_name}' AS type, {row}.\"id\"::text AS id FROM {entity.table} {row}"
            f' WHERE {row}."id" = ANY({bound}) AND {entity.access(row)}'
        )
    return Statement(" UNION ALL ".join(probes), composer.binds)


def select_page(
    rows: Rows,
    columns: Sequence[str],
    order: Order,
    limit: int,
    after_values: Sequence[CursorValue] | None,
    parents: Sequence[str] | None,
) -> Statement:
    """The first `limit` rows after a cursor, under each parent or, where `parents` is None, in all."""
    composer = Composer()
    parent_alias = composer.alias()
    page = _page(rows, columns, order, limit, after_values, f"{parent_alias}.key", composer)
    if parents is None:
        return Statement(page, composer.binds)
    keys = composer.value(list(parents), "uuid[]")
    sql = (
        f'SELECT {parent_alias}.key::text AS "_parent", page.* FROM unnest({keys}) AS {parent_alias}(key)'
        f" CROSS JOIN LATERAL ({page}) page"
    )
    return Statement(sql, composer.binds)


def select_counts(rows: Rows, parents: Sequence[str] | None, limit: int | None = COUNT_LIMIT) -> Statement:
    """How many rows there are (`_count`), under each parent or in all; counting stops one past `limit`."""
    composer = Composer()
    parent_alias, row = composer.alias(), composer.alias()
    source, predicate = _source(rows, row, f"{parent_alias}.key", composer)
    bound = "" if limit is None else f" LIMIT {limit + 1:d}"
    count = f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {predicate}{bound}) counted"
    if parents is None:
        return Statement(f'SELECT ({count}) AS "_count"', composer.binds)
    keys = composer.value(list(parents), "uuid[]")
    sql = (
        f'SELECT {parent_alias}.key::text AS "_parent", ({count}) AS "_count"'
        f" FROM unnest({keys}) AS {parent_alias}(key)"
    )
    return Statement(sql, composer.binds)


def _page(
    rows: Rows,
    columns: Sequence[str],
    order: Order,
    limit: int,
    after_values: Sequence[CursorValue] | None,
    parent_key: str,
    composer: Composer,
) -> str:
    row = composer.alias()
    names, joins = _projection(rows.entity, tuple(columns), row)
    source, predicate = _source(rows, row, parent_key, composer)
    ordered = f" ORDER BY {order_by(order, rows.entity, row)} LIMIT {limit:d}"
    if after_values is None:
        return f"SELECT {names} FROM {source}{joins} WHERE {predicate}{ordered}"
    branches = after(order, after_values, rows.entity, row, composer)
    if len(branches) == 1:
        return f"SELECT {names} FROM {source}{joins} WHERE {predicate} AND {branches[0]}{ordered}"
    outputs = [f"_order{position}" for position in range(len(order.keys))]
    keys = ", ".join(
        f'{rows.entity.columns[key.attribute].of(row)} AS "{output}"'
        for key, output in zip(order.keys, outputs, strict=True)
    )
    union = " UNION ALL ".join(
        f"(SELECT {names}, {keys} FROM {source}{joins} WHERE {predicate} AND {branch}{ordered})"
        for branch in branches or ["FALSE"]
    )
    final = order_by_output(order, rows.entity, outputs, "branches")
    return f"SELECT * FROM ({union}) branches ORDER BY {final} LIMIT {limit:d}"


def _source(rows: Rows, row: str, parent_key: str, composer: Composer) -> tuple[str, str]:
    """The FROM and WHERE of `rows`, linked to the parent's key."""
    source = f"{rows.entity.table} {row}"
    predicates: list[str] = []
    match rows.link:
        case Direct(key):
            predicates.append(f'{row}."{key}" = {parent_key}')
        case Through() as through:
            link = composer.alias()
            source += f' JOIN {through.table} {link} ON {link}."{through.target_key}" = {row}."id"'
            predicates.append(f'{link}."{through.source_key}" = {parent_key}')
            if through.condition is not None:
                predicates.append(composer.condition(through.condition, link))
        case None:
            pass
    predicates.append(rows.entity.access(row))
    predicates.extend(composer.condition(condition, row) for condition in rows.conditions)
    if rows.filter is not None and rows.filter_type is not None:
        predicates.append(compile_filter(rows.filter_type, rows.filter, rows.entity, row, composer))
    return source, " AND ".join(predicates)


@lru_cache(maxsize=2_000)
def _projection(entity: Entity, columns: tuple[str, ...], row: str) -> tuple[str, str]:
    """The select list for `columns`, and the joins of those written `relation.column`."""
    joins: dict[str, tuple[Entity, str]] = {"": (entity, row)}
    clauses: list[str] = []
    names: list[str] = []
    for column in columns:
        relation, _, attribute = column.rpartition(".")
        target, alias = _joined(relation, joins, clauses)
        names.append(f'{target.columns[attribute].selected(alias)} AS "{column}"')
    return ", ".join(names), "".join(clauses)


def _joined(relation: str, joins: dict[str, tuple[Entity, str]], clauses: list[str]) -> tuple[Entity, str]:
    """The entity and alias of `relation` (`project.workspace`), joined once, by way of what leads there."""
    if relation not in joins:
        before, _, last = relation.rpartition(".")
        source, source_alias = _joined(before, joins, clauses)
        target = source.target_of(last)
        alias = f"{joins[''][1]}_{len(joins)}"
        key = source.columns[f"{last}_id"].of(source_alias)
        clauses.append(
            f' LEFT JOIN {target.table} {alias} ON {alias}."id" = {key} AND {target.access(alias)}'
        )
        joins[relation] = target, alias
    return joins[relation]
