"""Runs generated documents three ways and notes where the answers differ."""

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import DocumentNode, parse, validate

from app.web.answers import encode
from tests.engine.generator import Documents, Generated
from tests.engine.naive import NaiveServer
from tests.engine.naive_pages import readable
from tests.engine.tenant_rows import Tenants
from tests.engine.variables import Values
from tests.engine.ways import Outcome, Ways

SEED = os.environ.get("TASKFLOW_PARITY_SEED") or str(random.SystemRandom().randrange(10**9))
ONLY = os.environ.get("TASKFLOW_PARITY_ONLY")
DIFFERENCES = 5
"""How many are gathered before a survey stops."""
VALIDATED = 10
"""One document in so many is validated: the rules take longer than everything else."""


@dataclass(frozen=True)
class World:
    ways: Ways
    tenants: Tenants
    values: Values
    naive: NaiveServer

    def documents(self, seed: str) -> Documents:
        return Documents(self.ways.schema._schema, self.values, seed)


@dataclass(frozen=True)
class Case:
    """One run of one document."""

    index: int
    text: str
    document: DocumentNode
    variables: dict[str, Any]
    viewer: str


@dataclass
class Survey:
    seed: str
    documents: int = 0
    runs: int = 0
    clean: int = 0
    """Answers without an error."""
    fast: int = 0
    """Those of them that the engine gave."""
    features: Counter[str] = field(default_factory=Counter)
    occurred: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why the engine left a document to graphql-core that has an answer without errors."""
    covered: set[str] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)

    def note(self, generated: Generated) -> None:
        self.documents += 1
        self.features += generated.features
        self.covered |= generated.covered

    def describe(self) -> str:
        share = f"{100 * self.fast / max(1, self.clean):.2f} %"
        return "\n".join(
            (
                f"seed {self.seed} (TASKFLOW_PARITY_SEED): {self.documents} documents, {self.runs} runs",
                f"  {self.clean} without errors, {share} of them by the engine; others: {dict(self.reasons)}",
                f"  in the documents: {dict(self.features.most_common())}",
                f"  in the answers: {dict(self.occurred.most_common())}",
            )
        )


def cases(generated: Generated, index: int) -> Iterator[Case]:
    document = parse(generated.text)
    for variables, viewer in generated.runs:
        yield Case(index, generated.text, document, variables, viewer)


async def survey(world: World, count: int, seed: str = SEED) -> Survey:
    documents, found = world.documents(seed), Survey(seed)
    for index in [int(ONLY)] if ONLY else range(count):
        generated = documents.query(index)
        found.note(generated)
        for case in cases(generated, index):
            if index % VALIDATED == 0:
                assert validate(world.ways.schema._schema, case.document) == [], case.text
            await _compare(world, case, found)
        if len(found.differences) >= DIFFERENCES:
            break
    return found


async def _compare(world: World, case: Case, found: Survey) -> None:
    viewer = world.tenants.viewers[case.viewer]
    by_engine = await world.ways.by_engine(
        case.document, case.variables, viewer, over_socket=case.index % 4 == 1
    )
    by_core = await world.ways.by_core(case.document, case.variables, viewer)
    by_naive = naive_answer(world, case)
    found.runs += 1
    answer = by_core.json
    _note_answer(found, answer, by_engine)
    problem = judge(by_engine, by_core, by_naive)
    if problem:
        replay = f"TASKFLOW_PARITY_SEED={found.seed} TASKFLOW_PARITY_ONLY={case.index}"
        asked = f"{case.text}\n{orjson.dumps(case.variables).decode()} as {case.viewer}"
        found.differences.append(f"{replay}\n{problem}\n{asked}")


def naive_answer(world: World, case: Case) -> Any:
    """The data, None where an error takes all of it, and whether there are errors."""
    result = world.naive.run(case.document, case.variables, world.tenants.viewers[case.viewer])
    return orjson.loads(encode(result.data)), bool(result.errors)


def judge(by_engine: Outcome, by_core: Outcome, by_naive: tuple[Any, bool]) -> str | None:
    """What is wrong, beginning with the check that found it."""
    if by_engine.body != by_core.body and not _other_error(by_engine, by_core):
        return f"parity: engine and graphql-core: {first_difference(by_engine.json, by_core.json)}"
    answer = by_engine.json
    data, failed = by_naive
    if failed != ("errors" in answer):
        return f"oracle: an error in only one of them: {answer.get('errors')}"
    if readable(answer["data"]) != data:
        return f"oracle: {first_difference(readable(answer['data']), data)}"
    return None


def _other_error(by_engine: Outcome, by_core: Outcome) -> bool:
    """Whether both ways nulled the same for different errors.

    Of several errors that null one object, graphql-core reports the one that comes first, and an answer with
    errors is graphql-core's own both ways.
    """
    one, other = by_engine.json, by_core.json
    return not by_engine.fast and "errors" in one and "errors" in other and one["data"] == other["data"]


def first_difference(left: Any, right: Any, path: str = "") -> str | None:
    """Where two answers differ, and how."""
    if isinstance(left, dict) and isinstance(right, dict):
        if list(left) != list(right):
            return f"{path}: keys {list(left)} and {list(right)}"
        return _first(first_difference(left[key], right[key], f"{path}.{key}") for key in left)
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = zip(left, right, strict=True)
        return _first(
            first_difference(one, other, f"{path}[{place}]") for place, (one, other) in enumerate(pairs)
        )
    return None if left == right else f"{path}: {left!r:.300} and {right!r:.300}"


def _first(differences: Iterator[str | None]) -> str | None:
    return next(filter(None, differences), None)


def _note_answer(found: Survey, answer: dict[str, Any], by_engine: Outcome) -> None:
    errors: Sequence[dict[str, Any]] = answer.get("errors", [])
    if errors:
        found.occurred["answers with errors"] += 1
        found.occurred["errors"] += len(errors)
        found.occurred["errors below the root"] += sum(len(error.get("path", ())) > 2 for error in errors)
        found.occurred["variables refused"] += any("path" not in error for error in errors)
        found.occurred["nulls that went up"] += sum(_went_up(answer["data"], error) for error in errors)
    else:
        found.clean += 1
        found.fast += by_engine.fast
        found.reasons.update(by_engine.reasons)
    _note_values(found.occurred, answer["data"])


def _went_up(data: Any, error: dict[str, Any]) -> bool:
    """Whether an error nulled more than the field that it struck."""
    for step in error.get("path", ())[:-1]:
        if data is None:
            return True
        data = data[step]
    return data is None and bool(error.get("path"))


def _note_values(occurred: Counter[str], value: Any) -> None:
    if isinstance(value, dict):
        for one in value.values():
            _note_values(occurred, one)
    elif isinstance(value, list):
        occurred["lists with rows" if value else "empty lists"] += 1
        for one in value:
            _note_values(occurred, one)
    else:
        occurred["nulls" if value is None else "values"] += 1
