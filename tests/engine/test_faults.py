"""A test of the tests: each planted fault is caught by the generated documents."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.engine import statements, texts
from app.graphql.context import Context
from tests.engine import faults_in_plans, faults_in_statements
from tests.engine.survey import Case, World, cases, judge, naive_answer
from tests.engine.test_payloads import check_writes, write_three_times
from tests.engine.ways import Ways

FAULTS = {**faults_in_statements.FAULTS, **faults_in_plans.FAULTS}
SEED = "faults"
"""The same documents in every run: what they catch they always catch."""
DOCUMENTS = 900


@dataclass(frozen=True)
class Expected:
    case: Case
    naive: tuple[Any, bool]


@pytest.fixture(scope="module")
def expected(world: World) -> list[Expected]:
    documents = world.documents(SEED)
    return [
        Expected(case, naive_answer(world, case))
        for index in range(DOCUMENTS)
        for case in cases(documents.query(index), index)
    ]


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    """Planted after plans were forgotten, and with what was planned meanwhile forgotten again."""
    _forget_statements()
    with pytest.MonkeyPatch.context() as context:
        yield context
    _forget_statements()


def _forget_statements() -> None:
    for module in (statements, texts):
        for remembered in vars(module).values():
            if hasattr(remembered, "cache_clear"):
                remembered.cache_clear()


def test_there_are_enough_faults() -> None:
    assert len(FAULTS) >= 20


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_caught(
    name: str,
    world: World,
    expected: list[Expected],
    patch: pytest.MonkeyPatch,
    tell: Callable[[str], None],
) -> None:
    FAULTS[name](patch)
    ways = Ways(world.ways.schema, world.ways.services)
    for number, one in enumerate(expected, 1):
        viewer = world.tenants.viewers[one.case.viewer]
        by_engine = await ways.by_engine(one.case.document, one.case.variables, viewer)
        by_core = await ways.by_core(one.case.document, one.case.variables, viewer)
        problem = judge(by_engine, by_core, one.naive)
        if problem:
            tell(f"  {name}: caught by {problem.partition(':')[0]} after {number} runs")
            return
    pytest.fail(f"not noticed by {len(expected)} runs")


async def test_nothing_is_caught_without_a_fault(world: World, expected: list[Expected]) -> None:
    """After all of them: none has stayed."""
    ways = Ways(world.ways.schema, world.ways.services)
    for one in expected:
        viewer = world.tenants.viewers[one.case.viewer]
        by_engine = await ways.by_engine(one.case.document, one.case.variables, viewer)
        by_core = await ways.by_core(one.case.document, one.case.variables, viewer)
        assert judge(by_engine, by_core, one.naive) is None, one.case.text


async def test_loaders_that_outlive_a_write_are_caught(world: World, patch: pytest.MonkeyPatch) -> None:
    async def keep(_context: Context) -> None:
        """What was read before the write stays."""

    patch.setattr(Context, "root_field_done", keep)
    with pytest.raises(AssertionError):
        check_writes(await write_three_times(world, by_engine=False))
