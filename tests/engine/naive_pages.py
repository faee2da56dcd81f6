"""Pages of rows in memory, and what a cursor of TaskFlow holds."""

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cmp_to_key, partial
from typing import Any

import orjson
from graphql import (
    GraphQLError,
)

from tests.engine.naive_view import Key, View
from tests.engine.tenant_rows import Record

BY_NAME: list[Key] = [("name", False, False), ("id", False, False)]

OLDEST: list[Key] = [("created_at", False, False), ("id", False, False)]

NEWEST: list[Key] = [("created_at", True, False), ("id", True, False)]

BY_RANK: list[Key] = [("rank", False, False), ("id", False, False)]

BY_KEY: list[Key] = [("key", False, False), ("id", False, False)]

BY_POSITION: list[Key] = [("position", False, False), ("id", False, False)]

LAST_SEQ: list[Key] = [("seq", True, False), ("id", True, False)]


def readable(value: Any) -> Any:
    """An answer whose cursors show what they hold, without what binds them to their list."""
    if isinstance(value, dict):
        return {key: readable(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [readable(entry) for entry in value]
    return value if (held := held_by(value)) is None else f"cursor {held}"


def held_by(cursor: object) -> list[Any] | None:
    """The values that a cursor of TaskFlow holds; None when it is none."""
    if not isinstance(cursor, str) or not cursor.startswith("WzEs"):  # base64 of "[1,"
        return None
    try:
        values: list[Any]
        [_, _, *values] = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        return None
    return values


def connect_rows(
    view: View, coordinate: str, rows: list[Record], order: list[Key], arguments: Mapping[str, Any]
) -> Record:
    _check_page(arguments)
    order = order_of(arguments.get("sort") or []) or order
    backward = arguments.get("last") is not None or arguments.get("before") is not None
    cursor = arguments.get("before") if backward else arguments.get("after")
    if cursor is not None and (coordinate, tuple(order)) not in view.origins.get(cursor, ()):
        raise GraphQLError("a cursor of another list")
    if arguments.get("workspaceId") is not None:
        rows = [row for row in rows if row["workspace_id"] == arguments["workspaceId"]]
    if "archived" in arguments:  # a list of tasks: this argument has a default
        try:
            rows = _narrowed(view, rows, arguments)
        except GraphQLError as error:
            return _Refused(error)
    ordered = sorted(rows, key=cmp_to_key(partial(_compare_rows, order)))
    inside = ordered
    if cursor is not None:
        place, wanted = _place(cursor, order), -1 if backward else 1
        inside = [row for row in ordered if _compare(order, _values(order, row), place) == wanted]
    size = (arguments.get("last") if backward else arguments.get("first")) or 50
    page = inside[-size:] if backward else inside[:size]
    more, began = len(inside) > size, cursor is not None
    cursors = [_cursor(row, order) for row in page]
    return {
        "nodes": page,
        "edges": [{"node": row, "cursor": shown} for row, shown in zip(page, cursors, strict=True)],
        "total_count": len(ordered),
        "total_count_capped": False,
        "page_info": {
            "has_next_page": began if backward else more,
            "has_previous_page": more if backward else began,
            "start_cursor": cursors[0] if page else None,
            "end_cursor": cursors[-1] if page else None,
        },
    }


class _Refused(Record):
    """A connection with a filter that is refused once something of it is read."""

    def __init__(self, error: GraphQLError) -> None:
        self._error = error

    def __missing__(self, _key: str) -> Any:
        raise self._error


def _check_page(arguments: Mapping[str, Any]) -> None:
    first, after, last, before = (arguments.get(name) for name in ("first", "after", "last", "before"))
    if (first is not None and last is not None) or (first is not None and before is not None):
        raise GraphQLError("both ways")
    if after is not None and (last is not None or before is not None):
        raise GraphQLError("after with last or before")
    for size in (first, last):
        if size is not None and not 1 <= size <= 100:
            raise GraphQLError("page size")


def _narrowed(view: View, rows: list[Record], arguments: Mapping[str, Any]) -> list[Record]:
    asked = arguments.get("filter") or {}
    _refuse_null(asked)
    archived, trashed = arguments.get("archived") or "EXCLUDE", arguments.get("trashed") or "EXCLUDE"
    allowed = set(view.oracle.tasks(asked, archived=archived, trashed=trashed))
    return [row for row in rows if row["id"] in allowed]


def _refuse_null(filter: Any) -> None:
    if filter is None:
        raise GraphQLError("null in a filter")
    for nested in filter.values() if isinstance(filter, dict) else filter if isinstance(filter, list) else ():
        _refuse_null(nested)


def order_of(sort: list[Mapping[str, str]]) -> list[Key]:
    if len(sort) > 2 or len({key["field"] for key in sort}) < len(sort):
        raise GraphQLError("sort")
    keys = [
        (key["field"].lower(), key.get("direction") == "DESC", key.get("nulls") == "FIRST") for key in sort
    ]
    return [*keys, ("id", keys[0][1], False)] if keys else []


def _values(order: list[Key], row: Record) -> list[Any]:
    return [row[key] for key, *_ in order]


def _compare_rows(order: list[Key], left: Record, right: Record) -> int:
    return _compare(order, _values(order, left), _values(order, right))


def _compare(order: list[Key], left: Sequence[Any], right: Sequence[Any]) -> int:
    for one, other, (_, descending, nulls_first) in zip(left, right, order, strict=True):
        if one is None or other is None:
            difference = (one is None) - (other is None)
            result = -difference if nulls_first else difference
        else:
            result = ((one > other) - (one < other)) * (-1 if descending else 1)
        if result:
            return result
    return 0


def _cursor(row: Record, order: list[Key]) -> str:
    """In the shape that `readable` gives to those of TaskFlow."""
    return f"cursor {orjson.loads(orjson.dumps(_values(order, row)))}"


def _place(cursor: str, order: list[Key]) -> list[Any]:
    parsed = []
    for value, (key, *_) in zip(held_by(cursor) or [], order, strict=True):
        if value is not None and key.endswith("_at"):
            value = dt.datetime.fromisoformat(value)
        if value is not None and key == "due_date":
            value = dt.date.fromisoformat(value)
        parsed.append(value)
    return parsed
