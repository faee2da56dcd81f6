"""The contenders of the bench give equal answers, and its check would notice if they did not."""

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import agreement, dataset
from bench.contender import Contender
from bench.cores import Cores
from bench.operations import OPERATIONS
from bench.servers import CONTENDERS, running
from tests.harness.stores import Stores

TASKS = 600


@dataclass(frozen=True)
class Ground:
    database_url: str
    redis_url: str
    folder: Path


@pytest.fixture(scope="module")
async def database_url(stores: Stores) -> str:
    url = await stores.new_database()
    await dataset.fill(url, TASKS)
    return url


@pytest.fixture
def ground(database_url: str, redis_url: str, tmp_path: Path) -> Ground:
    return Ground(database_url, redis_url, tmp_path)


def test_the_contenders_in_python_agree(ground: Ground) -> None:
    assert agreed(["taskflow", "limit", "starlette", "strawberry_plain"], ground) == every_operation()


@pytest.mark.soak  # half a gigabyte of packages, which only the bench needs
def test_the_contenders_in_node_agree(ground: Ground) -> None:
    assert agreed(["limit", "mercurius", "postgraphile"], ground) == every_operation()


@pytest.mark.parametrize("path", [("title",), ("labels", 0, "color"), ("assignee",), ("dueDate",)])
def test_a_difference_is_noticed(path: Sequence[str | int]) -> None:
    answer = {
        "title": "a",
        "labels": [{"color": "#112233"}],
        "assignee": {"id": "1"},
        "dueDate": "2026-01-01",
    }
    other: object = deepcopy(answer)
    *parents, last = path
    place: object = other
    for step in parents:
        place = place[step]  # type: ignore[index]  # JSON
    place[last] = None  # type: ignore[index]  # JSON
    assert agreement.difference(answer, deepcopy(answer), "data") is None
    assert "None" in str(agreement.difference(answer, other, "data"))


def test_an_item_too_many_or_a_field_too_few_is_noticed() -> None:
    assert agreement.difference({"nodes": [1]}, {"nodes": [1, 1]}, "data") == "data.nodes: 1 and 2 items"
    assert agreement.difference({"id": "1", "name": None}, {"id": "1"}, "data") is not None


def agreed(names: Sequence[str], ground: Ground) -> dict[str, int]:
    contenders: list[Contender] = [CONTENDERS[name]() for name in names]
    for contender in contenders:
        if missing := contender.missing():
            pytest.skip(f"needs `{missing}`")
    data = asyncio.run(dataset.describe(ground.database_url))
    with running(contenders, ground, data, Cores.split(pin=False).contenders) as servers:
        return asyncio.run(agreement.check(servers, data))


def every_operation() -> dict[str, int]:
    return dict.fromkeys(OPERATIONS, agreement.SAMPLE)
