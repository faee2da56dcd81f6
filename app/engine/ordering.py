"""Orders and keyset predicates: where the next page begins, in SQL that an index can follow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from app.engine.entities import Column, Entity


@dataclass(frozen=True, slots=True)
class SortKey:
    attribute: str
    descending: bool = False
    nulls_first: bool = False

    def reversed(self) -> "SortKey":
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)


@dataclass(frozen=True)
class Order:
    """A total order over an entity's rows: its last key is always the unique id."""

    keys: tuple[SortKey, ...]

    @classmethod
    def by(cls, *keys: str | SortKey) -> "Order":
        """`Order.by("-created_at")` is newest first; the id follows in the first key's direction."""
        parsed = tuple(key if isinstance(key, SortKey) else _parse(key) for key in keys)
        if any(key.attribute == "id" for key in parsed):
            return cls(parsed)
        return cls((*parsed, SortKey("id", descending=bool(parsed) and parsed[0].descending)))

    def reversed(self) -> "Order":
        return Order(tuple(key.reversed() for key in self.keys))

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        return tuple(key.attribute for key in self.keys)

    @cached_property
    def description(self) -> str:
        """One text per order, for binding cursors to it."""
        return ",".join(f"{key.attribute}:{key.descending:d}{key.nulls_first:d}" for key in self.keys)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.keys)


class Range(NamedTuple):
    """Rows that an index can hold in one piece."""

    predicate: str
    order_by: str
    """In the order that was asked for, written such that the index has it."""


def order_by(order: Order, entity: Entity, alias: str, settled: int = 0) -> str:
    """`settled`: of how many keys it is known whether they are null. Nothing is said of theirs, so that
    PostgreSQL follows an index, which has them after the last value, even where there are none.
    """
    return ", ".join(
        _direction(
            entity.columns[key.attribute].of(alias),
            key,
            entity.columns[key.attribute].nullable and place >= settled,
        )
        for place, key in enumerate(order.keys)
    )


def all_rows(order: Order, entity: Entity, alias: str) -> list[Range]:
    """One range, two where the first key's nulls stand on the side where an index does not have them."""
    first = order.keys[0]
    column = entity.columns[first.attribute]
    if not column.nullable or first.nulls_first is first.descending:
        return [Range("TRUE", order_by(order, entity, alias))]
    name, ordered = column.of(alias), order_by(order, entity, alias, settled=1)
    return [Range(f"{name} IS NOT NULL", ordered), Range(f"{name} IS NULL", ordered)]


def after(order: Order, values: Sequence[str | None], entity: Entity, alias: str) -> list[Range]:
    """The rows that come after `values` in `order`, in ranges that do not overlap.

    `values` are the SQL of bound values; None stands for null.

    One range, a row comparison, where all keys run one way and hold no nulls: an index walks it. Else one
    for each way of coming later: one OR over them is a scan of everything before the page.
    """
    columns = [entity.columns[key.attribute] for key in order.keys]
    same_way = len({key.descending for key in order.keys}) == 1
    if same_way and not any(column.nullable for column in columns):
        operator = "<" if order.keys[0].descending else ">"
        left = ", ".join(column.of(alias) for column in columns)
        later = f"({left}) {operator} ({', '.join(filter(None, values))})"
        return [Range(later, order_by(order, entity, alias))]
    ranges: list[Range] = []
    equal: list[str] = []
    for key, column, value in zip(order.keys, columns, values, strict=True):
        ordered = order_by(order, entity, alias, settled=len(equal) + 1)
        for later in _later(key, column, value, alias):
            ranges.append(Range(" AND ".join([*equal, later]), ordered))
        equal.append(_equals(column, value, alias))
    return ranges


def _later(key: SortKey, column: Column, value: str | None, alias: str) -> list[str]:
    name = column.of(alias)
    if value is None:
        return [f"{name} IS NOT NULL"] if key.nulls_first else []
    operator = "<" if key.descending else ">"
    beyond = [f"{name} {operator} {value}"]
    if column.nullable and not key.nulls_first:
        beyond.append(f"{name} IS NULL")
    return beyond


def _equals(column: Column, value: str | None, alias: str) -> str:
    if value is None:
        return f"{column.of(alias)} IS NULL"
    return f"{column.of(alias)} = {value}"


def _direction(expression: str, key: SortKey, nullable: bool) -> str:
    direction = f"{expression} DESC" if key.descending else f"{expression} ASC"
    if not nullable:
        return direction
    return f"{direction} NULLS FIRST" if key.nulls_first else f"{direction} NULLS LAST"


def _parse(key: str) -> SortKey:
    return SortKey(key.removeprefix("-"), descending=key.startswith("-"))
