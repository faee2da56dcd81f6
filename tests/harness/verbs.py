"""The mutations of tasks and what hangs on them, sent with every argument that the wrapper adds."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from tests.harness.client import Api, Json
from tests.harness.people import Person

TASK = """
  id identifier number title description version rank dueDate estimate priority
  startedAt completedAt archivedAt deletedAt createdAt updatedAt
  status { id name type } assignee { id } creator { id } parent { id } labels { nodes { id name } }
"""
_ERRORS = "syncSeq userErrors { code message field }"
_TYPES = {
    "taskCreate": {"input": "TaskCreateInput!"},
    "taskUpdate": {"id": "ID!", "input": "TaskUpdateInput!"},
    "taskMove": {"id": "ID!", "statusId": "ID", "beforeId": "ID", "afterId": "ID"},
    "labelCreate": {"input": "LabelCreateInput!"},
    "commentCreate": {"input": "CommentCreateInput!"},
    "taskRelationCreate": {"input": "TaskRelationCreateInput!"},
    "taskRelationDelete": {"id": "ID!"},
}
_SHOWN = {
    "labelCreate": "label { id name color version project { id } }",
    "commentCreate": "comment { id body version task { id } parent { id } author { id } }",
    "taskRelationCreate": "taskRelation { id type task { id } relatedTask { id } }",
    "taskRelationDelete": "deletedTaskRelationId",
}
_COMMON = {"idempotencyKey": "String", "validateOnly": "Boolean", "expectedVersion": "Int"}


def document(name: str, arguments: Mapping[str, object]) -> str:
    types = {**_TYPES.get(name, {"id": "ID!"}), **_COMMON}
    declared = ", ".join(f"${argument}: {types[argument]}" for argument in arguments)
    passed = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    shown = _SHOWN.get(name, f"task {{ {TASK} }}")
    return f"mutation ({declared}) {{ {name}({passed}) {{ {shown} {_ERRORS} }} }}"


async def send(person: Person, name: str, *, api: Api | None = None, **arguments: Any) -> Json:
    """Runs one mutation and returns its payload, userErrors or not."""
    answer = await person.run(document(name, arguments), arguments, api=api)
    payload: Json = answer.data[name]
    return payload


async def done(person: Person, name: str, *, api: Api | None = None, **arguments: Any) -> Json:
    """Like `send`, for what must succeed."""
    payload = await send(person, name, api=api, **arguments)
    assert payload["userErrors"] == [], payload
    return payload


async def fault(person: Person, name: str, **arguments: Any) -> tuple[str, list[str] | None, str]:
    """(code, field, message) of the one userError, with no object and no syncSeq beside it."""
    payload = await send(person, name, **arguments)
    [error] = payload["userErrors"]
    assert payload["syncSeq"] is None, payload
    return error["code"], error["field"], error["message"]


async def events_of(sql: asyncpg.Pool, entity_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await sql.fetch(
        "SELECT * FROM events WHERE entity_id = $1 ORDER BY seq", entity_id
    )
    return rows


async def event_count(sql: asyncpg.Pool, workspace_id: str) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM events WHERE workspace_id = $1", workspace_id)
    return count
