"""The engine answers generated documents as graphql-core does, and both as an independent server does.

TASKFLOW_PARITY_SEED=<seed> repeats a run, with TASKFLOW_PARITY_ONLY=<index> one document of it.
"""

import os
from collections.abc import Callable

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, get_named_type

from tests.engine.survey import ONLY, Survey, World, survey

DOCUMENTS = int(os.environ.get("TASKFLOW_PARITY_DOCUMENTS", "2000"))
FEATURES = {
    "variable as an argument": 1000,
    "variable inside a filter or list": 200,
    "variable as a cursor": 100,
    "variable with a default": 100,
    "variable left out or null": 100,
    "run again with other variables": 200,
    "directive with a variable": 500,
    "directive with a literal": 500,
    "fragment spread": 500,
    "fragment spread again": 50,
    "fragment on an interface": 500,
    "inline fragment": 500,
    "merged field": 500,
    "alias": 1000,
    "cursor": 300,
    "page forward": 500,
    "page backward": 300,
    "wrong page": 50,
    "id that exists": 500,
    "id that misses": 100,
}
OCCURRED = {
    "answers with errors": 100,
    "errors below the root": 20,
    "nulls that went up": 50,
    "variables refused": 1,
    "nulls": 1000,
    "empty lists": 200,
    "lists with rows": 1000,
}

whole = pytest.mark.skipif(ONLY is not None, reason="one document alone shows nothing of the whole")


@pytest.fixture(scope="module")
async def found(world: World) -> Survey:
    return await survey(world, DOCUMENTS)


def test_the_answers_are_the_same(found: Survey, tell: Callable[[str], None]) -> None:
    tell(found.describe())
    assert not found.differences, "\n\n".join(found.differences)
    assert found.documents == (1 if ONLY else DOCUMENTS)


@whole
def test_the_engine_answers_what_has_an_answer(found: Survey) -> None:
    assert found.fast >= 0.95 * found.clean, found.reasons


@whole
@pytest.mark.parametrize("feature", FEATURES)
def test_documents_hold(found: Survey, feature: str) -> None:
    assert found.features[feature] >= FEATURES[feature] * DOCUMENTS / 2000


@whole
@pytest.mark.parametrize("case", OCCURRED)
def test_answers_hold(found: Survey, case: str) -> None:
    assert found.occurred[case] >= OCCURRED[case] * DOCUMENTS / 2000


@whole
def test_every_field_and_argument_is_asked_for(world: World, found: Survey) -> None:
    assert _reachable(world.ways.schema._schema) - found.covered == set()


def _reachable(schema: GraphQLSchema) -> set[str]:
    """`Type.field`, `Type.field(argument)` and `Input.field` of all that a query can reach."""
    assert schema.query_type is not None
    waiting, seen, names = [schema.query_type.name], set(), set()
    while waiting:
        type_ = schema.type_map[waiting.pop()]
        if type_.name in seen:
            continue
        seen.add(type_.name)
        if isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                names |= {f"{type_.name}.{name}", *(f"{type_.name}.{name}({one})" for one in field.args)}
                waiting += [get_named_type(one.type).name for one in (field, *field.args.values())]
        elif isinstance(type_, GraphQLInputObjectType) and type_.name != "TaskSort":
            names |= {f"{type_.name}.{name}" for name in type_.fields}
            waiting += [get_named_type(one.type).name for one in type_.fields.values()]
        elif type_.name == "Node":
            waiting += [possible.name for possible in schema.get_possible_types(type_)]  # type: ignore[arg-type]
    return names
