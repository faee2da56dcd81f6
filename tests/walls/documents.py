"""Documents for any field of a schema: its arguments as variables, and what it answers selected."""

from collections.abc import Mapping

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from tests.harness.client import Api


async def introspected(api: Api) -> GraphQLSchema:
    """The schema as the server tells it."""
    return build_client_schema((await api.run(get_introspection_query())).data)  # type: ignore[arg-type]  # a dict


def document(kind: str, name: str, field: GraphQLField, given: Mapping[str, object], depth: int = 1) -> str:
    """`kind` is query, mutation or subscription; `given` names the arguments that are variables.

    `depth` counts levels of objects; a connection is none.
    """
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in given)
    return f"{kind} {_parenthesised(declared)} {{ {_selected(name, field, given, depth)} }}"


def nested_document(type_name: str, name: str, field: GraphQLField, given: Mapping[str, object]) -> str:
    """Reaches a field of an object by the object's id, the variable `node`."""
    declared = ", ".join(["$node: ID!", *(f"${argument}: {field.args[argument].type}" for argument in given)])
    inner = f"... on {type_name} {{ {_selected(name, field, given, 1)} }}"
    return f"query ({declared}) {{ node(id: $node) {{ {inner} }} }}"


def required(arguments: Mapping[str, GraphQLArgument]) -> list[str]:
    return [name for name, argument in arguments.items() if is_required_argument(argument)]


def _selected(name: str, field: GraphQLField, given: Mapping[str, object], depth: int) -> str:
    missing = [argument for argument in required(field.args) if argument not in given]
    assert not missing, f"{name} needs {missing} too: say so in tests/walls/samples.py"
    arguments = ", ".join(f"{argument}: ${argument}" for argument in given)
    return f"{name}{_parenthesised(arguments)} {_selection(get_named_type(field.type), depth)}"


def _selection(type_: GraphQLNamedType, depth: int) -> str:
    """Nothing for a leaf. Of a connection its nodes, of an interface what all its objects have."""
    if is_leaf_type(type_):
        return ""
    chosen = ["__typename"]
    if isinstance(type_, GraphQLUnionType):
        chosen += [f"... on {one.name} {_selection(one, depth)}" for one in type_.types]
    elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        page = type_.name.endswith("Connection")
        for name, field in type_.fields.items():
            named = get_named_type(field.type)
            if required(field.args) or (page and name in ("edges", "pageInfo")):
                continue
            if is_leaf_type(named):
                chosen.append(name)
            elif page or depth > 1:
                chosen.append(f"{name} {_selection(named, depth if page else depth - 1)}")
    return f"{{ {' '.join(chosen)} }}"


def _parenthesised(text: str) -> str:
    return f"({text})" if text else ""
