"""A request's reads: loaders that gather what one tick of the event loop asks for into one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from strawberry.dataloader import DataLoader
from tortoise.models import Model

from app.engine.composer import Condition, is_uuid
from app.engine.entities import Entity, Row, entities, entity_of_model
from app.engine.ordering import Order
from app.engine.pages import Page
from app.engine.size import AnswerSize
from app.engine.statements import Rows, Statement, select_by_ids, select_counts, select_page, select_types
from app.engine.texts import for_any_ids
from app.infra.sql import bind


class Fetch(Protocol):
    """Runs one statement. `label` names it in metrics and in `extensions`, never its SQL."""

    def __call__(
        self, label: str, sql: str, args: Sequence[object]
    ) -> Awaitable[Sequence[Mapping[str, Any]]]: ...


class Reads:
    """The loaders of one root field, one query or one subscription event.

    `viewer` is what computed fields see of who asks; `binds` are the values of the access predicates'
    names. What was read is kept for as long as the object lives: whoever writes takes a new one.
    """

    def __init__(
        self, fetch: Fetch, viewer: Any, binds: Mapping[str, object], size: AnswerSize | None = None
    ) -> None:
        self.viewer = viewer
        self.size = size or AnswerSize()
        """Of the answer that they are for."""
        self._fetch = fetch
        self._binds = binds
        self._loaders: dict[object, DataLoader[Any, Any]] = {}

    async def fetch(self, label: str, sql: str, **binds: object) -> Sequence[Mapping[str, Any]]:
        """Runs hand-written SQL with named binds, the viewer's among them."""
        text, args = bind(for_any_ids(sql), {**self._binds, **binds})
        return await self._fetch(label, text, args)

    def run(self, label: str, statement: Statement) -> Awaitable[Sequence[Mapping[str, Any]]]:
        text, args = bind(statement.sql, {**self._binds, **statement.binds})
        return self._fetch(label, text, args)

    def row(self, label: str, entity: Entity, key: object) -> Awaitable[Row | None]:
        """The row with this id, or None where there is none that the viewer may see."""
        loader = self._loader((label, entity.type_name), partial(self._load_rows, label, entity))
        return _unshared(loader.load(str(key)))

    async def get(self, model: type[Model], key: object) -> Row | None:
        """The row of `model`'s entity with this id, as the source of its GraphQL type."""
        entity = entity_of_model(model)
        return await self.row(entity.type_name, entity, key)

    async def nodes(self, label: str, ids: Sequence[str]) -> list[Row | None]:
        """The rows with these ids, of whatever entity, in the order of `ids`.

        One statement finds the entities, one more reads the rows of each that occurs. A malformed id names
        no row, like an unknown one.
        """
        of_ids = await self.locate(label, ids)
        return list(
            await asyncio.gather(
                *(
                    self.row(f"{label}.{of_ids[key].type_name}", of_ids[key], key)
                    if key in of_ids
                    else _none()
                    for key in ids
                )
            )
        )

    async def locate(self, label: str, ids: Sequence[str]) -> dict[str, Entity]:
        """Which entity each id belongs to, of those that the viewer may see; the rest is left out.

        Ids are unique within an entity only: where rows of several have the same, the entity that was
        declared first has it.
        """
        known = [key for key in dict.fromkeys(ids) if is_uuid(key)]
        if not known:
            return {}
        declared = list(entities())
        found = await self.run(label, select_types(declared, known))
        pairs = {(values["type"], values["id"]) for values in found}
        return {
            key: entity for entity in reversed(declared) for key in known if (entity.type_name, key) in pairs
        }

    async def first(
        self, label: str, entity: Entity, condition: Condition, order: Order, limit: int
    ) -> list[Row]:
        """The first `limit` rows that meet a condition and that the viewer may see."""
        rows = Rows(entity, conditions=(condition,))
        statement = select_page(rows, entity.selected, order, limit, after_values=None, parents=None)
        return [Row(entity, values) for values in await self.run(label, statement)]

    def page(self, page: Page) -> Awaitable[Sequence[Row]]:
        """A page's rows, in its direction, and one more where there are more."""
        loader = self._loader((page.connection, page.key), partial(self._load_pages, page))
        return _unshared(loader.load(page.parent))

    def count(
        self, label: str, key: str, rows: Rows, parent: str | None, limit: int | None
    ) -> Awaitable[int]:
        loader = self._loader((label, key, "count"), partial(self._load_counts, label, rows, limit))
        return _unshared(loader.load(parent))

    def batch(
        self, label: str, load: Callable[["Reads", Sequence[Row]], Awaitable[Sequence[Any]]], row: Row
    ) -> Awaitable[Any]:
        """What `load` finds for this row, called once for all rows of a tick."""
        loader = self._loader(
            (label, "batch"), partial(load, self), lambda source: (source.entity.type_name, source["id"])
        )
        return _unshared(loader.load(row))

    def _loader(
        self,
        key: object,
        load: Callable[[list[Any]], Awaitable[Sequence[Any]]],
        cache_key: Callable[[Any], Any] | None = None,
    ) -> DataLoader[Any, Any]:
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load_fn=load, cache_key_fn=cache_key)
        return self._loaders[key]

    async def _load_rows(self, label: str, entity: Entity, keys: list[str]) -> list[Row | None]:
        found = await self.run(label, select_by_ids(entity, entity.selected, keys))
        rows = {values["id"]: Row(entity, values) for values in found}
        return [rows.get(key) for key in keys]

    async def _load_pages(self, page: Page, parents: list[str | None]) -> list[list[Row]]:
        rows, cut = page.rows, page.cut
        statement = select_page(
            rows,
            rows.entity.selected,
            page.order.reversed() if cut.backward else page.order,
            cut.size + 1,
            cut.cursor,
            None if page.parent is None else [parent for parent in parents if parent is not None],
        )
        found = await self.run(page.connection, statement)
        if page.parent is None:
            return [[Row(rows.entity, values) for values in found]]
        children: list[list[Row]] = [[] for _ in parents]
        for values in found:
            children[values["_parent"] - 1].append(Row(rows.entity, values))
        return children

    async def _load_counts(
        self, label: str, rows: Rows, limit: int | None, parents: list[str | None]
    ) -> list[int]:
        if parents == [None]:
            [only] = await self.run(f"{label}.totalCount", select_counts(rows, None, limit))
            return [only["_count"]]
        keys = [parent for parent in parents if parent is not None]
        found = await self.run(f"{label}.totalCount", select_counts(rows, keys, limit))
        counts = {values["_parent"]: values["_count"] for values in found}
        return [counts[number] for number in range(1, len(keys) + 1)]


def _unshared(loaded: Awaitable[Any]) -> Awaitable[Any]:
    """A loader gives all who ask for a key one future, and graphql-core cancels the siblings of what fails:
    whoever is cancelled must not take the others along."""
    return asyncio.shield(loaded)


async def _none() -> None:
    return None
