"""A field's arguments, as Strawberry hands them to resolvers, without doing anew what no variable changes."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLArgument, GraphQLField, Undefined, VariableNode, Visitor, visit
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language import FieldNode, Node
from graphql.type import is_non_null_type
from strawberry import Schema
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

Convert = Callable[[Any], Any]


class Arguments:
    """The arguments of one field node.

    Those without variables are computed once. Those that are a nullable variable are looked up. All others
    go through graphql-core's `get_argument_values` every time.
    """

    def __init__(
        self, schema: Schema, definition: GraphQLField, field: StrawberryField, node: FieldNode
    ) -> None:
        self._definition = definition
        self._node = node
        names = schema.config.name_converter
        self._python = {
            names.from_argument(argument): (argument.python_name, _converter(schema, argument))
            for argument in field.arguments
        }
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        self._lookups = {
            name: value.name.value
            for name, value in given.items()
            if isinstance(value, VariableNode) and not _has_rules(definition.args[name])
        }
        others = {name: value for name, value in given.items() if name not in self._lookups}
        self._all = any(_mentions_variable(value) for value in others.values())
        self._constant = {} if self._all else self._converted(self._coerced_without_variables())

    def of(self, variables: VariableValues) -> Mapping[str, Any]:
        """By Python name; what the client left out and has no default is left out. Raises GraphQLError."""
        if self._all:
            return self._converted(get_argument_values(self._definition, self._node, variables))
        if not self._lookups:
            return self._constant
        values = variables.coerced
        found = {name: values[variable] for name, variable in self._lookups.items() if variable in values}
        return {**self._constant, **self._converted(found)}

    def _coerced_without_variables(self) -> dict[str, Any]:
        constant = tuple(
            argument for argument in self._node.arguments or () if argument.name.value not in self._lookups
        )
        node = FieldNode(name=self._node.name, arguments=constant, directives=())
        return get_argument_values(self._definition, node, None)

    def _converted(self, coerced: Mapping[str, Any]) -> dict[str, Any]:
        converted = {}
        for name, value in coerced.items():
            python_name, convert = self._python[name]
            converted[python_name] = value if convert is None else convert(value)
        return converted


def _has_rules(argument: GraphQLArgument) -> bool:
    """Whether a variable in its place takes more than a look: there is a default, or null is refused."""
    return is_non_null_type(argument.type) or argument.default_value is not Undefined


def _converter(schema: Schema, argument: StrawberryArgument) -> Convert | None:
    """How Strawberry makes the argument's Python value; None where it leaves the value as it is."""
    converter = schema.schema_converter
    type_ = argument.type
    inner = type_.of_type if isinstance(type_, StrawberryOptional) else type_
    scalars = converter.scalar_registry
    definition = getattr(inner, "__strawberry_definition__", inner)
    if inner in scalars or isinstance(definition, StrawberryEnumDefinition):
        return None

    def convert(value: Any) -> Any:
        return convert_argument(value, type_, scalars, converter.config)

    return convert


def _mentions_variable(value: Node) -> bool:
    found = False

    class Search(Visitor):
        def enter_variable(self, *_: object) -> None:
            nonlocal found
            found = True

    visit(value, Search())
    return found
