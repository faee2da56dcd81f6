"""A selection set, as the compiler reads it: graphql-core's own collection, so its rules are the rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField


class Unsupported(Exception):
    """The engine leaves this document to graphql-core. The message says why, for the counter."""


class Selected(NamedTuple):
    """One field of a selection: its key in the answer, its nodes, its definitions in both libraries."""

    key: str
    nodes: list[FieldDetails]
    definition: GraphQLField
    field: StrawberryField

    @property
    def name(self) -> str:
        """In the schema."""
        return self.nodes[0].node.name.value


@dataclass(frozen=True)
class Selections:
    """One operation, with the values of the variables that its directives read."""

    schema: GraphQLSchema
    fragments: dict[str, FragmentDetails]
    operation: OperationDefinitionNode
    variables: VariableValues

    def root(self, type_: GraphQLObjectType) -> Iterator[Selected | str]:
        collected = collect_fields(self.schema, self.fragments, self.variables, type_, self.operation)
        return self._selected(type_, collected.grouped_field_set)

    def below(self, type_: GraphQLObjectType, nodes: list[FieldDetails]) -> Iterator[Selected | str]:
        """The fields selected on `type_`; of `__typename` the answer's key alone."""
        collected = collect_subfields(
            self.schema, self.fragments, self.variables, self.operation, type_, nodes
        )
        return self._selected(type_, collected.grouped_field_set)

    def _selected(
        self, type_: GraphQLObjectType, grouped: dict[str, list[FieldDetails]]
    ) -> Iterator[Selected | str]:
        for key, nodes in grouped.items():
            name = nodes[0].node.name.value
            if name == "__typename":
                yield key
                continue
            definition = type_.fields.get(name)
            if definition is None:
                raise Unsupported("introspection")
            yield Selected(key, nodes, definition, strawberry_field(definition))


def strawberry_field(definition: GraphQLField) -> StrawberryField:
    field: StrawberryField = definition.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return field


def fragments_of(document: Any) -> dict[str, FragmentDetails]:
    return {
        node.name.value: FragmentDetails(node, None)
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
