"""Connections under the rows of a level: one statement for all parents, or none under a single one."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import Any

from app.engine import cursors
from app.engine.arguments import Arguments
from app.engine.fetches import Compiled, Key, Pages, Record, Run, Times, bring, distinct
from app.engine.fields import ToMany
from app.engine.ordering import Order
from app.engine.pages import Cut
from app.engine.statements import COUNT_LIMIT, Rows, Statement, riding_page, select_counts, select_page


@dataclass(frozen=True)
class Asked:
    """What one request asks of a connection: `order` and `limit` are those of the statement."""

    key: Key | None
    rows: Rows
    columns: tuple[str, ...]
    order: Order
    limit: int
    cut: Cut
    signature: str
    """What its cursors are bound to; empty where none is selected."""

    def cursor(self, record: Record) -> str:
        return cursors.encode(self.signature, [record[place] for place in self._sorted_by])

    @cached_property
    def _sorted_by(self) -> list[int]:
        return [self.columns.index(name) for name in self.order.attributes]

    @cached_property
    def riding(self) -> Statement:
        """The page as it rides in the statement of its only parent."""
        assert self.key is not None  # noqa: S101 - the root has no parent
        return riding_page(self.key.column, self.rows, self.columns, self.order, self.limit, self.cut.cursor)

    def ridden(self, records: Sequence[Record], start: int) -> list[Record]:
        """The page's rows, which begin at `start` in its parent's, without the nulls that stand for an empty
        page."""
        return [record[start:] for record in records if record[start] is not None]


@dataclass
class ConnectionFetch:
    """A connection under each parent, whose id is its `key`, or, without one, for the root."""

    word: ToMany
    key: Key | None
    arguments: Arguments
    level: Compiled
    parts: frozenset[str]
    lists: int
    """How often each row of a page occurs in its connection, as a node or an edge."""
    _constant: Asked | None = field(default=None, init=False)

    async def run(self, run: Run, parents: Sequence[Any], times: Times = None) -> Any:
        keys = None if self.key is None else distinct(self.key.place, parents)
        if keys == []:
            return {}
        asked = self.asked(run)
        pages = await self._pages(run, asked, keys)
        connections = await self.connections(run, asked, pages, self._times(pages, parents, times))
        return connections[None] if keys is None else connections

    @cached_property
    def reads_rows(self) -> bool:
        return not self.parts.isdisjoint(("nodes", "edges", "page_info"))

    @property
    def may_ride(self) -> bool:
        return self.key is not None and self.reads_rows

    def asked(self, run: Run) -> Asked:
        """Raises ArgumentError. What no variable changes is found out once."""
        if self._constant is not None:
            return self._constant
        rows, order, cut = self.word.request(self.arguments.of(run.variables))
        columns, signature = self.level.columns, ""
        if "cursor" in self.parts:
            columns = (*columns, *(name for name in order.attributes if name not in columns))
            signature = cursors.signature(self.word.label, order.description)
        limit = cut.size + ("page_info" in self.parts)
        order = order.reversed() if cut.backward else order
        asked = Asked(self.key, rows, columns, order, limit, cut, signature)
        if self.arguments.constant:
            self._constant = asked
        return asked

    async def connections(
        self, run: Run, asked: Asked, pages: Pages, times: Times = None
    ) -> dict[str | None, Any]:
        """By their parents' keys, from the rows that a statement brought."""
        run.size.add_objects(max(1, self.lists) * sum(map(len, pages.values()) if times is None else times))
        fetched: Sequence[Any] = ()
        level = self.level
        if level.fetches or level.weight is not None:
            records = [record for page in pages.values() for record in page]
            if level.weight is not None:
                run.size.add_text(level.weight.of(records, times))
            fetched = await bring(run, level.fetches, records, times)
        counts = await self._counts(run, asked.rows, pages) if "count" in self.parts else {}
        entries = self._entries(asked.cut, pages, counts)
        connections: dict[str | None, Any] = self.level.complete(entries, asked.cursor, *fetched)
        return connections

    def _entries(
        self, cut: Cut, pages: Pages, counts: Mapping[str | None, int]
    ) -> Iterable[tuple[object, ...]]:
        """What the generated code goes through: keys and pages, and what else it asks for (`asks_more`)."""
        if not asks_more(self.parts):
            return [(key, page[::-1]) for key, page in pages.items()] if cut.backward else pages.items()
        return [(key, *_cut_off(cut, page), counts.get(key, 0)) for key, page in pages.items()]

    async def _pages(self, run: Run, asked: Asked, keys: list[str] | None) -> Pages:
        of_keys: Sequence[str | None] = (None,) if keys is None else keys
        pages: list[list[Record]] = [[] for _ in of_keys]
        if self.reads_rows:
            statement = select_page(
                asked.rows, asked.columns, asked.order, asked.limit, asked.cut.cursor, keys
            )
            records: Sequence[Record] = await run.reads.run(self.word.label, statement)
            if keys is None:
                return {None: records}
            parent = len(asked.columns)
            for record in records:
                pages[record[parent] - 1].append(record)
        return dict(zip(of_keys, pages, strict=True))

    async def _counts(self, run: Run, rows: Rows, pages: Pages) -> dict[str | None, int]:
        keys = [key for key in pages if key is not None]
        statement = select_counts(rows, keys or None, COUNT_LIMIT)
        found = await run.reads.run(f"{self.word.label}.totalCount", statement)
        return {keys[record["_parent"] - 1] if keys else None: record["_count"] for record in found}

    def _times(self, pages: Pages, parents: Sequence[Any], times: Times) -> Times:
        """How often each row of these pages occurs in the answer: as often as its parent."""
        if self.key is None or (times is None and len(pages) == len(parents)):
            return None
        of_key: Counter[str | None] = Counter()
        for parent, number in zip(parents, times or repeat(1), strict=False):
            of_key[parent[self.key.place]] += number
        return [of_key[key] for key, page in pages.items() for _ in page]


def asks_more(parts: Collection[str]) -> bool:
    """Whether a connection with these parts tells what lies beyond a page, or how much."""
    return "page_info" in parts or "count" in parts


def _cut_off(cut: Cut, page: Sequence[Record]) -> tuple[Sequence[Record], tuple[bool, bool]]:
    """The page in the list's order, and whether more follows and precedes."""
    more, began = len(page) > cut.size, cut.cursor is not None
    page = page[: cut.size]
    return (page[::-1], (began, more)) if cut.backward else (page, (more, began))


@dataclass(frozen=True, slots=True)
class RiddenFetch:
    """A connection whose page came with the statement of its only parent."""

    fetch: ConnectionFetch
    asked: Asked
    page: Sequence[Record]

    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> Any:
        assert self.fetch.key is not None  # noqa: S101 - the root has no parent
        [key] = [parent[self.fetch.key.place] for parent in parents]
        return {} if key is None else await self.fetch.connections(run, self.asked, {key: self.page})
