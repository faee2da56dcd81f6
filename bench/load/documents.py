"""What the people of the load ask: reads, writes and heavy lists, as bodies of requests."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

import orjson

from bench import documents as bench
from bench.load.teams import Person

COUNTER = "@n"
"""Stands where each request has another number."""


def _mutation(field: str, arguments: Mapping[str, str], answer: str = "task { id version }") -> str:
    declared = ", ".join(f"${name}: {type_}" for name, type_ in arguments.items())
    given = ", ".join(f"{name}: ${name}" for name in arguments)
    payload = f"{{ {answer} syncSeq userErrors {{ code message field }} }}"
    return (
        f"mutation {field[0].upper()}{field[1:]}({declared}, $key: String!) "
        f"{{ {field}({given}, idempotencyKey: $key) {payload} }}"
    )


_CREATE = _mutation("taskCreate", {"input": "TaskCreateInput!"})
_UPDATE = _mutation("taskUpdate", {"id": "ID!", "input": "TaskUpdateInput!"})
_COMPLETE = _mutation("taskComplete", {"id": "ID!"})
_REOPEN = _mutation("taskReopen", {"id": "ID!"})
_COMMENT = _mutation("commentCreate", {"input": "CommentCreateInput!"}, "comment { id }")
_VIEWER = "query Me { viewer { id name timezone } workspaces(first: 10) { nodes { id slug role syncSeq } } }"
_LIST = """
query List($workspaceId: ID!, $filter: TaskFilter, $sort: [TaskSort!], $after: String) {
  tasks(workspaceId: $workspaceId, first: 50, filter: $filter, sort: $sort, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      id number title priority dueDate
      project { key } status { name } assignee { name } labels(first: 5) { nodes { name } }
    }
  }
}
"""


def reads(person: Person, chance: random.Random) -> Iterator[str]:
    """Five single tasks, three first pages, one board, one question who one is."""
    team = person.team
    for task_id in chance.sample(team.task_ids, 5):
        yield body(bench.ONE, {"id": task_id})
    for _ in range(3):
        yield body(bench.PAGE, {"workspaceId": team.workspace_id, "after": None})
    yield body(bench.BOARD, {"projectId": chance.choice(team.project_ids)})
    yield body(_VIEWER, {})


def writes(person: Person, chance: random.Random) -> Iterator[str]:
    """Two changes, and one each of what else is done with a task."""
    tasks, key = chance.sample(person.team.task_ids, 4), f"{person.user_id}-{COUNTER}"
    yield body(
        _CREATE,
        {
            "input": {"projectId": chance.choice(person.team.project_ids), "title": f"New {COUNTER}"},
            "key": key,
        },
    )
    yield body(
        _UPDATE, {"id": tasks[0], "input": {"title": f"Changed {COUNTER}", "priority": "HIGH"}, "key": key}
    )
    yield body(_UPDATE, {"id": tasks[1], "input": {"description": f"More is known: {COUNTER}."}, "key": key})
    yield body(_COMPLETE, {"id": tasks[2], "key": key})
    yield body(_REOPEN, {"id": tasks[2], "key": key})
    yield body(_COMMENT, {"input": {"taskId": tasks[3], "body": f"Seen here too ({COUNTER})."}, "key": key})


def lists(person: Person, cursors: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Two deep pages, two filtered ones, counted."""
    team = person.team
    filters: list[Mapping[str, object]] = [
        {"status": {"type": {"in": ["STARTED", "UNSTARTED"]}}, "assignee": {"id": {"eq": person.user_id}}},
        {
            "labels": {"some": {"name": {"in": chance.sample(team.label_names, 2)}}},
            "priority": {"neq": "NONE"},
        },
    ]
    for after in chance.sample(cursors, 2):
        yield body(_LIST, {"workspaceId": team.workspace_id, "after": after})
    yield body(
        _LIST, {"workspaceId": team.workspace_id, "filter": filters[0], "sort": [{"field": "DUE_DATE"}]}
    )
    yield body(
        _LIST,
        {
            "workspaceId": team.workspace_id,
            "filter": filters[1],
            "sort": [{"field": "UPDATED_AT", "direction": "DESC"}],
        },
    )


def cursors(person: Person, ids: Sequence[str]) -> str:
    return body(bench.CURSORS, {"workspaceId": person.team.workspace_id, "ids": list(ids)})


def markers(person: Person) -> Iterator[str]:
    """Creates a task, and changes one."""
    key = uuid4().hex
    yield body(_CREATE, {"input": {"projectId": person.team.project_ids[0], "title": "First"}, "key": key})
    yield body(_UPDATE, {"id": person.team.task_ids[0], "input": {"title": f"First {key}"}, "key": key})


def headers(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}


def body(query: str, variables: Mapping[str, object]) -> str:
    return orjson.dumps({"query": " ".join(query.split()), "variables": variables}).decode()
