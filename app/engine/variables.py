"""An operation's variables, coerced without looking up their types anew for every request."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.type import get_named_type, is_input_object_type, is_leaf_type, is_non_null_type

from app.engine.coercion import Read, reader

_NO_VARIABLES = VariableValues({}, {})


class _Simple(NamedTuple):
    """A variable that has no default, and whose type does not nest."""

    name: str
    signature: GraphQLVariableSignature
    required: bool
    read: Read


class Variables:
    """What `get_variable_values` does; by itself for variables without a default whose type does not nest."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._simple: list[_Simple] | None = []
        for definition in operation.variable_definitions or ():
            signature = get_variable_signature(schema, definition)
            if (
                not isinstance(signature, GraphQLVariableSignature)
                or definition.default_value
                or not _is_flat(signature.type)
            ):
                self._simple = None
                return
            required = is_non_null_type(signature.type)
            self._simple.append(_Simple(signature.name, signature, required, reader(signature.type)))

    def coerce(self, operation: OperationDefinitionNode, given: Mapping[str, Any]) -> VariableValues | None:
        """None when a value is not what its type takes: graphql-core says what is wrong with it."""
        if not operation.variable_definitions:
            return _NO_VARIABLES
        simple = None if self._simple is None else _coerce(self._simple, given)
        if simple is not None:
            return simple
        # One error is enough here: each takes as long as the value that it is about is large.
        values = get_variable_values(self._schema, operation.variable_definitions, dict(given), max_errors=0)
        return None if isinstance(values, list) else values


def _coerce(variables: list[_Simple], given: Mapping[str, Any]) -> VariableValues | None:
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for name, signature, required, read in variables:
        value = given.get(name)
        if value is None:
            if required:
                return None
            if name not in given:
                sources[name] = VariableValueSource(signature)
                continue
            taken = None
        else:
            try:
                taken = read(value)
            except Exception:
                return None
            if taken is Undefined:
                return None
        sources[name] = VariableValueSource(signature, value)
        coerced[name] = taken
    return VariableValues(sources, coerced)


def _is_flat(type_: GraphQLInputType) -> bool:
    """Whether no value of it can be nested too deeply: leaves, lists of them, inputs of nothing else."""
    named = get_named_type(type_)
    if is_input_object_type(named):
        return all(is_leaf_type(get_named_type(field.type)) for field in named.fields.values())
    return is_leaf_type(named)


def variables_of_directives(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDetails]
) -> tuple[str, ...]:
    """The names of those that its @skip and @include read."""
    names: dict[str, None] = {}

    class InDirectives(Visitor):
        depth = 0

        def enter_directive(self, *_: object) -> None:
            self.depth += 1

        def leave_directive(self, *_: object) -> None:
            self.depth -= 1

        def enter_variable(self, node: VariableNode, *_: object) -> None:
            if self.depth:
                names[node.name.value] = None

    for definition in (operation, *(fragment.definition for fragment in fragments.values())):
        visit(definition, InDirectives())
    return tuple(names)
