import re
from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
)

from app.graphql.schema import build_schema

NOT_YET = {"searchTasks", "taskEvents", "recurrence"}


def test_every_element_is_described() -> None:
    undescribed = [name for name, description in _elements(build_schema()._schema) if not description]

    assert undescribed == []


def test_nothing_is_published_before_it_works() -> None:
    names = {name.rpartition(".")[2] for name, _ in _elements(build_schema()._schema)}

    assert names & NOT_YET == set()


def test_a_role_promises_no_mutation_that_is_missing() -> None:
    schema = build_schema()._schema
    role, mutation = schema.type_map["Role"], schema.mutation_type
    assert isinstance(role, GraphQLEnumType)
    assert mutation is not None
    promised = (role.values["MEMBER"].description or "").lower().partition("changes ")[2]
    changed = [noun for noun in ("project", "status", "label", "task", "comment") if noun in promised]
    assert changed == ["task"]
    assert [noun for noun in changed if f"{noun}Update" not in mutation.fields] == []


def test_nothing_is_said_to_happen_on_a_restore_that_no_command_does_yet() -> None:
    claims = re.compile("backup (is|was) restored", re.IGNORECASE)
    assert [name for name, text in _elements(build_schema()._schema) if claims.search(text or "")] == []


def _elements(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        yield name, type_.description
        if isinstance(type_, GraphQLEnumType):
            for value_name, value in type_.values.items():
                yield f"{name}.{value_name}", value.description
        if isinstance(type_, GraphQLInputObjectType):
            for input_name, input_field in type_.fields.items():
                yield f"{name}.{input_name}", input_field.description
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in type_.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name})", argument.description
