"""Entities: GraphQL types whose objects are rows of one table."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from graphql import GraphQLNamedType, GraphQLResolveInfo
from tortoise import fields
from tortoise.models import Model

Access = Callable[[str], str]
"""From a table's alias to the SQL of who may see its rows, over the viewer's named binds."""

T = TypeVar("T", bound=type)

# asyncpg speaks PostgreSQL's types by these names; a uuid leaves the database as text, since its own
# UUID class is unknown to JSON encoders.
_SQL_TYPES: tuple[tuple[type[fields.Field[Any]], str], ...] = (  # subclasses before their bases
    (fields.UUIDField, "uuid"),
    (fields.BooleanField, "boolean"),
    (fields.BigIntField, "bigint"),
    (fields.SmallIntField, "smallint"),
    (fields.IntField, "integer"),
    (fields.FloatField, "double precision"),
    (fields.DatetimeField, "timestamptz"),
    (fields.DateField, "date"),
    (fields.JSONField, "jsonb"),
    (fields.BinaryField, "bytea"),
    (fields.CharField, "text"),
    (fields.TextField, "text"),
)

_LONG = (fields.TextField, fields.JSONField)

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    sql_type: str
    nullable: bool
    access: Access | None = None
    is_long: bool = False
    """Whether its values may be long texts."""

    def of(self, alias: str) -> str:
        """The column itself, for predicates and orders; empty text for whom its own access leaves out."""
        value = f'{alias}."{self.name}"'
        return value if self.access is None else f"(CASE WHEN {self.access(alias)} THEN {value} ELSE '' END)"

    def selected(self, alias: str) -> str:
        """The column as an answer carries it."""
        return f"{self.of(alias)}::text" if self.sql_type == "uuid" else self.of(alias)


@dataclass(frozen=True, slots=True)
class Tenants:
    """Each row is of one tenant: `column` holds it, and the viewer's bind `bind` lists those of the viewer.

    Lists of all of the viewer's rows are then read tenant by tenant: its indexes begin with the tenant.
    """

    column: str
    bind: str


class Entity:
    """A table, and who may see its rows, behind one GraphQL type."""

    def __init__(
        self,
        type_name: str,
        model: type[Model],
        access: Access,
        tenants: Tenants | None = None,
        guarded: Mapping[str, Access] | None = None,
    ) -> None:
        self.type_name = type_name
        self.model = model
        self.access = access
        self.tenants = tenants
        self.guarded = guarded or {}
        self.selected: tuple[str, ...] = ()
        """The columns that the type's fields need, `relation.column` for those of a joined row."""

    @cached_property
    def table(self) -> str:
        return f'"{_identifier(self.model._meta.db_table)}"'

    @cached_property
    def columns(self) -> dict[str, Column]:
        """By the model's attribute; foreign keys as `<name>_id`. Needs `Tortoise.init_models` first."""
        meta = self.model._meta
        return {
            attribute: Column(
                name=_identifier(name),
                sql_type=_sql_type(meta.fields_map[attribute]),
                nullable=meta.fields_map[attribute].null,
                access=self.guarded.get(attribute),
                is_long=type(meta.fields_map[attribute]) in _LONG,
            )
            for attribute, name in meta.fields_db_projection.items()
        }

    def target_of(self, relation: str) -> "Entity":
        """The entity that the foreign key `relation` points to.

        Raises KeyError when the model has no such foreign key or its target is no entity.
        """
        field = self.model._meta.fields_map[relation]
        if not isinstance(field, fields.relational.ForeignKeyFieldInstance):
            raise KeyError(relation)
        return entity_of_model(field.related_model)


class Row:
    """A row of an entity with the columns that were selected, by attribute: a GraphQL object's source."""

    __slots__ = ("entity", "values")

    def __init__(self, entity: Entity, values: Mapping[str, Any]) -> None:
        self.entity = entity
        self.values = values

    def __getitem__(self, attribute: str) -> Any:
        return self.values[attribute]


def entity(
    model: type[Model],
    access: Access,
    tenants: Tenants | None = None,
    guarded: Mapping[str, Access] | None = None,
) -> Callable[[T], T]:
    """Declares that a Strawberry type's objects are the rows of `model` that `access` lets through.

    guarded: of columns of text that fewer may see than the row, who those are; to others they are empty.
    """

    def declare(cls: Any) -> Any:
        declared = Entity(cls.__name__, model, access, tenants, guarded)
        cls.__entity__ = declared
        cls.__strawberry_definition__.is_type_of = _is_row_of(cls.__name__)
        _by_model[model] = declared
        _by_type_name[declared.type_name] = declared
        return cls

    return declare


def value_of(source: object, name: str) -> Any:
    """Strawberry's default resolver: a row's column, or an attribute of any other object."""
    if type(source) is Row:
        return source.values[name]
    return getattr(source, name)


def entity_of_model(model: type[Model]) -> Entity:
    return _by_model[model]


def entity_of_type(type_: GraphQLNamedType) -> Entity | None:
    """The entity behind a GraphQL type of the built schema; None where its objects are no rows."""
    return _by_type_name.get(type_.name)


def entities() -> Iterator[Entity]:
    return iter(_by_model.values())


def _is_row_of(type_name: str) -> Callable[[object, GraphQLResolveInfo[Any]], bool]:
    """By which interfaces and unions find a row's GraphQL type."""

    def is_type_of(source: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return type(source) is Row and source.entity.type_name == type_name

    return is_type_of


_by_model: dict[type[Model], Entity] = {}
_by_type_name: dict[str, Entity] = {}


def _sql_type(field: "fields.Field[object]") -> str:
    for kind, sql_type in _SQL_TYPES:
        if isinstance(field, kind):
            return sql_type
    raise TypeError(f"{type(field).__name__} has no SQL type here; add it to _SQL_TYPES")


def _identifier(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} is no plain SQL identifier")
    return name
