"""What graphql-core's `coerce_input_value` does, without asking anew for every value what its type is."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple

from graphql import GraphQLInputObjectType, GraphQLInputType, Undefined
from graphql.type import is_input_object_type, is_leaf_type, is_non_null_type, is_required_input_field
from graphql.utilities import coerce_input_value

Read = Callable[[Any], Any]
"""From a client's value, which is not null, to the coerced one. Raises, or returns Undefined."""


def reader(type_: GraphQLInputType) -> Read:
    """For leaves, and inputs without defaults, by itself; for all else it is `coerce_input_value`."""
    inner = type_.of_type if is_non_null_type(type_) else type_
    if is_leaf_type(inner):
        return inner.coerce_input_value
    if is_input_object_type(inner) and not inner.is_one_of and not _has_defaults(inner):
        return _Object(inner)
    return partial(coerce_input_value, type_=inner)


class _Field(NamedTuple):
    name: str
    key: str
    """In the coerced object."""
    required: bool
    nullable: bool
    read: Read


class _Object:
    """Looks at its fields when the first value comes: inputs may nest in themselves."""

    def __init__(self, type_: GraphQLInputObjectType) -> None:
        self._type = type_

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return Undefined
        coerced: dict[str, Any] = {}
        met = 0
        for name, key, required, nullable, read in self._fields:
            if name not in value:
                if required:
                    return Undefined
                continue
            met += 1
            given = value[name]
            taken = None
            if given is not None:
                taken = read(given)
            elif not nullable:
                return Undefined
            if taken is Undefined:
                return Undefined
            coerced[key] = taken
        # There may be a field that the type does not have.
        return self._type.out_type(coerced) if met == len(value) else Undefined

    @cached_property
    def _fields(self) -> list[_Field]:
        return [
            _Field(
                name,
                field.out_name or name,
                is_required_input_field(field),
                not is_non_null_type(field.type),
                reader(field.type),
            )
            for name, field in self._type.fields.items()
        ]


def _has_defaults(type_: GraphQLInputObjectType) -> bool:
    return any(
        field.default is not None or field.default_value is not Undefined for field in type_.fields.values()
    )
