"""Faults in what is asked of the database: access, pages, orders, filters, conditions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from app.engine import (
    connections,
    cursors,
    fields,
    filter_sql,
    ordering,
    plan,
    texts,
)
from app.engine.entities import entities
from app.graphql import task_lists
from app.graphql.enums import ArchivedFilter, TrashedFilter
from tests.engine.planting import Faults, Plant, around, around_method, fault

FAULTS: Faults = {}
_fault = partial(fault, FAULTS)


def _without_access(type_name: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        [entity] = [one for one in entities() if one.type_name == type_name]
        patch.setattr(entity, "access", lambda _alias: "TRUE")

    return plant


for _name in [
    "User",
    "Workspace",
    "Member",
    "Project",
    "Status",
    "Label",
    "Task",
    "TaskRelation",
    "Comment",
    "Event",
]:
    FAULTS[f"no access predicate on {_name}"] = _without_access(_name)


@_fault("joins without access")
def _(patch: pytest.MonkeyPatch) -> None:
    def joined(original: Any, relation: str, joins: Any, clauses: list[str]) -> Any:
        found = original(relation, joins, clauses)
        clauses[:] = [clause.partition(" AND ")[0] for clause in clauses]
        return found

    around(patch, texts, "_joined", joined)


@_fault("joins that drop rows without a match")
def _(patch: pytest.MonkeyPatch) -> None:
    def joined(original: Any, relation: str, joins: Any, clauses: list[str]) -> Any:
        found = original(relation, joins, clauses)
        clauses[:] = [clause.replace(" LEFT JOIN ", " JOIN ") for clause in clauses]
        return found

    around(patch, texts, "_joined", joined)


@_fault("filters across relations without access")
def _(patch: pytest.MonkeyPatch) -> None:
    def cross(original: Any, self: Any, *args: Any) -> str:
        sql: str = original(self, *args)
        return sql.replace('"workspace_id" = ANY(:workspace_ids::uuid[])', '"id" IS NOT NULL')

    around_method(patch, filter_sql.Compiler, "_some", cross)
    around_method(patch, filter_sql.Compiler, "_cross", cross)
    patch.setattr(next(one for one in entities() if one.type_name == "User"), "access", lambda _alias: "TRUE")


def _page_limit(change: Callable[[int], int]) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        def select(original: Any, rows: Any, columns: Any, order: Any, limit: int, *rest: Any) -> Any:
            return original(rows, columns, order, change(limit), *rest)

        around(patch, connections, "select_page", select)

    return plant


FAULTS["a page one too short"] = _page_limit(lambda limit: max(1, limit - 1))

FAULTS["LIMIT of another page"] = _page_limit(lambda _limit: 2)


@_fault("a page that begins with the cursor's row")
def _(patch: pytest.MonkeyPatch) -> None:
    def after(original: Any, *args: Any) -> list[ordering.Range]:
        return [
            one._replace(predicate=one.predicate.replace(") > (", ") >= (").replace(") < (", ") <= ("))
            for one in original(*args)
        ]

    around(patch, texts, "after", after)


@_fault("only the first branch of a page after a cursor")
def _(patch: pytest.MonkeyPatch) -> None:
    around(patch, texts, "after", lambda original, *args: original(*args)[:1])


@_fault("no rows without a value where they are not where an index has them")
def _(patch: pytest.MonkeyPatch) -> None:
    around(patch, texts, "all_rows", lambda original, *args: original(*args)[:1])


@_fault("a riding page from its beginning, whatever the cursor")
def _(patch: pytest.MonkeyPatch) -> None:
    around(patch, connections, "riding_page", lambda original, *args: original(*args[:-1], None))


@_fault("a riding page one too short")
def _(patch: pytest.MonkeyPatch) -> None:
    def select(original: Any, *args: Any) -> Any:
        *before, limit, place = args
        return original(*before, max(1, limit - 1), place)

    around(patch, connections, "riding_page", select)


@_fault("a riding page of every parent's rows")
def _(patch: pytest.MonkeyPatch) -> None:
    def select(original: Any, key: str, rows: Any, *rest: Any) -> Any:
        return original(key, replace(rows, link=None, conditions=()), *rest)

    around(patch, connections, "riding_page", select)


@_fault("rows by way of a join table numbered across parents")
def _(patch: pytest.MonkeyPatch) -> None:
    def numbered(original: Any, entity: Any, link: Any, *rest: Any) -> str:
        sql: str = original(entity, link, *rest)
        return sql.replace("PARTITION BY parent.position", "")

    around(patch, texts, "numbered", numbered)


@_fault("rows by way of a join table in no order")
def _(patch: pytest.MonkeyPatch) -> None:
    def numbered(original: Any, *args: Any) -> str:
        sql: str = original(*args)
        return sql.replace(" ASC", " DESC", 1)

    around(patch, texts, "numbered", numbered)


@_fault("rows of the first tenant alone")
def _(patch: pytest.MonkeyPatch) -> None:
    def merged(original: Any, *args: Any) -> str:
        sql: str = original(*args)
        return sql.replace("unnest(:workspace_ids::uuid[])", "unnest((:workspace_ids::uuid[])[1:1])")

    around(patch, texts, "_merged", merged)


@_fault("rows of several tenants one tenant after the other")
def _(patch: pytest.MonkeyPatch) -> None:
    def merged(original: Any, *args: Any) -> str:
        sql: str = original(*args)
        rows, _, cut = sql.rpartition(" ORDER BY ")
        return sql if args[2] is None else f"{rows} LIMIT {cut.rpartition(' LIMIT ')[2]}"

    around(patch, texts, "_merged", merged)


@_fault("cursors bound to nothing")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cursors, "signature", lambda _connection, _order: "0" * 12)


@_fault("the cursor of another row")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(plan._PAGE_INFO, "end_cursor", "cursor(page[0]) if page else None")


@_fault("hasNextPage and hasPreviousPage swapped")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(plan._PAGE_INFO, "has_next_page", "more[1]")
    patch.setitem(plan._PAGE_INFO, "has_previous_page", "more[0]")


@_fault("backward pages in forward order")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ordering.Order, "reversed", lambda self: self)


@_fault("sort directions swapped")
def _(patch: pytest.MonkeyPatch) -> None:
    swap = {" ASC": " DESC", " DESC": " ASC"}

    def direction(original: Any, *args: Any) -> str:
        sql: str = original(*args)
        return next(sql.replace(one, other) for one, other in swap.items() if one in sql)

    around(patch, ordering, "_direction", direction)


@_fault("nulls always last")
def _(patch: pytest.MonkeyPatch) -> None:
    def direction(original: Any, *args: Any) -> Any:
        return original(*args).replace("NULLS FIRST", "NULLS LAST")

    around(patch, ordering, "_direction", direction)


@_fault("ties in no order")
def _(patch: pytest.MonkeyPatch) -> None:
    def order_by(original: Any, *args: Any) -> Any:
        return original(*args).rpartition(", ")[0] or "random()"

    around(patch, texts, "order_by", order_by)


def _operator(swapped: Mapping[str, str]) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        def operation(original: Any, self: Any, column: Any, operator: str, *rest: Any) -> str:
            sql: str = original(self, column, swapped.get(operator, operator), *rest)
            return sql

        around_method(patch, filter_sql.Compiler, "_operation", operation)

    return plant


FAULTS["lt for lte"] = _operator({"lte": "lt"})

FAULTS["gt for lt"] = _operator({"lt": "gt"})

FAULTS["in for nin"] = _operator({"nin": "in"})


@_fault("neq leaves missing values out")
def _(patch: pytest.MonkeyPatch) -> None:
    def operation(original: Any, self: Any, column: Any, *rest: Any) -> str:
        sql: str = original(self, replace(column, nullable=False), *rest)
        return sql

    around_method(patch, filter_sql.Compiler, "_operation", operation)


@_fault("NOT of SQL for not")
def _(patch: pytest.MonkeyPatch) -> None:
    def combine(original: Any, self: Any, definition: Any, name: str, *rest: Any) -> str:
        sql: str = original(self, definition, name, *rest)
        return f"NOT {sql.removesuffix(' IS NOT TRUE')}" if name == "not" else sql

    around_method(patch, filter_sql.Compiler, "_combine", combine)


@_fault("or means and")
def _(patch: pytest.MonkeyPatch) -> None:
    def combine(original: Any, self: Any, definition: Any, name: str, *rest: Any) -> str:
        sql: str = original(self, definition, "and" if name == "or" else name, *rest)
        return sql

    around_method(patch, filter_sql.Compiler, "_combine", combine)


@_fault("wildcards of LIKE not escaped")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(filter_sql, "_escape_like", lambda text: text)


@_fault("the trash is listed")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(task_lists._TRASHED, TrashedFilter.EXCLUDE, [])


@_fault("the archive is listed")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(task_lists._ARCHIVED, ArchivedFilter.EXCLUDE, [])


@_fault("a connection's own conditions dropped")
def _(patch: pytest.MonkeyPatch) -> None:
    def rows(original: Any, self: Any, narrowing: Any) -> Any:
        return replace(original(self, narrowing), conditions=narrowing.conditions)

    around_method(patch, fields.ToMany, "rows", rows)


@_fault("a join table's condition dropped")
def _(patch: pytest.MonkeyPatch) -> None:
    def rows(original: Any, self: Any, narrowing: Any) -> Any:
        found = original(self, narrowing)
        link = found.link
        return replace(found, link=replace(link, condition=None) if hasattr(link, "condition") else link)

    around_method(patch, fields.ToMany, "rows", rows)
