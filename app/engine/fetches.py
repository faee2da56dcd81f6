"""What a level's rows lead to: one statement each, whatever the number of rows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

from graphql import GraphQLError
from graphql.execution.values import VariableValues
from graphql.pyutils import gather_with_cancel

from app.engine import cursors
from app.engine.arguments import Arguments
from app.engine.entities import Entity, Row
from app.engine.fields import Batch, CountOf, ToMany
from app.engine.ordering import Order
from app.engine.pages import Cut, Narrowing
from app.engine.reads import Reads
from app.engine.statements import COUNT_LIMIT, Rows, select_by_ids, select_counts, select_page

MAX_OBJECTS = 50_000
"""How many objects the lists of one answer hold in all; more are refused."""

Record = Mapping[str, Any]
KeyOf = Callable[[Any], Any]


@dataclass(slots=True)
class Run:
    """One run of a plan: what differs between two requests with the same document."""

    reads: Reads
    variables: VariableValues
    objects: int = 0
    """How many objects of lists the answer holds so far, as often as each occurs in it."""

    def add_objects(self, number: int) -> None:
        """Raises AnswerTooLarge. Rows that many parents share are read once and written many times."""
        self.objects += number
        if self.objects > MAX_OBJECTS:
            raise AnswerTooLarge


class AnswerTooLarge(GraphQLError):
    """For the client, from here: graphql-core would begin the same answer again."""

    def __init__(self) -> None:
        super().__init__(
            f"The answer would hold more than {MAX_OBJECTS:,} objects: ask for shorter pages.",
            extensions={"code": "BAD_USER_INPUT"},
        )


Times = Sequence[int] | None
"""How often each of a level's rows occurs in the answer; None: once."""


class Fetch(Protocol):
    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> Any:
        """What the generated code looks up by a parent's key."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A level, ready to run: `complete` takes what its signature names, then what the fetches bring."""

    columns: tuple[str, ...]
    fetches: tuple[Fetch, ...]
    complete: Callable[..., Any]


async def bring(
    run: Run, fetches: Sequence[Fetch], parents: Sequence[Any], times: Times = None
) -> Sequence[Any]:
    if not fetches:
        return ()
    if len(fetches) == 1:
        return (await fetches[0].run(run, parents, times),)
    return await gather_with_cancel(*(fetch.run(run, parents, times) for fetch in fetches))


@dataclass(frozen=True, slots=True)
class ConnectionFetch:
    """A connection under each parent, or, without a key, for the root."""

    word: ToMany
    key_of: KeyOf | None
    arguments: Arguments
    level: Compiled
    parts: frozenset[str]

    async def run(self, run: Run, parents: Sequence[Any], times: Times = None) -> Any:
        keys = None if self.key_of is None else distinct(self.key_of, parents)
        if keys == []:
            return {}
        rows, order, cut = self.word.request(self.arguments.of(run.variables))
        pages, counts = await self._pages(run, rows, order, cut, keys), await self._counts(run, rows, keys)
        records = [record for page in pages.values() for record in page]
        times = self._times(pages, parents, keys, times)
        run.add_objects(len(records) if times is None else sum(times))
        fetched = await bring(run, self.level.fetches, records, times)
        signature = cursors.signature(self.word.label, order.describe()) if "cursor" in self.parts else ""
        attributes = order.attributes()

        def cursor(record: Record) -> str:
            return cursors.encode(signature, [record[attribute] for attribute in attributes])

        complete, size, began = self.level.complete, cut.size, cut.cursor is not None
        connections = {}
        for key in [None] if keys is None else keys:
            page = pages.get(key, [])
            more = len(page) > size
            page = page[:size]
            ends = (began, more) if cut.backward else (more, began)
            if cut.backward:
                page = page[::-1]
            connections[key] = complete(page, ends, cursor, counts.get(key, 0), *fetched)
        return connections[None] if keys is None else connections

    def _times(
        self,
        pages: Mapping[str | None, Sequence[Record]],
        parents: Sequence[Any],
        keys: list[str] | None,
        times: Times,
    ) -> Times:
        """How often each row of these pages occurs in the answer: as often as its parent."""
        if self.key_of is None or (times is None and keys is not None and len(keys) == len(parents)):
            return None
        of_key: Counter[str | None] = Counter()
        for parent, number in zip(parents, times or repeat(1), strict=False):
            of_key[self.key_of(parent)] += number
        return [of_key[key] for key, page in pages.items() for _ in page]

    async def _pages(
        self, run: Run, rows: Rows, order: Order, cut: Cut, keys: list[str] | None
    ) -> dict[str | None, list[Record]]:
        if not self.parts & {"nodes", "edges", "page_info"}:
            return {}
        columns = self.level.columns
        if "cursor" in self.parts:
            columns = (*columns, *(name for name in order.attributes() if name not in columns))
        statement = select_page(
            rows,
            columns,
            order.reversed() if cut.backward else order,
            cut.size + ("page_info" in self.parts),
            cut.cursor,
            keys,
        )
        records = await run.reads.run(self.word.label, statement)
        if keys is None:
            return {None: list(records)}
        pages: dict[str | None, list[Record]] = {}
        for record in records:
            pages.setdefault(record["_parent"], []).append(record)
        return pages

    async def _counts(self, run: Run, rows: Rows, keys: list[str] | None) -> dict[str | None, int]:
        if "count" not in self.parts:
            return {}
        statement = select_counts(rows, keys, COUNT_LIMIT)
        found = await run.reads.run(f"{self.word.label}.totalCount", statement)
        return {None if keys is None else record["_parent"]: record["_count"] for record in found}


@dataclass(frozen=True, slots=True)
class CountFetch:
    word: CountOf
    key_of: KeyOf

    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> dict[str, int]:
        keys = distinct(self.key_of, parents)
        if not keys:
            return {}
        counted = self.word.counted
        statement = select_counts(counted.rows(Narrowing()), keys, None)
        found = await run.reads.run(f"{counted.label}.totalCount", statement)
        return {record["_parent"]: record["_count"] for record in found}


@dataclass(frozen=True, slots=True)
class BatchFetch:
    """`prefix` is that of the row's columns where it was joined."""

    word: Batch
    entity: Entity
    prefix: str
    names: tuple[str, ...]

    async def run(self, run: Run, parents: Sequence[Record], times: Times) -> dict[str, Any]:
        key = f"{self.prefix}id"
        distinct_parents = {parent[key]: parent for parent in parents if parent[key] is not None}
        if not distinct_parents:
            return {}
        rows = [Row(self.entity, self._unprefixed(parent)) for parent in distinct_parents.values()]
        results = await self.word.load(run.reads, rows)
        return dict(zip(distinct_parents, results, strict=True))

    def _unprefixed(self, parent: Record) -> Record:
        if not self.prefix:
            return parent
        return {name: parent[self.prefix + name] for name in self.names}


@dataclass(frozen=True, slots=True)
class RowsFetch:
    """The objects of rows by id, for values that Python code made: `keys_of` a value are its rows' ids."""

    label: str
    entity: Entity
    level: Compiled
    keys_of: Callable[[Any], list[str]]

    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> dict[str, Any]:
        keys = list(dict.fromkeys(key for parent in parents for key in self.keys_of(parent)))
        return await objects_by_id(run, self.label, self.entity, self.level, keys)


@dataclass(frozen=True, slots=True)
class ViewerFetch:
    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> Any:
        return run.reads.viewer


async def objects_by_id(
    run: Run, label: str, entity: Entity, level: Compiled, keys: Sequence[str]
) -> dict[str, Any]:
    if not keys:
        return {}
    records = await run.reads.run(label, select_by_ids(entity, level.columns, keys))
    fetched = await bring(run, level.fetches, records)
    objects = level.complete(records, *fetched)
    return {record["id"]: value for record, value in zip(records, objects, strict=True)}


def distinct(key_of: KeyOf, parents: Sequence[Any]) -> list[str]:
    return [key for key in dict.fromkeys(map(key_of, parents)) if key is not None]
