"""The operations with variables that differ from request to request, and the bytes that ask them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import get_args

from bench.client import MARK
from bench.contender import Call, Contender, Operation
from bench.dataset import Dataset

OPERATIONS: tuple[Operation, ...] = get_args(Operation)


def calls(operation: Operation, dataset: Dataset) -> list[Call]:
    """In an order that is the same for every contender and run."""
    shuffled = random.Random(operation)  # noqa: S311 - no secret
    variables: list[dict[str, object]]
    if operation == "page":
        variables = [{"after": place} for place in dataset.newest]
    elif operation == "deep":
        variables = [{"after": place} for place in dataset.deep]
    elif operation == "one":
        variables = [{"id": task_id} for task_id in dataset.task_ids]
    elif operation == "board":
        variables = [{"projectId": project_id} for project_id in dataset.project_ids]
    else:
        mark = MARK.decode()
        variables = [
            {"projectId": project_id, "title": f"Made by the bench {mark}", "key": f"bench-{mark}"}
            for project_id in dataset.project_ids
        ]
    shuffled.shuffle(variables)
    return [Call(operation, given) for given in variables]


def requests(contender: Contender, asked: Sequence[Call], dataset: Dataset) -> list[bytes]:
    """HTTP/1.1, as a client with a kept connection sends it."""
    return [_request(contender, call, dataset) for call in asked]


def _request(contender: Contender, call: Call, dataset: Dataset) -> bytes:
    path, content = contender.request(call)
    body = json.dumps(content, separators=(",", ":")).encode()
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Content-Length": str(len(body)),
        **contender.headers(dataset),
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body
