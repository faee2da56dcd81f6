"""Runs GraphQL documents over SQL. Knows Strawberry, graphql-core and Tortoise's metadata, and no entity."""

from app.engine.composer import Condition
from app.engine.entities import Row, Tenants, entity, value_of
from app.engine.errors import ArgumentError, DeclarationError
from app.engine.execution import EngineSchema
from app.engine.ordering import Order, SortKey
from app.engine.pages import Connection, Narrowing
from app.engine.reads import Reads
from app.engine.relations import Direct, Through
from app.engine.words import (
    all_of,
    batch,
    column,
    computed,
    count_of,
    lookup,
    node,
    nodes,
    of_context,
    own,
    resolved,
    to_many,
    to_one,
)

__all__ = [
    "ArgumentError",
    "Condition",
    "Connection",
    "DeclarationError",
    "Direct",
    "EngineSchema",
    "Narrowing",
    "Order",
    "Reads",
    "Row",
    "SortKey",
    "Tenants",
    "Through",
    "all_of",
    "batch",
    "column",
    "computed",
    "count_of",
    "entity",
    "lookup",
    "node",
    "nodes",
    "of_context",
    "own",
    "resolved",
    "to_many",
    "to_one",
    "value_of",
]
