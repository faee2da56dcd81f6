"""What the types of fields are, under their wrappers."""

from typing import Any

from graphql import GraphQLField, GraphQLList, GraphQLNonNull, GraphQLObjectType

from app.engine.selection import Unsupported


def named_type(type_: Any) -> Any:
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        type_ = type_.of_type
    return type_


def object_type(definition: GraphQLField) -> GraphQLObjectType:
    """Raises Unsupported for an interface or a union."""
    named = named_type(definition.type)
    if not isinstance(named, GraphQLObjectType):
        raise Unsupported(f"{named} is abstract")
    return named


def is_list(type_: Any) -> bool:
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)
