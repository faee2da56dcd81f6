"""Faults in plans and in what becomes of rows."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from app.engine import (
    arguments,
    composer,
    connections,
    engine,
    fetches,
    fields,
    leaves,
    level,
    pages,
    plan,
    reads,
    roots,
)
from tests.engine.planting import Faults, around, around_method, fault

FAULTS: Faults = {}
_fault = partial(fault, FAULTS)


@_fault("totalCount without the filter")
def _(patch: pytest.MonkeyPatch) -> None:
    def counts(original: Any, rows: Any, *rest: Any) -> Any:
        return original(replace(rows, filter=None), *rest)

    around(patch, connections, "select_counts", counts)
    around(patch, reads, "select_counts", counts)


@_fault("totalCount off by one")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(plan._PARTS, "total_count", lambda *_: "count + 1")


@_fault("children under the wrong parent")
def _(patch: pytest.MonkeyPatch) -> None:
    async def rotated(original: Any, self: Any, *args: Any) -> Any:
        found = await original(self, *args)
        return dict(zip(found, [*list(found.values())[1:], *list(found.values())[:1]], strict=True))

    around_method(patch, connections.ConnectionFetch, "_pages", rotated)


@_fault("a riding page's first row lost")
def _(patch: pytest.MonkeyPatch) -> None:
    around_method(patch, connections.Asked, "ridden", lambda original, *args: original(*args)[1:])


@_fault("the nulls of an empty riding page taken for a row")
def _(patch: pytest.MonkeyPatch) -> None:
    def ridden(_original: Any, _asked: Any, records: Any, start: int) -> Any:
        return [record[start:] for record in records]

    around_method(patch, connections.Asked, "ridden", ridden)


@_fault("what the first request asked of a connection asked for all")
def _(patch: pytest.MonkeyPatch) -> None:
    def init(original: Any, self: Any, *args: Any) -> None:
        original(self, *args)
        self.constant = True

    around_method(patch, arguments.Arguments, "__init__", init)


@_fault("batch results shifted")
def _(patch: pytest.MonkeyPatch) -> None:
    async def rotated(original: Any, self: Any, *args: Any) -> Any:
        found = await original(self, *args)
        return dict(zip(found, [*list(found.values())[1:], *list(found.values())[:1]], strict=True))

    around_method(patch, fetches.BatchFetch, "run", rotated)


@_fault("a plan that forgets what @skip and @include read")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "variables_of_directives", lambda *_: ())


@_fault("arguments of the first request kept in the plan")
def _(patch: pytest.MonkeyPatch) -> None:
    kept: dict[int, tuple[Any, Any]] = {}

    def of(original: Any, self: Any, variables: Any) -> Any:
        if id(self) not in kept:
            kept[id(self)] = self, original(self, variables)
        return kept[id(self)][1]

    around_method(patch, arguments.Arguments, "of", of)


@_fault("a plan that keeps the first viewer's rows")
def _(patch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}

    async def run(original: Any, self: Any, label: str, statement: Any) -> Any:
        key = f"{statement.sql} {statement.binds}"
        if key not in kept:
            kept[key] = await original(self, label, statement)
        return kept[key]

    around_method(patch, reads.Reads, "run", run)


@_fault("loaders shared between requests")
def _(patch: pytest.MonkeyPatch) -> None:
    shared: dict[object, Any] = {}

    def init(original: Any, self: Any, *args: Any) -> None:
        original(self, *args)
        self._loaders = shared

    around_method(patch, reads.Reads, "__init__", init)


@_fault("the first viewer in computed fields")
def _(patch: pytest.MonkeyPatch) -> None:
    first: list[Any] = []

    async def run(_original: Any, _self: Any, run: Any, *_: Any) -> Any:
        first.append(run.reads.viewer)
        return first[0]

    around_method(patch, fetches.ViewerFetch, "run", run)


@_fault("null in a non-null field not noticed")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(level, "required", lambda value: value)


@_fault("an object of nulls where there is no row")
def _(patch: pytest.MonkeyPatch) -> None:
    def joined(original: Any, *args: Any) -> str:
        source: str = original(*args)
        return source.replace("(None if ", "(None if False and ", 1)

    around(patch, plan, "_joined", joined)


@_fault("an enumeration's values shifted")
def _(patch: pytest.MonkeyPatch) -> None:
    def of_column(original: Any, type_: Any, source: str, bind: Any) -> str:
        if type_.name != "TaskPriority":
            return str(original(type_, source, bind))
        names = [*type_.values]
        return f"{bind(names[1:] + names[:1])}[{source}]"

    around(patch, leaves, "of_column", of_column)


@_fault("BigInt as a number")
def _(patch: pytest.MonkeyPatch) -> None:
    def of_column(original: Any, type_: Any, source: str, bind: Any) -> str:
        return source if type_.name == "BigInt" else str(original(type_, source, bind))

    around(patch, leaves, "of_column", of_column)


@_fault("limits of a page not checked")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pages, "MAX_PAGE_SIZE", 1000)


@_fault("an ambiguous lookup takes the first")
def _(patch: pytest.MonkeyPatch) -> None:
    def select(original: Any, *args: Any, limit: int) -> Any:
        return original(*args, limit=1)

    around(patch, roots, "select_matching", select)


@_fault("two aliases of a connection share a page")
def _(patch: pytest.MonkeyPatch) -> None:
    def resolve(original: Any, self: Any, *args: Any) -> Any:
        page = original(self, *args)
        page.key = ""
        return page

    around_method(patch, fields.ToMany, "resolve", resolve)


@_fault("a lookup of many ids in the order of rows")
def _(patch: pytest.MonkeyPatch) -> None:
    async def run(original: Any, self: Any, *args: Any) -> Any:
        found = await original(self, *args)
        return sorted(found, key=repr) if self.word.many else found

    around_method(patch, roots.NodesRoot, "run", run)


@_fault("dates shifted by a day")
def _(patch: pytest.MonkeyPatch) -> None:
    def value(original: Any, self: Any, value: Any, sql_type: str) -> Any:
        sql = original(self, value, sql_type)
        return f"({sql} + 1)" if sql_type == "date" else sql

    around_method(patch, composer.Composer, "value", value)
