"""The root field of a mutation: run once, whoever completes what it returns."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, cast

from graphql import GraphQLObjectType, GraphQLResolveInfo, OperationDefinitionNode
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel, is_awaitable
from graphql.type.definition import GraphQLResolveInfoHelpers
from strawberry import Schema
from strawberry.extensions.field_extension import build_field_extension_resolvers
from strawberry.types.field import StrawberryField

from app.engine.arguments import Arguments
from app.engine.output_types import named_type
from app.engine.selection import Selected, Selections, Unsupported

_HELPERS = GraphQLResolveInfoHelpers(lambda awaitables: gather_with_cancel(*awaitables), lambda _: None)

Resolve = Callable[..., Awaitable[Any]]


class MutationField(NamedTuple):
    """The only field of a mutation, planned: `type` is what it returns."""

    schema: Schema
    parent: GraphQLObjectType
    selected: Selected
    type: GraphQLObjectType
    arguments: Arguments
    resolve: Resolve

    def call(self, operation: OperationDefinitionNode, variables: VariableValues) -> "MutationCall":
        """Raises GraphQLError for arguments that the field does not take."""
        return MutationCall(self, operation, variables, self.arguments.of(variables))


class MutationCall(NamedTuple):
    """One request for it."""

    field: MutationField
    operation: OperationDefinitionNode
    variables: VariableValues
    arguments: Mapping[str, Any]

    def run(self, context: object) -> Awaitable[Any]:
        """The field's result, by its resolver with the extensions around it, as Strawberry calls it."""
        field, selected = self.field, self.field.selected
        info = GraphQLResolveInfo(
            selected.nodes[0].node.name.value,
            [details.node for details in selected.nodes],
            selected.definition.type,
            field.parent,
            Path(None, selected.key, field.parent.name),
            field.schema._schema,
            {},
            None,
            self.operation,
            cast(VariableValues, self.variables.coerced),  # what Strawberry's resolvers get there
            context,
            is_awaitable,
            None,
            _HELPERS,
        )
        return field.resolve(None, field.schema.config.info_class(info, selected.field), **self.arguments)


def plan_mutation(schema: Schema, selections: Selections) -> MutationField:
    """Raises Unsupported for more than one field: those run one after the other, and each may fail."""
    parent = cast(GraphQLObjectType, schema._schema.mutation_type)
    fields = list(selections.root(parent))
    if len(fields) != 1 or isinstance(selected := fields[0], str):
        raise Unsupported("mutation of several fields")
    type_ = named_type(selected.definition.type)
    arguments = Arguments(schema, selected.definition, selected.field, selected.nodes[0].node)
    return MutationField(schema, parent, selected, type_, arguments, _resolver(selected.field))


def _resolver(field: StrawberryField) -> Resolve:
    declared = field.base_resolver
    if declared is None or not field.is_async or declared.self_parameter is None:
        raise Unsupported(f"resolver of {field.python_name}")
    asks_info = declared.info_parameter

    def innermost(source: Any, info: Any, **arguments: Any) -> Any:
        if asks_info is not None:
            arguments[asks_info.name] = info
        return field.get_result(source, info, [source], arguments)

    resolve: Resolve = innermost
    for extension in build_field_extension_resolvers(field):
        resolve = partial(extension, resolve)
    return resolve
