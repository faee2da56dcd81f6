"""The texts of SELECTs, by the shape of a request: the same for all requests of one shape, and remembered.

A thousand of each are kept, since clients choose among shapes, and none that is long. `this` is the table
that is read, `link` the join table that leads to it, `parent` what its rows lie under, `_parent` the number
of a row's parent.
"""

import re

from app.engine.entities import Entity, Tenants
from app.engine.ordering import Order, Range, after, all_rows, order_by
from app.engine.relations import Link, Through
from app.engine.remembering import remembered

_RIDING = "+"
"""Begins the names of the columns of a page that rides in its parent's statement."""

_IDS = re.compile(r"(?<!:):[a-z_][a-z0-9_]*(?:::text)?::(uuid(?:\[\])?)")
"""Bound ids, one or a list."""

Place = tuple[str | None, ...] | None
"""A cursor's bound values; None stands for null."""

_LONGEST, _COLUMNS = 4_000, 100
"""Characters of a part of a text, such as a filter, and columns: what is made of more is not kept."""


@remembered((1, _COLUMNS))
def select(entity: Entity, columns: tuple[str, ...], predicate: str, limit: str) -> str:
    names, joins = _projection(entity, columns)
    return (
        f"SELECT {names} FROM {entity.table} this{joins} WHERE {entity.access('this')} AND {predicate}{limit}"
    )


@remembered((3, _LONGEST), (4, _COLUMNS))
def page(
    entity: Entity,
    link: Link | None,
    tenants: Tenants | None,
    predicates: str,
    columns: tuple[str, ...],
    order: Order,
    limit: int,
    place: Place,
) -> str:
    names, joins = _projection(entity, columns)
    ordered = f" ORDER BY {order_by(order, entity, 'this')}"
    ranges = _ranges(entity, order, place)
    if len(ranges) == 1 and tenants is None:
        [one] = ranges
        return (
            f"SELECT {names} FROM {_source(entity, link)}{joins} WHERE {predicates} AND {one.predicate}"
            f" ORDER BY {one.order_by} LIMIT {limit:d}"
        )
    rows = _merged(entity, link, tenants, predicates, ranges, ordered, f" LIMIT {limit:d}")
    return f"SELECT {names} FROM ({rows}) this{joins}{ordered}"


@remembered((0, _LONGEST))
def for_any_ids(sql: str) -> str:
    """The statement with its ids hidden from PostgreSQL's planner in subselects.

    PostgreSQL plans a prepared statement anew each time for as long as a plan for the ids at hand looks
    cheaper than its plan for any ids, and for fewer than the ten it takes a list for, it always does: a
    third of the time that a board's first statement takes. Hidden ids look the same in both.
    """
    return _IDS.sub(lambda ids: f"(SELECT {ids[0]})::{ids[1]}", sql)


@remembered((0, _LONGEST))
def under_each(page: str, keys: str) -> str:
    return (
        f'SELECT page.*, parent.position AS "_parent" FROM {_parents(keys)} CROSS JOIN LATERAL ({page}) page'
    )


@remembered((0, _LONGEST), (1, _LONGEST))
def with_page(statement: str, page: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{_RIDING}{column}"' for column in columns)
    return (
        f"SELECT parent.*, page.* FROM ({statement}) parent LEFT JOIN LATERAL ({page}) page({names}) ON TRUE"
    )


@remembered((3, _LONGEST), (4, _COLUMNS))
def numbered(
    entity: Entity,
    link: Through,
    link_predicates: str,
    predicates: str,
    columns: tuple[str, ...],
    order: Order,
    limit: int,
    place: Place,
    keys: str,
) -> str:
    """Pages by way of a join table under many parents.

    No index has a parent's rows in their order, so that all have to be read: once for all parents, where
    LATERAL would join anew for each. GREATEST, of one value, hides what PostgreSQL knows of the join table's
    column: from it PostgreSQL may conclude that a walk along the other's primary key, past the rows of all
    tenants, ends early.
    """
    names, joins = _projection(entity, columns)
    where = " OR ".join(one.predicate for one in _ranges(entity, order, place))
    outputs = ", ".join(f'"{column}"' for column in columns)
    return (
        f'SELECT {outputs}, "_parent" FROM (SELECT parent.position AS "_parent", {names}, row_number() OVER'
        f' (PARTITION BY parent.position ORDER BY {order_by(order, entity, "this")}) AS "_number"'
        f" FROM {_parents(keys)} JOIN {link.table} link ON {link_predicates}"
        f' JOIN {entity.table} this ON this."id" = GREATEST(link."{link.target_key}"){joins}'
        f' WHERE {predicates} AND ({where})) numbered WHERE "_number" <= {limit:d}'
    )


@remembered((2, _LONGEST))
def counts(entity: Entity, link: Link | None, predicates: str, limit: int | None, keys: str | None) -> str:
    bound = "" if limit is None else f" LIMIT {limit + 1:d}"
    count = f"SELECT count(*) FROM (SELECT 1 FROM {_source(entity, link)} WHERE {predicates}{bound}) counted"
    if keys is None:
        return f'SELECT ({count}) AS "_count"'
    return f'SELECT parent.position AS "_parent", ({count}) AS "_count" FROM {_parents(keys)}'


def _ranges(entity: Entity, order: Order, place: Place) -> list[Range]:
    """The ranges of an index that the page after `place` may lie in."""
    if place is None:
        return all_rows(order, entity, "this")
    return after(order, place, entity, "this") or [Range("FALSE", order_by(order, entity, "this"))]


def _merged(
    entity: Entity,
    link: Link | None,
    tenants: Tenants | None,
    predicates: str,
    ranges: list[Range],
    ordered: str,
    limit: str,
) -> str:
    """The first rows of several ranges, each walked in its order; to-one rows are joined to what is left.

    Rows of several tenants are in no index's order together.
    """
    in_tenant = "" if tenants is None else f'this."{tenants.column}" = tenant.key AND '
    start = f"SELECT this.* FROM {_source(entity, link)} WHERE {in_tenant}{predicates}"
    walks = [f"{start} AND {one.predicate} ORDER BY {one.order_by}{limit}" for one in ranges]
    rows = walks[0]
    if len(walks) > 1:
        rows = f"SELECT * FROM ({' UNION ALL '.join(f'({walk})' for walk in walks)}) this{ordered}{limit}"
    if tenants is None:
        return rows
    return (
        f"SELECT this.* FROM unnest(:{tenants.bind}::uuid[]) AS tenant(key)"
        f" CROSS JOIN LATERAL ({rows}) this{ordered}{limit}"
    )


def _parents(keys: str) -> str:
    return f"unnest({keys}) WITH ORDINALITY AS parent(key, position)"


def _source(entity: Entity, link: Link | None) -> str:
    if not isinstance(link, Through):
        return f"{entity.table} this"
    return f'{entity.table} this JOIN {link.table} link ON link."{link.target_key}" = this."id"'


@remembered((1, _COLUMNS))
def _projection(entity: Entity, columns: tuple[str, ...]) -> tuple[str, str]:
    """The select list for `columns`, and the joins of those written `relation.column`."""
    joins: dict[str, tuple[Entity, str]] = {"": (entity, "this")}
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
