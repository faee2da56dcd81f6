"""The cost that is told beforehand ranks operations as what they really touch does.

TASKFLOW_COST_SEED=<seed> takes other documents.
"""

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, linear_regression
from typing import Any
from uuid import UUID

import pytest
from graphql import get_operation_ast

from app.domain.viewer import Viewer
from app.engine.cost import STATEMENT, cost_of
from app.engine.engine import NotAnswered
from app.graphql.context import Context, Services
from app.graphql.schema import build_schema
from app.models.enums import Role
from tests.engine.generator import Documents
from tests.engine.survey import Case, cases
from tests.engine.tenants import make_tenants
from tests.engine.values import gather_values
from tests.engine.ways import Ways

SEED = os.environ.get("TASKFLOW_COST_SEED", "1")
DOCUMENTS = 1_000
ROOT = re.compile(r"Query\.\w+")
"""The label of a root field's own statement."""


@dataclass
class Counting(Context):
    """Counts the rows that statements bring, and the root fields whose statement brings none."""

    rows: int = field(default=0, init=False)
    missed: int = field(default=0, init=False)

    @property
    def _fetch(self) -> Any:
        fetch = super()._fetch

        async def counting(label: str, sql: str, args: Any) -> Any:
            found = await fetch(label, sql, args)
            self.rows += len(found)
            self.missed += not found and ROOT.fullmatch(label) is not None
            return found

        return counting


@dataclass(frozen=True)
class Touched:
    cost: int
    rows: int
    statements: int
    seconds: float
    missed: int

    @property
    def points(self) -> int:
        return self.rows + STATEMENT * self.statements


@pytest.fixture(scope="module")
async def touched(services: Services) -> list[Touched]:
    """Of the first DOCUMENTS that are answered. Those that are refused, such as for a page of no length, end
    wherever the fault is found."""
    tenants, schema = make_tenants(), build_schema()
    ways = Ways(schema, services)
    documents = Documents(schema._schema, await gather_values(ways, tenants), SEED)
    # Generated documents ask for rows of every tenant: by somebody who sees them all.
    roles = {UUID(row["id"]): Role.OWNER for row in tenants.rows["workspaces"]}
    alex = tenants.viewers["alex"]
    assert alex is not None
    viewer = Viewer(alex.user_id, alex.session_id, roles)
    found: list[Touched] = []
    for index in range(2 * DOCUMENTS):
        case = next(cases(documents.query(index), index))
        outcome = await _run(ways, case, viewer)
        if outcome is not None:
            found.append(outcome)
        if len(found) == DOCUMENTS:
            return found
    raise AssertionError(f"only {len(found)} documents were answered")


async def _run(ways: Ways, case: Case, viewer: Viewer) -> Touched | None:
    node = get_operation_ast(case.document)
    assert node is not None
    context = Counting(
        services=ways.services, viewer=viewer, request_id="request", client_address="127.0.0.1"
    )
    clock = time.perf_counter()
    try:
        await ways.engine.answer(case.document, node, case.variables, context)
    except NotAnswered:
        return None
    seconds = time.perf_counter() - clock
    cost = cost_of(ways.schema._schema, case.document, node).of(case.variables)
    return Touched(cost, context.rows, len(context.statements), seconds, context.missed)


async def test_cost_and_touch_rank_alike(touched: list[Touched], tell: Callable[[str], None]) -> None:
    correlation = spearman([one.cost for one in touched], [one.points for one in touched])

    rows, statements = fmean(one.rows for one in touched), fmean(one.statements for one in touched)
    tell(
        f"seed {SEED} (TASKFLOW_COST_SEED): {len(touched)} documents, rank correlation {correlation:.3f}"
        f" of cost with rows + {STATEMENT} a statement; means: {rows:.1f} rows, {statements:.1f} statements,"
        f" cost {fmean(one.cost for one in touched):.0f}; a statement took as long as"
        f" {_rows_of_a_statement(touched):.0f} rows"
    )
    assert correlation >= 0.8


async def test_they_rank_more_alike_where_there_is_something(
    touched: list[Touched], tell: Callable[[str], None]
) -> None:
    """A fifth of the documents asks at its root for what is not there, which no text tells beforehand."""
    found = [one for one in touched if not one.missed]
    correlation = spearman([one.cost for one in found], [one.points for one in found])
    tell(f"of {len(found)} documents whose roots find something: {correlation:.3f}")
    assert len(found) > 0.7 * DOCUMENTS
    assert correlation >= 0.85


async def test_the_documents_differ_enough_to_be_ranked(touched: list[Touched]) -> None:
    assert len({one.cost for one in touched}) > 100
    assert len({one.points for one in touched}) > 100


def test_the_rank_correlation_is_spearmans() -> None:
    assert spearman([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # Ties get their mean rank: https://en.wikipedia.org/wiki/Spearman%27s_rank_correlation_coefficient
    assert spearman([1, 2, 2, 4], [1, 3, 2, 4]) == pytest.approx(0.9487, abs=1e-4)


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Pearson's correlation of the ranks."""
    left, right = _ranks(one), _ranks(other)
    mean = (len(one) - 1) / 2
    covariance = sum((a - mean) * (b - mean) for a, b in zip(left, right, strict=True))
    spread = sum((a - mean) ** 2 for a in left) * sum((b - mean) ** 2 for b in right)
    return float(covariance / spread**0.5)


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    places: dict[float, list[int]] = {}
    for place, index in enumerate(order):
        places.setdefault(values[index], []).append(place)
    return [fmean(places[value]) for value in values]


def _rows_of_a_statement(touched: list[Touched]) -> float:
    """The time of a statement by that of a row, without the slowest tenth, which waited for other things.

    First the statements' time, then the rows' in what they leave of it.
    """
    usual = sorted(touched, key=lambda one: one.seconds)[: len(touched) * 9 // 10]
    rows = [float(one.rows) for one in usual]
    statements = [float(one.statements) for one in usual]
    shared = linear_regression(statements, rows)
    rest = [
        row - shared.slope * number - shared.intercept for row, number in zip(rows, statements, strict=True)
    ]
    seconds = [one.seconds for one in usual]
    of_row = linear_regression(rest, seconds).slope
    of_statement = linear_regression(statements, seconds).slope - of_row * shared.slope
    return of_statement / of_row
