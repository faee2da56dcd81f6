"""The texts of SELECTs, by the shape of a request: the same for all requests of one shape, and remembered.

A thousand of each are kept, since clients choose among shapes. `this` is the table that is read, `link` the
join table that leads to it, `parent` what its rows lie under, `_parent` the number of a row's parent.
"""

from functools import lru_cache

from app.engine.entities import Entity, Tenants
from app.engine.ordering import Order, after, order_by
from app.engine.relations import Link, Through

_RIDING = "+"
"""Begins the names of the columns of a page that rides in its parent's statement."""

Place = tuple[str | None, ...] | None
"""A cursor's bound values; None stands for null."""

_remembered = lru_cache(maxsize=1_000)


@_remembered
def select(entity: Entity, columns: tuple[str, ...], predicate: str, limit: str) -> str:
    names, joins = _projection(entity, columns)
    return (
        f"SELECT {names} FROM {entity.table} this{joins} WHERE {entity.access('this')} AND {predicate}{limit}"
    )


@_remembered
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
    parts = _parts(entity, predicates, order, place)
    if len(parts) == 1 and tenants is None:
        return f"SELECT {names} FROM {_source(entity, link)}{joins} WHERE {parts[0]}{ordered} LIMIT {limit:d}"
    rows = _merged(entity, link, tenants, parts, f"{ordered} LIMIT {limit:d}")
    return f"SELECT {names} FROM ({rows}) this{joins}{ordered}"


@_remembered
def under_each(page: str, keys: str) -> str:
    return (
        f'SELECT page.*, parent.position AS "_parent" FROM {_parents(keys)} CROSS JOIN LATERAL ({page}) page'
    )


@_remembered
def with_page(statement: str, page: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{_RIDING}{column}"' for column in columns)
    return (
        f"SELECT parent.*, page.* FROM ({statement}) parent LEFT JOIN LATERAL ({page}) page({names}) ON TRUE"
    )


@_remembered
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
    [where] = _parts(entity, predicates, order, place, merged=False)
    outputs = ", ".join(f'"{column}"' for column in columns)
    return (
        f'SELECT {outputs}, "_parent" FROM (SELECT parent.position AS "_parent", {names}, row_number() OVER'
        f' (PARTITION BY parent.position ORDER BY {order_by(order, entity, "this")}) AS "_number"'
        f" FROM {_parents(keys)} JOIN {link.table} link ON {link_predicates}"
        f' JOIN {entity.table} this ON this."id" = GREATEST(link."{link.target_key}"){joins}'
        f' WHERE {where}) numbered WHERE "_number" <= {limit:d}'
    )


@_remembered
def counts(entity: Entity, link: Link | None, predicates: str, limit: int | None, keys: str | None) -> str:
    bound = "" if limit is None else f" LIMIT {limit + 1:d}"
    count = f"SELECT count(*) FROM (SELECT 1 FROM {_source(entity, link)} WHERE {predicates}{bound}) counted"
    if keys is None:
        return f'SELECT ({count}) AS "_count"'
    return f'SELECT parent.position AS "_parent", ({count}) AS "_count" FROM {_parents(keys)}'


def _parts(entity: Entity, predicates: str, order: Order, place: Place, *, merged: bool = True) -> list[str]:
    """The WHERE of each range of an index that the page after `place` may lie in, or of all in one."""
    if place is None:
        return [predicates]
    ranges = after(order, place, entity, "this") or ["FALSE"]
    if not merged:
        ranges = [f"({' OR '.join(ranges)})"]
    return [f"{predicates} AND {one}" for one in ranges]


def _merged(entity: Entity, link: Link | None, tenants: Tenants | None, parts: list[str], cut: str) -> str:
    """The first rows of several ranges, each walked in its order; to-one rows are joined to what is left.

    Rows of several tenants are in no index's order together.
    """
    in_tenant = "" if tenants is None else f'this."{tenants.column}" = tenant.key AND '
    ranges = [f"SELECT this.* FROM {_source(entity, link)} WHERE {in_tenant}{part}{cut}" for part in parts]
    rows = ranges[0]
    if len(ranges) > 1:
        rows = f"SELECT * FROM ({' UNION ALL '.join(f'({one})' for one in ranges)}) this{cut}"
    if tenants is None:
        return rows
    return (
        f"SELECT this.* FROM unnest(:{tenants.bind}::uuid[]) AS tenant(key)"
        f" CROSS JOIN LATERAL ({rows}) this{cut}"
    )


def _parents(keys: str) -> str:
    return f"unnest({keys}) WITH ORDINALITY AS parent(key, position)"


def _source(entity: Entity, link: Link | None) -> str:
    if not isinstance(link, Through):
        return f"{entity.table} this"
    return f'{entity.table} this JOIN {link.table} link ON link."{link.target_key}" = this."id"'


@_remembered
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
