"""Filters and sorts in plain Python, over rows that plain SELECTs read.

It shares nothing with the server: no SQL writer, no model, no cursor.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any, Protocol

from tests.harness.board import PRIORITIES

Row = Mapping[str, Any]
# GraphQL's field → how a row answers it, as the API writes the value.
Reader = Callable[[Row], Any]


class Rows(Protocol):
    """The rows that one viewer sees; by id where they are looked up."""

    @property
    def tasks(self) -> Sequence[Row]: ...
    @property
    def statuses(self) -> Mapping[str, Row]: ...
    @property
    def project_rows(self) -> Mapping[str, Row]: ...
    @property
    def users(self) -> Mapping[str, Row]: ...
    @property
    def labels_of(self) -> Mapping[str, Sequence[Row]]: ...


class Oracle:
    def __init__(self, board: Rows) -> None:
        self.board = board
        self.task_fields: dict[str, Reader] = {
            "id": _id("id"),
            "number": _plain("number"),
            "title": _plain("title"),
            "description": _plain("description"),
            "priority": _plain("priority"),
            "dueDate": _plain("due_date"),
            "estimate": _plain("estimate"),
            "startedAt": _plain("started_at"),
            "completedAt": _plain("completed_at"),
            "archivedAt": _plain("archived_at"),
            "deletedAt": _plain("deleted_at"),
            "createdAt": _plain("created_at"),
            "updatedAt": _plain("updated_at"),
            "rank": _plain("rank"),
        }
        self.relations: dict[str, tuple[str, Mapping[str, Row]]] = {
            "status": ("status_id", board.statuses),
            "project": ("project_id", board.project_rows),
            "assignee": ("assignee_id", board.users),
            "creator": ("creator_id", board.users),
            "parent": ("parent_id", {str(task["id"]): task for task in board.tasks}),
        }

    def tasks(
        self,
        filter: Mapping[str, Any] | None = None,
        sort: Sequence[Mapping[str, Any]] = (),
        *,
        archived: str = "EXCLUDE",
        trashed: str = "EXCLUDE",
    ) -> list[str]:
        """The ids that a list holds, in order when there is a sort."""
        rows = [
            row
            for row in self.board.tasks
            if _admits(archived, row["archived_at"])
            and _admits(trashed, row["deleted_at"])
            and self.matches(row, filter or {})
        ]
        return [str(row["id"]) for row in self.sorted(rows, sort)]

    def matches(self, row: Row, filter: Mapping[str, Any]) -> bool:
        return all(self._holds(row, name, value) for name, value in filter.items())

    def sorted(self, rows: Sequence[Row], sort: Sequence[Mapping[str, Any]]) -> list[Row]:
        """By the sort's keys, ties by id in the direction of the first key."""
        if not sort:
            return list(rows)
        down = sort[0].get("direction") == "DESC"
        ties = sorted(rows, key=lambda row: str(row["id"]), reverse=down)
        for key in reversed(sort):
            reader = self.sort_readers()[key["field"]]
            ties = sorted(ties, key=cmp_to_key(_comparison(reader, key)))
        return ties

    def sort_readers(self) -> dict[str, Reader]:
        """By the sort's enum value: DUE_DATE sorts by what the filter calls dueDate."""
        return {_constant(name): reader for name, reader in self.task_fields.items()}

    def _holds(self, row: Row, name: str, value: Any) -> bool:
        if name == "and":
            return all(self.matches(row, part) for part in value)
        if name == "or":
            return any(self.matches(row, part) for part in value)
        if name == "not":
            return not self.matches(row, value)
        if name == "labels":
            return self._labels(row, value)
        if name in self.relations:
            return self._relation(row, name, value)
        return _compare(self.task_fields[name](row), value)

    def _labels(self, row: Row, value: Mapping[str, Any]) -> bool:
        labels = self.board.labels_of.get(str(row["id"]), [])
        found = {"some": False, "none": False} | {
            quantifier: any(_fields_match(label, inner) for label in labels)
            for quantifier, inner in value.items()
        }
        return all(found[quantifier] == (quantifier == "some") for quantifier in value)

    def _relation(self, row: Row, name: str, value: Mapping[str, Any]) -> bool:
        key, targets = self.relations[name]
        target_id = row[key]
        rest = dict(value)
        is_null = rest.pop("isNull", None)
        if is_null is not None and (target_id is None) != is_null:
            return False
        if "id" in rest and not _compare(None if target_id is None else str(target_id), rest.pop("id")):
            return False
        if not rest:
            return True
        target = targets.get(str(target_id))
        return target is not None and _fields_match(target, rest)


def _fields_match(row: Row, filter: Mapping[str, Any]) -> bool:
    """A filter over a related row whose fields are named as its columns are."""
    return all(_compare(_text_id(row[_snake(name)]), value) for name, value in filter.items())


def _compare(value: Any, comparator: Mapping[str, Any]) -> bool:
    return all(
        _operation(value, operator, _operand(value, operand)) for operator, operand in comparator.items()
    )


def _operation(value: Any, operator: str, operand: Any) -> bool:
    match operator:
        case "isNull":
            return (value is None) is operand
        case "neq":
            return not _operation(value, "eq", operand)
        case "nin":
            return not _operation(value, "in", operand)
    if value is None:
        return False
    match operator:
        case "eq":
            return bool(value == operand)
        case "in":
            return value in operand
        case "lt":
            return bool(value < operand)
        case "lte":
            return bool(value <= operand)
        case "gt":
            return bool(value > operand)
        case "gte":
            return bool(value >= operand)
        case "contains":
            return str(operand).lower() in value.lower()
    raise AssertionError(f"the oracle knows no operator {operator}")


def _operand(value: Any, operand: Any) -> Any:
    """What the API takes, as the row holds it."""
    if isinstance(operand, list):
        return [_operand(value, one) for one in operand]
    if isinstance(value, int) and operand in PRIORITIES:
        return PRIORITIES.index(operand)
    if hasattr(value, "isoformat") and isinstance(operand, str):
        return type(value).fromisoformat(operand)
    return operand


def _comparison(reader: Reader, key: Mapping[str, Any]) -> Callable[[Row, Row], int]:
    sign = -1 if key.get("direction") == "DESC" else 1
    nulls = -1 if key.get("nulls") == "FIRST" else 1

    def compare(left_row: Row, right_row: Row) -> int:
        left, right = reader(left_row), reader(right_row)
        if left is None or right is None:
            return nulls * ((left is None) - (right is None))
        return sign * (int(left > right) - int(left < right))

    return compare


def _admits(argument: str, moment: object) -> bool:
    return {"EXCLUDE": moment is None, "INCLUDE": True, "ONLY": moment is not None}[argument]


def _plain(column: str) -> Reader:
    return lambda row: row[column]


def _id(column: str) -> Reader:
    return lambda row: _text_id(row[column])


def _text_id(value: Any) -> Any:
    return str(value) if type(value).__name__ == "UUID" else value


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _constant(name: str) -> str:
    return _snake(name).upper()
