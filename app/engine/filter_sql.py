"""Filters as the client wrote them, in SQL."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from strawberry.types.base import StrawberryObjectDefinition

from app.engine.composer import Composer, is_uuid
from app.engine.entities import Column, Entity, entity_of_model
from app.engine.errors import ArgumentError, DeclarationError
from app.engine.filters import (
    METADATA_KEY,
    Compares,
    Crosses,
    Declaration,
    HasSome,
    IsNull,
    Part,
    definition_of,
    graphql_name,
    named_type,
)
from app.engine.relations import Through

MAX_DEPTH = 8
"""How deep filters nest; a deeper one is an ArgumentError."""
_TOLD_DEPTH = 4 * MAX_DEPTH
"""How deep one is still looked at, to say how deep it is."""
MAX_CONDITIONS = 100
"""How many comparisons one filter holds in all, and steps to other rows; more are an ArgumentError."""
MAX_LIST = 500
"""How many values `in` and `nin` take; more are an ArgumentError."""


def compile_filter(
    filter_type: type, value: Mapping[str, Any], entity: Entity, alias: str, composer: Composer
) -> str:
    """The SQL of a filter as the client wrote it, over `alias`.

    Raises ArgumentError for one that is too deep, too long, or compares with null.
    """
    compiler = Compiler(composer, alias)
    sql = compiler.filter(definition_of(filter_type), value, entity, alias, ("filter",))
    compiler.check()
    return sql


class Compiler:
    def __init__(self, composer: Composer, alias: str) -> None:
        self.composer = composer
        self.alias = alias
        """Of the rows that are filtered."""
        self.conditions = 0
        self.depth = 0

    def check(self) -> None:
        """Raises ArgumentError. At the end, to say what was sent, which is bounded before it comes here."""
        if self.depth > MAX_DEPTH:
            raise _too_deep(str(self.depth))
        if self.conditions > MAX_CONDITIONS:
            raise ArgumentError(
                "filter",
                f"filter holds {self.conditions:,} conditions; the limit is {MAX_CONDITIONS}."
                " Compare with several values by in, or send several operations.",
            )

    def filter(
        self,
        definition: StrawberryObjectDefinition,
        value: Mapping[str, Any],
        entity: Entity,
        alias: str,
        path: tuple[str, ...],
    ) -> str:
        self.depth = max(self.depth, len(path))
        if self.depth > _TOLD_DEPTH:
            raise _too_deep(f"more than {_TOLD_DEPTH}")
        fields = {graphql_name(field): field for field in definition.fields}
        parts: list[str] = []
        for name, nested in value.items():
            where = (*path, name)
            if nested is None:
                raise ArgumentError("filter", f"{'.'.join(where)} is null: leave it out, or use isNull.")
            declaration = fields[name].metadata.get(METADATA_KEY)
            if declaration is None:
                parts.append(self._combine(definition, name, nested, entity, alias, where))
            else:
                parts.append(self._declared(declaration, fields[name], nested, entity, alias, where))
        return f"({' AND '.join(parts)})" if parts else "TRUE"

    def _combine(
        self,
        definition: StrawberryObjectDefinition,
        name: str,
        nested: Any,
        entity: Entity,
        alias: str,
        path: tuple[str, ...],
    ) -> str:
        if name == "not":
            return f"({self.filter(definition, nested, entity, alias, path)}) IS NOT TRUE"
        parts = [self.filter(definition, part, entity, alias, path) for part in nested]
        if not parts:
            return "TRUE" if name == "and" else "FALSE"
        return f"({(' AND ' if name == 'and' else ' OR ').join(parts)})"

    def _declared(
        self,
        declaration: Declaration,
        field: Any,
        nested: Any,
        entity: Entity,
        alias: str,
        path: tuple[str, ...],
    ) -> str:
        match declaration:
            case Compares(attribute):
                return self._compare(entity.columns[attribute], nested, alias, path)
            case Crosses(relation):
                return self._cross(
                    relation, definition_of(named_type(field.type)), nested, entity, alias, path
                )
            case HasSome(through, negated):
                found = self._some(through, definition_of(named_type(field.type)), nested, alias, path)
                return f"NOT {found}" if negated else found
            case Part():
                return self.filter(definition_of(named_type(field.type)), nested, entity, alias, path)
            case IsNull():
                raise DeclarationError(
                    entity.type_name, field.python_name, "isNull belongs in a crossed filter"
                )

    def _cross(
        self,
        relation: str,
        definition: StrawberryObjectDefinition,
        nested: Mapping[str, Any],
        entity: Entity,
        alias: str,
        path: tuple[str, ...],
    ) -> str:
        key = entity.columns[f"{relation}_id"]
        target = entity.target_of(relation)
        fields = {graphql_name(field): field for field in definition.fields}
        parts: list[str] = []
        beyond: dict[str, Any] = {}
        for name, value in nested.items():
            declaration = fields[name].metadata.get(METADATA_KEY)
            if isinstance(declaration, IsNull):
                parts.append(self._compare(key, {"isNull": value}, alias, (*path, name)))
            elif isinstance(declaration, Compares) and declaration.attribute == "id" and value is not None:
                parts.append(self._compare(key, value, alias, (*path, name)))
            else:
                beyond[name] = value
        if beyond:
            self.conditions += 1
            other = self.composer.alias()
            inner = self.filter(definition, beyond, target, other, path)
            parts.append(
                f'EXISTS (SELECT 1 FROM {target.table} {other} WHERE {other}."id" = {key.of(alias)}'
                f" AND {target.access(other)} AND {inner})"
            )
        return f"({' AND '.join(parts)})" if parts else "TRUE"

    def _some(
        self,
        through: Through,
        definition: StrawberryObjectDefinition,
        nested: Mapping[str, Any],
        alias: str,
        path: tuple[str, ...],
    ) -> str:
        self.conditions += 1
        target = entity_of_model(through.target_model)
        link, other = self.composer.alias(), self.composer.alias()
        inner = self.filter(definition, nested, target, other, path)
        if through.condition is not None:
            inner = f"{self.composer.condition(through.condition, link)} AND {inner}"
        return (
            f"EXISTS (SELECT 1 FROM {through.table} {link} JOIN {target.table} {other}"
            f' ON {other}."id" = {link}."{through.target_key}"'
            f' WHERE {link}."{through.source_key}" = {alias}."id" AND {target.access(other)} AND {inner})'
        )

    def _compare(
        self, column: Column, comparisons: Mapping[str, Any], alias: str, path: tuple[str, ...]
    ) -> str:
        parts = []
        for operator, value in comparisons.items():
            if value is None:
                raise ArgumentError(
                    "filter", f"{'.'.join((*path, operator))} is null: leave it out, or use isNull."
                )
            self.conditions += 1
            parts.append(self._operation(column, operator, value, alias, path))
        return f"({' AND '.join(parts)})" if parts else "TRUE"

    def _operation(self, column: Column, operator: str, value: Any, alias: str, path: tuple[str, ...]) -> str:
        name = column.of(alias)
        match operator:
            case "isNull":
                return f"{name} IS NULL" if value else f"{name} IS NOT NULL"
            case "eq" if alias == self.alias:
                # No list of one: PostgreSQL would not see that an index has the rest in its order. In a
                # subquery nothing is ordered, and a constant there may lead it to scan this table instead.
                values = _values(column, [value], path)
                return f"{name} = {self.composer.value(values[0], column.sql_type)}" if values else "FALSE"
            case "eq" | "in":
                return f"{name} = ANY({self._list(column, value, path)})"
            case "neq" | "nin":
                beyond = f"{name} <> ALL({self._list(column, value, path)})"
                return f"({name} IS NULL OR {beyond})" if column.nullable else beyond
            case "contains":
                bound = self.composer.value(f"%{_escape_like(_text(value, path))}%", "text")
                return f"{name} ILIKE {bound}"
            case _:
                symbol = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[operator]
                [compared] = _values(column, [value], path)
                return f"{name} {symbol} {self.composer.value(compared, column.sql_type)}"

    def _list(self, column: Column, value: Any, path: tuple[str, ...]) -> str:
        values = value if isinstance(value, list) else [value]
        if len(values) > MAX_LIST:
            raise ArgumentError(
                "filter",
                f"{'.'.join(path)} lists {len(values):,} values; the limit is {MAX_LIST}."
                " Send several operations.",
            )
        return self.composer.value(_values(column, values, path), f"{column.sql_type}[]")


def _too_deep(levels: str) -> ArgumentError:
    return ArgumentError(
        "filter",
        f"filter nests {levels} levels deep; the limit is {MAX_DEPTH}. Use fewer levels of and, or and not.",
    )


def _values(column: Column, values: list[Any], path: tuple[str, ...]) -> list[Any]:
    """What the client wrote, as asyncpg takes it; an id that is malformed names no row and drops out."""
    if column.sql_type == "uuid":
        return [value for value in values if is_uuid(value)]
    if column.sql_type == "text":
        return [_text(value, path) for value in values]
    if column.sql_type == "timestamptz":
        return [value if value.tzinfo else value.replace(tzinfo=dt.UTC) for value in values]
    return values


def _text(value: str, path: tuple[str, ...]) -> str:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ArgumentError("filter", f"{'.'.join(path)} holds a character that no text here can hold.")
    return value


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
