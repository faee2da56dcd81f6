"""What generated documents ask for: ids, keys and cursors of the tenants' rows."""

import json
import random
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, parse

from tests.engine.naive_view import TABLES
from tests.engine.tenant_rows import Tenants
from tests.engine.variables import Name, Values, literal
from tests.engine.ways import Ways

CURSORS = 10  # kept of each connection and sort
SORTS: list[list[dict[str, Name]]] = [
    [{"field": Name("CREATED_AT")}],
    [{"field": Name("DUE_DATE"), "direction": Name("DESC")}],
    [{"field": Name("DUE_DATE"), "nulls": Name("FIRST")}],
    [{"field": Name("PRIORITY"), "direction": Name("DESC")}, {"field": Name("DUE_DATE")}],
    [{"field": Name("UPDATED_AT"), "direction": Name("DESC")}, {"field": Name("NUMBER")}],
    [{"field": Name("RANK"), "direction": Name("ASC"), "nulls": Name("FIRST")}],
    [
        {"field": Name("DUE_DATE"), "direction": Name("DESC"), "nulls": Name("FIRST")},
        {"field": Name("PRIORITY"), "direction": Name("ASC")},
    ],
]


async def gather_values(ways: Ways, tenants: Tenants) -> Values:
    schema = ways.schema._schema
    ids = {name: tenants.ids(table) for name, table in TABLES.items()}
    ids["epoch"] = [row["sync_epoch"] for row in tenants.rows["workspaces"]]
    values = Values(
        ids, [row["slug"] for row in tenants.rows["workspaces"]], _identifiers(tenants), {}, SORTS
    )
    for coordinate in connections_of(schema):
        type_name, field = coordinate.split(".")
        sorts: list[Any] = [None]
        if "sort" in schema.type_map[type_name].fields[field].args:  # type: ignore[attr-defined]
            sorts += SORTS
        values.cursors[coordinate] = {}
        for sort in sorts:
            found = await _cursors(ways, tenants, type_name, field, sort)
            chosen = random.Random(coordinate).sample(found, min(CURSORS, len(found)))
            values.cursors[coordinate][json.dumps(sort)] = chosen
    return values


def connections_of(schema: GraphQLSchema) -> list[str]:
    return [
        f"{type_.name}.{name}"
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, definition in type_.fields.items()
        if "last" in definition.args
    ]


async def _cursors(ways: Ways, tenants: Tenants, type_name: str, field: str, sort: Any) -> list[str]:
    arguments = "first: 100" if sort is None else f"first: 100, sort: {literal(sort)}"
    connection = f"{field}({arguments}) {{ edges {{ cursor }} }}"
    document = parse(f"{{ {connection} }}")
    ids: list[str] = []
    if type_name != "Query":
        ids = tenants.ids(TABLES[type_name])[:100]
        document = parse(
            f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {type_name} {{ {connection} }} }} }}"
        )
    found: dict[str, None] = {}
    for viewer in ("alex", "lou"):
        answer = await ways.by_core(document, {"ids": ids}, tenants.viewers[viewer])
        _collect(answer.json["data"], found)
    return list(found)


def _collect(value: Any, found: dict[str, None]) -> None:
    if isinstance(value, list):
        for one in value:
            _collect(one, found)
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "cursor":
                found[one] = None
            else:
                _collect(one, found)


def _identifiers(tenants: Tenants) -> list[str]:
    keys = {project["id"]: project["key"] for project in tenants.rows["projects"]}
    return [f"{keys[task['project_id']]}-{task['number']}" for task in tenants.rows["tasks"]][::3]
