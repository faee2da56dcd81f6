"""The SELECTs that the engine sends: values are bound here, texts.py writes the text around their names.

Names come from Tortoise's metadata, values only as binds, and each table is read through its access
predicate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.engine import texts
from app.engine.composer import Composer, Condition
from app.engine.cursors import CursorValue
from app.engine.entities import Entity, Tenants
from app.engine.filter_sql import compile_filter
from app.engine.ordering import Order
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
    tenants: Tenants | None = None
    """Where they are the rows of all of the viewer's tenants: each has its own in their order."""


class Statement(NamedTuple):
    sql: str
    binds: Mapping[str, object]


def select_by_ids(entity: Entity, columns: Sequence[str], ids: Sequence[str]) -> Statement:
    """The rows with these ids that the viewer may see, in no order."""
    composer = Composer()
    if len(ids) == 1:
        with_id = f'this."id" = {composer.value(ids[0], "uuid")}'
        return Statement(texts.select(entity, tuple(columns), with_id, ""), composer.binds)
    with_id = f'this."id" = ANY({composer.value(ids, "uuid[]")})'
    sql = texts.for_any_ids(texts.select(entity, tuple(columns), with_id, ""))
    return Statement(sql, composer.binds)


def select_matching(entity: Entity, columns: Sequence[str], condition: Condition, limit: int) -> Statement:
    """At most `limit` rows that meet a condition, in no order."""
    composer = Composer()
    meets = composer.condition(condition, "this")
    return Statement(texts.select(entity, tuple(columns), meets, f" LIMIT {limit:d}"), composer.binds)


def select_types(found_in: Sequence[Entity], ids: Sequence[str]) -> Statement:
    """Which of these entities each id belongs to (`type`, `id`): one probe of a primary key each."""
    composer = Composer()
    bound = composer.value(ids, "uuid[]")
    probes = [
        f"SELECT '{entity.type_name}' AS type, this.\"id\"::text AS id FROM {entity.table} this"
        f' WHERE this."id" = ANY({bound}) AND {entity.access("this")}'
        for entity in found_in
    ]
    return Statement(texts.for_any_ids(" UNION ALL ".join(probes)), composer.binds)


def select_page(
    rows: Rows,
    columns: Sequence[str],
    order: Order,
    limit: int,
    after_values: Sequence[CursorValue] | None,
    parents: Sequence[str] | None,
) -> Statement:
    """The first `limit` rows after a cursor, under each parent or, where `parents` is None, in all.

    `_parent` is the number of the parent that a row belongs to, from 1.
    """
    composer = Composer()
    if parents is None:
        sql = _page(rows, columns, order, limit, after_values, "", composer)
        return Statement(sql if rows.tenants is None else _planned_once(rows, sql), composer.binds)
    keys = composer.value(parents, "uuid[]")
    if isinstance(rows.link, Through):
        link = " AND ".join(_link_predicates(rows, "= parent.key", composer))
        predicates = " AND ".join(_predicates(rows, composer))
        place = _place(rows.entity, order, after_values, composer)
        sql = texts.numbered(
            rows.entity, rows.link, link, predicates, tuple(columns), order, limit, place, keys
        )
    else:
        page = _page(rows, columns, order, limit, after_values, "= parent.key", composer)
        sql = texts.under_each(page, keys)
    return Statement(_planned_once(rows, sql), composer.binds)


def riding_page(
    parent_key: str,
    rows: Rows,
    columns: Sequence[str],
    order: Order,
    limit: int,
    after_values: Sequence[CursorValue] | None,
) -> Statement:
    """A page for `select_with_page`; `parent_key` is the column of the other statement with its parent."""
    composer = Composer(prefix="ride")
    page = _page(rows, columns, order, limit, after_values, f'= parent."{parent_key}"::uuid', composer)
    return Statement(page, composer.binds)


def select_with_page(statement: Statement, page: Statement, columns: tuple[str, ...]) -> Statement:
    """A statement for one row, each of whose results carries a row of the page under it, too.

    Nulls stand for a row where the page is empty.
    """
    riding = texts.with_page(statement.sql, page.sql, columns)
    return Statement(riding, {**statement.binds, **page.binds})


def select_counts(rows: Rows, parents: Sequence[str] | None, limit: int | None = COUNT_LIMIT) -> Statement:
    """How many rows there are (`_count`), under each parent (`_parent`, as in a page) or in all; counting
    stops one past `limit`."""
    composer = Composer()
    predicates = _all_predicates(rows, "= parent.key", composer)
    keys = None if parents is None else composer.value(parents, "uuid[]")
    sql = texts.counts(rows.entity, rows.link, predicates, limit, keys)
    return Statement(sql if keys is None else _planned_once(rows, sql), composer.binds)


def _planned_once(rows: Rows, sql: str) -> str:
    """How few rows meet a filter may decide how to find them best: that is worth planning for the values."""
    return sql if rows.filter is not None else texts.for_any_ids(sql)


def _page(
    rows: Rows,
    columns: Sequence[str],
    order: Order,
    limit: int,
    after_values: Sequence[CursorValue] | None,
    of_parent: str,
    composer: Composer,
) -> str:
    predicates = _all_predicates(rows, of_parent, composer)
    place = _place(rows.entity, order, after_values, composer)
    return texts.page(rows.entity, rows.link, rows.tenants, predicates, tuple(columns), order, limit, place)


def _all_predicates(rows: Rows, of_parent: str, composer: Composer) -> str:
    return " AND ".join([*_link_predicates(rows, of_parent, composer), *_predicates(rows, composer)])


def _link_predicates(rows: Rows, of_parent: str, composer: Composer) -> list[str]:
    """What leads to a parent's rows; `of_parent` follows the column with the parent's key."""
    match rows.link:
        case Direct(key):
            return [f'this."{key}" {of_parent}']
        case Through(source_key=key, condition=condition):
            narrowed = [] if condition is None else [composer.condition(condition, "link")]
            return [f'link."{key}" {of_parent}', *narrowed]
        case None:
            return []


def _predicates(rows: Rows, composer: Composer) -> list[str]:
    predicates = [rows.entity.access("this")]
    predicates += [composer.condition(condition, "this") for condition in rows.conditions]
    if rows.filter is not None and rows.filter_type is not None:
        predicates.append(compile_filter(rows.filter_type, rows.filter, rows.entity, "this", composer))
    return predicates


def _place(
    entity: Entity, order: Order, values: Sequence[CursorValue] | None, composer: Composer
) -> tuple[str | None, ...] | None:
    """A cursor's values, bound."""
    if values is None:
        return None
    return tuple(
        None if value is None else composer.value(value, entity.columns[key.attribute].sql_type)
        for key, value in zip(order.keys, values, strict=True)
    )
