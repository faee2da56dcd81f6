"""The arguments of every list of tasks."""

from enum import StrEnum
from typing import Annotated

import strawberry

from app.engine import ArgumentError, Condition, Narrowing, Order, SortKey, Tenants
from app.graphql.enums import ArchivedFilter, NullsOrder, SortDirection, TrashedFilter, describe
from app.graphql.filters import TaskFilter
from app.models.ids import parse_id

WORKSPACES = Tenants("workspace_id", "workspace_ids")
NEWEST_FIRST = Order.by("-created_at")
BY_RANK = Order.by("rank")

MAX_SORT_KEYS = 2


class TaskSortField(StrEnum):
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    DUE_DATE = "due_date"
    PRIORITY = "priority"
    NUMBER = "number"
    RANK = "rank"


describe(
    TaskSortField,
    "What tasks are sorted by.",
    CREATED_AT="When they were created.",
    UPDATED_AT="When they last changed.",
    DUE_DATE="The day they are due.",
    PRIORITY="Their priority, from NONE to URGENT.",
    NUMBER="Their number within their project.",
    RANK="Where they stand on their project's board.",
)


@strawberry.input(description="One key to sort tasks by; ties fall to the next, and last to the id.")
class TaskSort:
    field: TaskSortField = strawberry.field(description="What to sort by.")
    direction: SortDirection = strawberry.field(default=SortDirection.ASC, description="Which way.")
    nulls: NullsOrder = strawberry.field(
        default=NullsOrder.LAST, description="Where tasks without a value stand."
    )


FilterArgument = Annotated[TaskFilter | None, strawberry.argument(description="Which tasks.")]
SortArgument = Annotated[
    list[TaskSort] | None,
    strawberry.argument(description="At most two keys; the list's own order when left out."),
]
ArchivedArgument = Annotated[
    ArchivedFilter | None, strawberry.argument(description="Whether archived tasks are listed.")
]
TrashedArgument = Annotated[
    TrashedFilter | None, strawberry.argument(description="Whether tasks in the trash are listed.")
]


def narrow_tasks(
    filter: FilterArgument = None,
    sort: SortArgument = None,
    archived: ArchivedArgument = ArchivedFilter.EXCLUDE,
    trashed: TrashedArgument = TrashedFilter.EXCLUDE,
) -> Narrowing:
    conditions = [
        *_ARCHIVED[archived or ArchivedFilter.EXCLUDE],
        *_TRASHED[trashed or TrashedFilter.EXCLUDE],
    ]
    return Narrowing(tuple(conditions), filter, _order(sort))  # type: ignore[arg-type]  # arrives uncoerced


def narrow_tasks_of_workspace(
    workspace_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only those of this workspace.")
    ] = None,
    filter: FilterArgument = None,
    sort: SortArgument = None,
    archived: ArchivedArgument = ArchivedFilter.EXCLUDE,
    trashed: TrashedArgument = TrashedFilter.EXCLUDE,
) -> Narrowing:
    tasks = narrow_tasks(filter, sort, archived, trashed)
    conditions = (*in_workspace(workspace_id), *tasks.conditions)
    return Narrowing(conditions, tasks.filter, tasks.order, one_tenant=workspace_id is not None)


def in_workspace(workspace_id: str | None) -> list[Condition]:
    """A malformed id names no workspace, like an unknown one."""
    if workspace_id is None:
        return []
    parsed = parse_id(workspace_id)
    if parsed is None:
        return [Condition("FALSE")]
    return [Condition('{row}."workspace_id" = :workspace_id', {"workspace_id": parsed})]


def _order(sort: list[TaskSort] | None) -> Order | None:
    if not sort:
        return None
    if len(sort) > MAX_SORT_KEYS:
        raise ArgumentError("sort", f"sort takes at most {MAX_SORT_KEYS} keys, not {len(sort)}.")
    if len({key.field for key in sort}) < len(sort):
        raise ArgumentError("sort", "sort names the same field twice.")
    return Order.by(
        *(
            SortKey(
                key.field.value,
                descending=key.direction is SortDirection.DESC,
                nulls_first=key.nulls is NullsOrder.FIRST,
            )
            for key in sort
        )
    )


_ARCHIVED = {
    ArchivedFilter.EXCLUDE: [Condition('{row}."archived_at" IS NULL')],
    ArchivedFilter.INCLUDE: [],
    ArchivedFilter.ONLY: [Condition('{row}."archived_at" IS NOT NULL')],
}
_TRASHED = {
    TrashedFilter.EXCLUDE: [Condition('{row}."deleted_at" IS NULL')],
    TrashedFilter.INCLUDE: [],
    TrashedFilter.ONLY: [Condition('{row}."deleted_at" IS NOT NULL')],
}
