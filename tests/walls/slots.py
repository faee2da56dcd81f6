"""Every place of a schema that takes an id, nested input fields included."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

Variables = dict[str, Any]
Path = tuple[str, ...]


@dataclass(frozen=True)
class Slot:
    """`path` leads from the argument down to the value."""

    type_name: str
    field: str
    path: Path

    def __str__(self) -> str:
        return f"{self.type_name}.{self.field}({'.'.join(self.path)})"


def slots(type_: GraphQLObjectType | GraphQLInterfaceType, scalar: str = "ID") -> list[Slot]:
    """Where the arguments of the type's fields take that scalar.

    An input type within itself (`and`, `or`, `not` of a filter) is not entered again.
    """
    return [
        Slot(type_.name, name, (argument_name, *rest))
        for name, field in type_.fields.items()
        for argument_name, argument in field.args.items()
        for rest in _paths(argument.type, scalar, ())
    ]


def nested_slots(schema: GraphQLSchema) -> list[Slot]:
    """Those of fields below the root."""
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    return [
        slot
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        and type_ not in roots
        and not name.startswith("__")
        for slot in slots(type_)
    ]


def placed(arguments: dict[str, GraphQLArgument], path: Path, value: object) -> Variables:
    """Variables whose only value stands at `path`, in lists of one where the schema has lists."""
    argument, *rest = path
    return {argument: _wrapped(arguments[argument].type, rest, value)}


def leaves(value: Any, prefix: Path = ()) -> dict[Path, Any]:
    """Every leaf of some variables by its path; a list of ids is one leaf."""
    if isinstance(value, dict):
        return {
            path: leaf
            for name, inner in value.items()
            for path, leaf in leaves(inner, (*prefix, name)).items()
        }
    return {prefix: value}


def replaced(variables: Variables, path: Path, value: object) -> Variables:
    """The same with that value at `path`; a list becomes a list of it."""
    name, *rest = path
    inner = variables.get(name)
    if rest:
        return {**variables, name: replaced(inner or {}, tuple(rest), value)}
    return {**variables, name: [value] if isinstance(inner, list) else value}


def _paths(type_: GraphQLInputType, scalar: str, trail: tuple[str, ...]) -> Iterator[Path]:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        if named.name in trail:
            return
        for name, field in named.fields.items():
            for rest in _paths(field.type, scalar, (*trail, named.name)):
                yield (name, *rest)
    elif named.name == scalar:
        yield ()


def _wrapped(type_: GraphQLInputType, rest: list[str], value: object) -> object:
    if is_non_null_type(type_):
        return _wrapped(type_.of_type, rest, value)
    if is_list_type(type_):
        return [_wrapped(type_.of_type, rest, value)]
    if isinstance(type_, GraphQLInputObjectType):
        name, *deeper = rest
        return {name: _wrapped(type_.fields[name].type, deeper, value)}
    return value
