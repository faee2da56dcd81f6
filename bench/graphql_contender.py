"""A contender that speaks TaskFlow's API, or enough of it for the bench's documents."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx

from bench import documents
from bench.contender import Call, Contender, Json, Operation, place_key
from bench.dataset import Dataset, Place


class GraphQLContender(Contender):
    documents: ClassVar[dict[Operation, str]] = {
        "page": documents.PAGE,
        "deep": documents.PAGE,
        "one": documents.ONE,
        "board": documents.BOARD,
        "taskCreate": documents.TASK_CREATE,
    }

    def __init__(self) -> None:
        self.workspace_id = ""

    async def prepare(self, client: httpx.AsyncClient, dataset: Dataset) -> None:
        self.workspace_id = dataset.workspace_id

    def cursor(self, place: Place) -> str:
        return place_key(place)

    def request(self, call: Call) -> tuple[str, Json]:
        variables = self.variables(call.operation, dict(call.variables))
        return self.path, {"query": self.documents[call.operation], "variables": variables}

    def variables(self, operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
        if operation in ("page", "deep"):
            return {"workspaceId": self.workspace_id, "after": self.cursor(given["after"])}
        if operation == "taskCreate":
            key = given.pop("key")
            return {"input": {**given, "priority": "HIGH", "dueDate": "2026-03-01"}, "key": key}
        return given
