"""Whether the contenders give the same answers."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from bench.client import MARK
from bench.contender import Call, Contender, Json, plain
from bench.dataset import Dataset
from bench.operations import OPERATIONS, calls
from bench.servers import Server

SAMPLE = 12
"""Calls of each operation."""
_OWN = {"id", "number", "createdAt", "syncSeq"}
"""What a new task has that no other one has."""


class Disagreement(Exception):
    """Two contenders answered differently; the message says where."""


async def check(servers: Sequence[Server], dataset: Dataset) -> dict[str, int]:
    """How many calls of each operation all answered alike. Raises Disagreement."""
    agreed: dict[str, int] = {}
    for operation in OPERATIONS:
        sample = calls(operation, dataset)[:SAMPLE]
        for number, call in enumerate(sample):
            answers = [await _ask(server, call, dataset, number) for server in servers]
            for server, answer in zip(servers[1:], answers[1:], strict=True):
                where = difference(answers[0], answer, "data")
                if where is not None:
                    names = f"{servers[0].contender.name} and {server.contender.name}"
                    raise Disagreement(
                        f"{operation}: {names} differ at {where}; asked {dict(call.variables)}"
                    )
        agreed[operation] = len(sample)
    return agreed


def difference(one: Json, other: Json, path: str) -> str | None:
    """The first place where two answers differ, with both values; None when they are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{path}: fields {sorted(one)} and {sorted(other)}"
        parts = [(one[key], other[key], f"{path}.{key}") for key in one]
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{path}: {len(one)} and {len(other)} items"
        parts = [
            (left, right, f"{path}[{i}]") for i, (left, right) in enumerate(zip(one, other, strict=True))
        ]
    else:
        return None if one == other and type(one) is type(other) else f"{path}: {one!r} and {other!r}"
    return next((where for part in parts if (where := difference(*part)) is not None), None)


async def _ask(server: Server, call: Call, dataset: Dataset, number: int) -> Json:
    contender = server.contender
    variables = {
        name: value.replace(MARK.decode(), f"{contender.name}-{number}") if name == "key" else value
        for name, value in call.variables.items()
    }
    path, body = contender.request(Call(call.operation, variables))
    async with httpx.AsyncClient(
        base_url=server.url, headers=contender.headers(dataset), timeout=30
    ) as client:
        response = await client.post(path, json=body)
    content = response.json()
    if response.status_code != 200 or "errors" in content:
        raise Disagreement(f"{call.operation}: {contender.name} answered {response.status_code}: {content}")
    answer = plain(contender.answer(call.operation, content["data"]))
    return _without_own(contender, answer) if call.operation == "taskCreate" else answer


def _without_own(contender: Contender, answer: Json) -> Json:
    """A new task without what must differ, once that is there and of the right kind."""
    payload = answer["taskCreate"]
    task = payload["task"]
    if not (
        task["number"] > 0 and int(payload["syncSeq"]) > 0 and len(task["id"]) == 36 and task["createdAt"]
    ):
        raise Disagreement(f"taskCreate: {contender.name} made {answer}")
    return {
        "taskCreate": {
            **{name: value for name, value in payload.items() if name not in _OWN},
            "task": {name: value for name, value in task.items() if name not in _OWN},
        }
    }
