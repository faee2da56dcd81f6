"""What a level's rows lead to: one statement each, whatever the number of rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from graphql.execution.values import VariableValues
from graphql.pyutils import gather_with_cancel

from app.engine.entities import Entity, Row
from app.engine.fields import Batch, CountOf
from app.engine.pages import Narrowing
from app.engine.reads import Reads
from app.engine.size import AnswerSize, Weight
from app.engine.statements import (
    select_counts,
)

Record = Any
"""A row of a statement, or of a page that rode in one: its columns come first, in their order."""
Pages = Mapping[str | None, Sequence[Record]]
"""Rows by their parents' keys; of the root under None."""


@dataclass(slots=True)
class Run:
    """One run of a plan: what differs between two requests with the same document."""

    reads: Reads
    variables: VariableValues

    @property
    def size(self) -> AnswerSize:
        return self.reads.size


class Key(NamedTuple):
    """Where the rows of a level have their id: its column in their statement, and its place in a row."""

    column: str
    place: int


Times = Sequence[int] | None
"""How often each of a level's rows occurs in the answer; None: once."""


class Fetch(Protocol):
    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> Any:
        """What the generated code looks up by a parent's key."""


@dataclass(frozen=True)
class Compiled:
    """A level, ready to run: `complete` takes what its signature names, then what the fetches bring."""

    columns: tuple[str, ...]
    fetches: tuple[Fetch, ...]
    complete: Callable[..., Any]
    weight: Weight | None = None
    """None where the number of objects says enough."""

    @cached_property
    def rider(self) -> Fetch | None:
        """The first connection, whose page comes with the statement of a single parent."""
        return next((fetch for fetch in self.fetches if getattr(fetch, "may_ride", False)), None)


async def bring(
    run: Run, fetches: Sequence[Fetch], parents: Sequence[Any], times: Times = None
) -> Sequence[Any]:
    if not fetches:
        return ()
    if len(fetches) == 1:
        return (await fetches[0].run(run, parents, times),)
    return await gather_with_cancel(*(fetch.run(run, parents, times) for fetch in fetches))


@dataclass(frozen=True, slots=True)
class CountFetch:
    """`key` is the place of the parent's id in its row."""

    word: CountOf
    key: int

    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> dict[str, int]:
        keys = distinct(self.key, parents)
        if not keys:
            return {}
        counted = self.word.counted
        statement = select_counts(counted.rows(Narrowing()), keys, None)
        found = await run.reads.run(f"{counted.label}.totalCount", statement)
        return {keys[record["_parent"] - 1]: record["_count"] for record in found}


@dataclass(frozen=True, slots=True)
class BatchFetch:
    """`places`: by attribute, where in a row what `word` needs stands."""

    word: Batch
    entity: Entity
    places: Mapping[str, int]

    async def run(self, run: Run, parents: Sequence[Record], times: Times) -> dict[str, Any]:
        key = self.places["id"]
        distinct_parents = {parent[key]: parent for parent in parents if parent[key] is not None}
        if not distinct_parents:
            return {}
        rows = [Row(self.entity, self._values(parent)) for parent in distinct_parents.values()]
        results = await self.word.load(run.reads, rows)
        return dict(zip(distinct_parents, results, strict=True))

    def _values(self, parent: Record) -> dict[str, Any]:
        return {name: parent[place] for name, place in self.places.items()}


@dataclass(frozen=True, slots=True)
class ViewerFetch:
    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> Any:
        return run.reads.viewer


def distinct(key: int, parents: Sequence[Any]) -> list[str]:
    return [value for value in dict.fromkeys([parent[key] for parent in parents]) if value is not None]
