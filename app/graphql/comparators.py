"""The typed comparators that filters are made of. All that are given must hold."""

import datetime as dt
from typing import Any

import strawberry

from app.engine.filters import comparator
from app.graphql.enums import StatusType, TaskPriority


def _operator(description: str, name: str | None = None) -> Any:
    return strawberry.field(name=name, description=description, default=strawberry.UNSET)


@comparator("Compares an id.")
class IDComparator:
    eq: strawberry.ID | None = _operator("Is this id.")
    neq: strawberry.ID | None = _operator("Is not this id; true of a missing one.")
    in_: list[strawberry.ID] | None = _operator("Is one of these.", "in")
    nin: list[strawberry.ID] | None = _operator("Is none of these; true of a missing one.")
    is_null: bool | None = _operator("Is missing, or is not.")


@comparator("Compares a text.")
class StringComparator:
    eq: str | None = _operator("Is exactly this.")
    neq: str | None = _operator("Is not this; true of a missing one.")
    in_: list[str] | None = _operator("Is one of these.", "in")
    nin: list[str] | None = _operator("Is none of these; true of a missing one.")
    contains: str | None = _operator("Holds this text, in upper or lower case.")
    is_null: bool | None = _operator("Is missing, or is not.")


@comparator("Compares a whole number.")
class IntComparator:
    eq: int | None = _operator("Is this.")
    neq: int | None = _operator("Is not this; true of a missing one.")
    in_: list[int] | None = _operator("Is one of these.", "in")
    nin: list[int] | None = _operator("Is none of these; true of a missing one.")
    lt: int | None = _operator("Is less than this.")
    lte: int | None = _operator("Is this or less.")
    gt: int | None = _operator("Is more than this.")
    gte: int | None = _operator("Is this or more.")
    is_null: bool | None = _operator("Is missing, or is not.")


@comparator("Compares a number.")
class FloatComparator:
    eq: float | None = _operator("Is this.")
    neq: float | None = _operator("Is not this; true of a missing one.")
    in_: list[float] | None = _operator("Is one of these.", "in")
    nin: list[float] | None = _operator("Is none of these; true of a missing one.")
    lt: float | None = _operator("Is less than this.")
    lte: float | None = _operator("Is this or less.")
    gt: float | None = _operator("Is more than this.")
    gte: float | None = _operator("Is this or more.")
    is_null: bool | None = _operator("Is missing, or is not.")


@comparator("Compares a calendar day.")
class DateComparator:
    eq: dt.date | None = _operator("Is this day.")
    neq: dt.date | None = _operator("Is not this day; true of a missing one.")
    in_: list[dt.date] | None = _operator("Is one of these.", "in")
    nin: list[dt.date] | None = _operator("Is none of these; true of a missing one.")
    lt: dt.date | None = _operator("Is before this day.")
    lte: dt.date | None = _operator("Is this day or before.")
    gt: dt.date | None = _operator("Is after this day.")
    gte: dt.date | None = _operator("Is this day or after.")
    is_null: bool | None = _operator("Is missing, or is not.")


@comparator("Compares a moment.")
class DateTimeComparator:
    eq: dt.datetime | None = _operator("Is this moment.")
    neq: dt.datetime | None = _operator("Is not this moment; true of a missing one.")
    in_: list[dt.datetime] | None = _operator("Is one of these.", "in")
    nin: list[dt.datetime] | None = _operator("Is none of these; true of a missing one.")
    lt: dt.datetime | None = _operator("Is before this moment.")
    lte: dt.datetime | None = _operator("Is this moment or before.")
    gt: dt.datetime | None = _operator("Is after this moment.")
    gte: dt.datetime | None = _operator("Is this moment or after.")
    is_null: bool | None = _operator("Is missing, or is not.")


@comparator("Compares a task's priority; NONE is the least.")
class TaskPriorityComparator:
    eq: TaskPriority | None = _operator("Is this.")
    neq: TaskPriority | None = _operator("Is not this.")
    in_: list[TaskPriority] | None = _operator("Is one of these.", "in")
    nin: list[TaskPriority] | None = _operator("Is none of these.")
    lt: TaskPriority | None = _operator("Is less urgent than this.")
    lte: TaskPriority | None = _operator("Is this or less urgent.")
    gt: TaskPriority | None = _operator("Is more urgent than this.")
    gte: TaskPriority | None = _operator("Is this or more urgent.")


@comparator("Compares a status's type.")
class StatusTypeComparator:
    eq: StatusType | None = _operator("Is this.")
    neq: StatusType | None = _operator("Is not this.")
    in_: list[StatusType] | None = _operator("Is one of these.", "in")
    nin: list[StatusType] | None = _operator("Is none of these.")
