"""Completes the declarations of a built schema and refuses those that cannot work.

Runs once at start-up, after `Tortoise.init_models`: types refer to each other in circles, so what a
relation leads to is known only when all of them exist.
"""

from collections.abc import Iterator
from typing import Any

from strawberry import Schema
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from app.engine.entities import Entity
from app.engine.errors import DeclarationError
from app.engine.fields import (
    METADATA_KEY,
    Batch,
    ColumnWord,
    Computed,
    CountOf,
    Lookup,
    Nodes,
    OfContext,
    Own,
    Resolved,
    ToMany,
    ToOne,
    Word,
)
from app.engine.filters import check_filter
from app.engine.relations import Direct, Through


def bind(schema: Schema) -> None:
    """Binds the words of all object types of a schema.

    Raises DeclarationError, naming the type and the field.
    """
    definitions = list(_object_types(schema))
    for definition in definitions:
        entity: Entity | None = definition.origin.__dict__.get("__entity__")
        needed = {"id"} if entity else set()
        for field, word in _words(definition):
            word.label = f"{definition.name}.{field.python_name}"
            needed |= _bind_word(word, field, definition, entity)
        if entity is not None:
            entity.selected = tuple(sorted(needed))
    for word in [word for definition in definitions for _, word in _words(definition)]:
        if isinstance(word, ToMany):  # a cursor holds the values of the order's columns
            word.target.selected = tuple(sorted({*word.target.selected, *word.order.attributes}))


def _object_types(schema: Schema) -> Iterator[StrawberryObjectDefinition]:
    for concrete in schema.schema_converter.type_map.values():
        definition = concrete.definition
        if isinstance(definition, StrawberryObjectDefinition) and not (
            definition.is_interface or definition.is_input
        ):
            yield definition


def _words(definition: StrawberryObjectDefinition) -> Iterator[tuple[StrawberryField, Word]]:
    for field in definition.fields:
        word = field.metadata.get(METADATA_KEY)
        if isinstance(word, Word):
            yield field, word


def _bind_word(
    word: Word, field: StrawberryField, definition: StrawberryObjectDefinition, entity: Entity | None
) -> set[str]:
    """Completes one word; returns the columns of the type's own row that it needs."""

    def refuse(problem: str) -> DeclarationError:
        return DeclarationError(definition.name, field.python_name, problem)

    match word:
        case ColumnWord():
            word.attribute = field.python_name
            if entity is None:
                raise refuse("column() needs a type that is declared with @entity")
            return _columns(entity, (field.python_name,), refuse)
        case ToOne():
            word.key = word.key or f"{field.python_name}_id"
            word.target = _entity_of(field.type, refuse)
            return _columns(entity, (word.key,), refuse) if entity else set()
        case ToMany():
            word.target = _connection_entity(field.type, refuse)
            if word.filter_type is not None:
                check_filter(word.filter_type)
            _columns(word.target, word.order.attributes, refuse)
            _check_link(word, refuse)
            if word.target.tenants is not None:
                _columns(word.target, (word.target.tenants.column,), refuse)
            return set()
        case Nodes() | OfContext() | Resolved():
            return set()
        case Lookup() | Own():
            word.target = _entity_of(field.type, refuse)
            return set()
        case CountOf(relation=relation):
            word.counted = _relation(definition, relation, refuse)
            return set()
        case Batch(needs=needs):
            return _columns(entity, needs, refuse)
        case Computed(columns=columns):
            return _columns(entity, columns, refuse)
    raise refuse(f"unknown word {type(word).__name__}")


def _columns(entity: Entity | None, names: tuple[str, ...], refuse: Any) -> set[str]:
    if entity is None:
        raise refuse("needs a type that is declared with @entity")
    for name in names:
        relation, _, attribute = name.rpartition(".")
        try:
            target = entity.target_of(relation) if relation else entity
        except KeyError:
            raise refuse(f"{entity.model.__name__} has no relation {relation!r}") from None
        if attribute not in target.columns:
            raise refuse(f"{target.model.__name__} has no column {attribute!r}")
    return set(names)


def _check_link(word: ToMany, refuse: Any) -> None:
    match word.link:
        case Direct(key):
            _columns(word.target, (key,), refuse)
        case Through(model, source_key, target_key):
            lacking = {source_key, target_key} - set(model._meta.fields_db_projection)
            if lacking:
                raise refuse(f"{model.__name__} has no column {min(lacking)!r}")


def _relation(definition: StrawberryObjectDefinition, name: str, refuse: Any) -> ToMany:
    for field, word in _words(definition):
        if field.python_name == name and isinstance(word, ToMany):
            return word
    raise refuse(f"count_of({name!r}): {definition.name} declares no such connection")


def _entity_of(type_: Any, refuse: Any) -> Entity:
    cls = _named_type(type_)
    entity = getattr(cls, "__dict__", {}).get("__entity__")
    if not isinstance(entity, Entity):
        raise refuse(f"{getattr(cls, '__name__', cls)!r} is not declared with @entity")
    return entity


def _connection_entity(type_: Any, refuse: Any) -> Entity:
    connection = _named_type(type_)
    definition = getattr(connection, "__strawberry_definition__", connection)
    arguments = getattr(definition, "type_var_map", None) or {}
    if "T" not in arguments:
        raise refuse("is annotated with something that is no Connection")
    return _entity_of(arguments["T"], refuse)


def _named_type(type_: Any) -> Any:
    while isinstance(type_, StrawberryOptional | StrawberryList | LazyType):
        type_ = type_.resolve_type() if isinstance(type_, LazyType) else type_.of_type
    return type_
