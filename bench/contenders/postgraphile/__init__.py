"""PostGraphile 5 over TaskFlow's tables; taskCreate is a custom mutation in JavaScript."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import httpx

from bench.contender import CONTENDERS, Json, Operation, Stage, missing_packages, node_program, plain
from bench.contenders.postgraphile import documents
from bench.dataset import Dataset, Place
from bench.graphql_contender import GraphQLContender

_PRIORITIES = ("NONE", "LOW", "MEDIUM", "HIGH", "URGENT")


class PostGraphile(GraphQLContender):
    name = "postgraphile"
    title = "PostGraphile 5"
    documents: ClassVar[dict[Operation, str]] = {
        "page": documents.PAGE,
        "deep": documents.PAGE,
        "one": documents.ONE,
        "board": documents.BOARD,
        "taskCreate": documents.TASK_CREATE,
    }

    def __init__(self) -> None:
        super().__init__()
        self._cursors: dict[str, str] = {}

    def command(self) -> list[str]:
        return [os.fspath(node_program()), os.fspath(CONTENDERS / self.name / "server.js")]

    def environment(self, stage: Stage) -> dict[str, str]:
        return {**super().environment(stage), "GRAPHILE_ENV": "production"}

    def missing(self) -> str | None:
        return missing_packages(self.name)

    async def prepare(self, client: httpx.AsyncClient, dataset: Dataset) -> None:
        await super().prepare(client, dataset)
        for place in (*dataset.newest, *dataset.deep):
            body = {"query": documents.CURSOR, "variables": {"id": place.id}}
            response = await client.post(self.path, json=body)
            (edge,) = response.raise_for_status().json()["data"]["tasks"]["edges"]
            self._cursors[place.id] = edge["cursor"]

    def cursor(self, place: Place) -> str:
        return self._cursors[place.id]

    def variables(self, operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
        variables = super().variables(operation, given)
        return variables if operation == "taskCreate" else {**variables, "workspaceId": self.workspace_id}

    def answer(self, operation: Operation, data: Json) -> Json:
        shared = _with_names(plain(data))
        if operation == "one":
            return {"task": next(iter(shared["tasks"]), None)}
        if operation == "board":
            return {"project": next(iter(shared["projects"]), None)}
        if operation == "taskCreate":
            return {"taskCreate": {**shared["taskCreate"], "userErrors": []}}
        return shared


def _with_names(value: Json) -> Json:
    """Priorities by name, a connection's totalCount as TaskFlow's commentCount."""
    if isinstance(value, list):
        return [_with_names(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {key: _with_names(item) for key, item in value.items()}
    if isinstance(named.get("priority"), int):
        named["priority"] = _PRIORITIES[named["priority"]]
    if "comments" in named:
        named["commentCount"] = named.pop("comments")["totalCount"]
    return named
