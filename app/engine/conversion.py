"""What Strawberry's `convert_argument` makes of coerced values, without looking up their types every time."""

from collections.abc import Callable
from dataclasses import MISSING
from functools import cached_property
from typing import Any

from strawberry import UNSET, Schema
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition

Convert = Callable[[Any], Any]


def converter(schema: Schema, type_: Any) -> Convert | None:
    """How the Python value of an argument or input field is made; None where it is the coerced one."""
    inner = _nullable(type_)
    if _is_leaf(schema, inner):
        return None
    if isinstance(inner, StrawberryList) and _is_leaf(schema, _nullable(inner.of_type)):
        return _copied
    definition = getattr(inner, "__strawberry_definition__", None)
    if isinstance(definition, StrawberryObjectDefinition) and definition.from_input is None:
        return _InputObject(schema, definition)
    scalars, config = schema.schema_converter.scalar_registry, schema.config
    return lambda value: convert_argument(value, type_, scalars, config)


class _InputObject:
    """Makes instances of one input type. Looks at its fields when the first value comes: inputs may nest
    in themselves."""

    def __init__(self, schema: Schema, definition: StrawberryObjectDefinition) -> None:
        self._schema = schema
        self._definition = definition

    def __call__(self, value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        given = dict(self._absent)
        for name, python_name, convert in self._fields:
            if name in value:
                given[python_name] = value[name] if convert is None else convert(value[name])
        return self._definition.origin(**given)

    @cached_property
    def _fields(self) -> list[tuple[str, str, Convert | None]]:
        """In the schema, in Python, and how to get from one to the other."""
        return [
            (
                self._schema.config.name_converter.from_field(field),
                field.python_name,
                converter(self._schema, field.resolve_type(type_definition=self._definition)),
            )
            for field in self._definition.fields
        ]

    @cached_property
    def _absent(self) -> dict[str, None]:
        """Nullable fields whose class gives them no default are None when left out."""
        return {
            field.python_name: None
            for field in self._definition.fields
            if field.default_value is MISSING and field.default_factory is MISSING
        }


def _nullable(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, StrawberryOptional) else type_


def _is_leaf(schema: Schema, type_: Any) -> bool:
    definition = getattr(type_, "__strawberry_definition__", type_)
    scalars = schema.schema_converter.scalar_registry
    return isinstance(definition, StrawberryEnumDefinition) or type_ in scalars


def _copied(value: Any) -> Any:
    """One default serves all requests: none of them may change it."""
    return value if value is None or value is UNSET else list(value)
