"""A field's arguments, as Strawberry hands them to resolvers, without doing anew what no variable changes."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLField, Undefined, VariableNode, Visitor, visit
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language import FieldNode, Node
from graphql.type import is_non_null_type
from strawberry import Schema
from strawberry.types.field import StrawberryField

from app.engine.conversion import converter


class Arguments:
    """The arguments of one field node.

    Those without variables are computed once. Those that are a variable, and have no default, are looked up.
    All others go through graphql-core's `get_argument_values` every time.
    """

    def __init__(
        self, schema: Schema, definition: GraphQLField, field: StrawberryField, node: FieldNode
    ) -> None:
        self._definition = definition
        self._node = node
        names = schema.config.name_converter
        self._python = {
            names.from_argument(argument): (argument.python_name, converter(schema, argument.type))
            for argument in field.arguments
        }
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        self._lookups = {
            name: value.name.value
            for name, value in given.items()
            if isinstance(value, VariableNode) and definition.args[name].default_value is Undefined
        }
        self._required = [name for name in self._lookups if is_non_null_type(definition.args[name].type)]
        others = {name: value for name, value in given.items() if name not in self._lookups}
        self._all = any(_mentions_variable(value) for value in others.values())
        self._constant = {} if self._all else self._converted(self._coerced_without_variables())
        self.constant = not self._all and not self._lookups
        """Whether they are the same for every request."""

    def of(self, variables: VariableValues) -> Mapping[str, Any]:
        """By Python name; what the client left out and has no default is left out. Raises GraphQLError."""
        if self._all:
            return self._converted(get_argument_values(self._definition, self._node, variables))
        if not self._lookups:
            return self._constant
        values = variables.coerced
        found = {name: values[variable] for name, variable in self._lookups.items() if variable in values}
        if any(found.get(name) is None for name in self._required):  # a null for a variable with a default
            return self._converted(get_argument_values(self._definition, self._node, variables))
        return {**self._constant, **self._converted(found)}

    def _coerced_without_variables(self) -> dict[str, Any]:
        constant = tuple(
            argument for argument in self._node.arguments or () if argument.name.value not in self._lookups
        )
        node = FieldNode(name=self._node.name, arguments=constant, directives=())
        others = {name: arg for name, arg in self._definition.args.items() if name not in self._lookups}
        return get_argument_values(GraphQLField(self._definition.type, others), node, None)

    def _converted(self, coerced: Mapping[str, Any]) -> dict[str, Any]:
        converted = {}
        for name, value in coerced.items():
            python_name, convert = self._python[name]
            converted[python_name] = value if convert is None else convert(value)
        return converted


def _mentions_variable(value: Node) -> bool:
    found = False

    class Search(Visitor):
        def enter_variable(self, *_: object) -> None:
            nonlocal found
            found = True

    visit(value, Search())
    return found
