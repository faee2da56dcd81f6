"""How leaf values reach JSON: as Python source around the value's own source."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLEnumType, GraphQLError, GraphQLLeafType, GraphQLScalarType

from app.engine.selection import Unsupported

# What a column holds is already what these serialize to; orjson writes dates and moments as ISO 8601.
_AS_STORED = frozenset({"ID", "String", "Int", "Float", "Boolean", "Date", "DateTime", "JSON"})


def of_column(type_: GraphQLLeafType, source: str, bind: Callable[[Any], str]) -> str:
    """A column's value, which the database has checked. `bind` names an object for the generated code."""
    if isinstance(type_, GraphQLEnumType):
        names = {value.value: name for name, value in type_.values.items()}
        if all(name == value for value, name in names.items()):
            return source
        return f"{bind(names)}[{source}]"
    if type_.name in _AS_STORED:
        return source
    if type_.name == "BigInt":
        return f"str({source})"
    raise Unsupported(f"scalar {type_.name}")


def of_value(type_: GraphQLLeafType, source: str, bind: Callable[[Any], str]) -> str:
    """A value that Python code made: checked as graphql-core checks it."""
    if isinstance(type_, GraphQLScalarType | GraphQLEnumType):
        return f"{bind(_checked(type_))}({source})"
    raise Unsupported(f"leaf {type_}")


def _checked(type_: GraphQLScalarType | GraphQLEnumType) -> Callable[[Any], Any]:
    serialize = type_.serialize

    def check(value: Any) -> Any:
        result = serialize(value)
        if result is None:
            raise GraphQLError(f"{type_.name} cannot represent {value!r}.")
        return result

    return check
