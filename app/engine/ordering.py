"""Orders and keyset predicates: where the next page begins, in SQL that an index can follow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

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


def order_by(order: Order, entity: Entity, alias: str) -> str:
    return ", ".join(
        _direction(entity.columns[key.attribute].of(alias), key, entity.columns[key.attribute].nullable)
        for key in order.keys
    )


def after(order: Order, values: Sequence[str | None], entity: Entity, alias: str) -> list[str]:
    """The rows that come after `values` in `order`, as predicates whose results do not overlap.

    `values` are the SQL of bound values; None stands for null.

    One predicate, a row comparison, where all keys run one way and hold no nulls: an index walks it. Else
    one predicate for each way of coming later: each is a range of an index, where one OR over them is a
    scan of everything before the page.
    """
    columns = [entity.columns[key.attribute] for key in order.keys]
    same_way = len({key.descending for key in order.keys}) == 1
    if same_way and not any(column.nullable for column in columns):
        operator = "<" if order.keys[0].descending else ">"
        left = ", ".join(column.of(alias) for column in columns)
        return [f"({left}) {operator} ({', '.join(filter(None, values))})"]
    branches: list[str] = []
    equal: list[str] = []
    for key, column, value in zip(order.keys, columns, values, strict=True):
        for later in _later(key, column, value, alias):
            branches.append(" AND ".join([*equal, later]))
        equal.append(_equals(column, value, alias))
    return branches


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
