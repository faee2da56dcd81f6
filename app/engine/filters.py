"""Filters: input types whose fields are declared to compare a column or to cross a relation.

Logic has two values, as people expect of a filter and SQL does not: a comparison with a missing value is
false, and `neq`, `nin` and `not` are exactly the complements of `eq`, `in` and what they enclose.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import strawberry
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.lazy_type import LazyType
from tortoise.models import Model

from app.engine.entities import entity_of_model
from app.engine.errors import DeclarationError
from app.engine.relations import Through

METADATA_KEY = "filter"
T = TypeVar("T", bound=type)


@dataclass(frozen=True, slots=True)
class Compares:
    attribute: str


@dataclass(frozen=True, slots=True)
class Crosses:
    relation: str


@dataclass(frozen=True, slots=True)
class IsNull:
    pass


@dataclass(frozen=True, slots=True)
class HasSome:
    through: Through
    negated: bool


@dataclass(frozen=True, slots=True)
class Part:
    pass


Declaration = Compares | Crosses | IsNull | HasSome | Part


def filter_input(model: type[Model], description: str) -> Callable[[T], T]:
    """Declares a Strawberry input as a filter over `model`'s rows."""

    def declare(cls: T) -> T:
        declared: Any = strawberry.input(description=description)(cls)
        _keep_raw(declared)
        declared.__filters__ = model
        return declared  # type: ignore[no-any-return]

    return declare


def comparator(description: str) -> Callable[[T], T]:
    """Declares a Strawberry input whose fields are operators: `eq`, `in`, `lt`, `isNull` …"""

    def declare(cls: T) -> T:
        declared: Any = strawberry.input(description=description)(cls)
        _keep_raw(declared)
        return declared  # type: ignore[no-any-return]

    return declare


def compares(attribute: str, description: str) -> Any:
    """A field whose comparator applies to a column of the row."""
    return _declared(Compares(attribute), description)


def crosses(relation: str, description: str) -> Any:
    """A field whose filter applies to the row that a foreign key points to."""
    return _declared(Crosses(relation), description)


def is_null(description: str) -> Any:
    """A boolean field: whether the foreign key by which this filter was reached points nowhere."""
    return _declared(IsNull(), description)


def part(description: str) -> Any:
    """A field whose filter applies to the same row: a group of conditions under one name."""
    return _declared(Part(), description)


def has_some(through: Through, description: str, *, negated: bool = False) -> Any:
    """A field whose filter applies to the rows of a join table's other side: one of them matches, or none."""
    return _declared(HasSome(through, negated), description)


def combinator(name: str, description: str) -> Any:
    """`and`, `or`, `not`."""
    return strawberry.field(name=name, description=description, default=strawberry.UNSET)


def check_filter(filter_type: type) -> None:
    """Raises DeclarationError where a filter names a column or relation that its model lacks."""
    definition = definition_of(filter_type)
    entity = entity_of_model(filter_type.__filters__)  # type: ignore[attr-defined]
    for field in definition.fields:
        declaration = field.metadata.get(METADATA_KEY)
        known = entity.columns
        if isinstance(declaration, Compares) and declaration.attribute not in known:
            raise DeclarationError(definition.name, field.python_name, f"no column {declaration.attribute!r}")
        if isinstance(declaration, Crosses) and f"{declaration.relation}_id" not in known:
            raise DeclarationError(
                definition.name, field.python_name, f"no relation {declaration.relation!r}"
            )


def _declared(declaration: Declaration, description: str) -> Any:
    return strawberry.field(
        description=description, default=strawberry.UNSET, metadata={METADATA_KEY: declaration}
    )


def _keep_raw(cls: Any) -> None:
    """Strawberry hands such an input on as graphql-core coerced it: names and values as the client wrote."""
    cls.__strawberry_definition__.from_input = lambda _type, value, _context: value


def definition_of(cls: Any) -> StrawberryObjectDefinition:
    return cls.__strawberry_definition__  # type: ignore[no-any-return]


def graphql_name(field: Any) -> str:
    if field.graphql_name:
        return str(field.graphql_name)
    first, *rest = str(field.python_name).split("_")
    return first + "".join(part.capitalize() for part in rest)


def named_type(type_: Any) -> Any:
    while isinstance(type_, StrawberryOptional | StrawberryList | LazyType):
        type_ = type_.resolve_type() if isinstance(type_, LazyType) else type_.of_type
    return type_
