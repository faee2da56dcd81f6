import datetime as dt
import re
from collections.abc import Sequence
from typing import Annotated, Optional
from uuid import UUID

import strawberry

from app import models
from app.domain import access
from app.domain.access import WRITERS
from app.domain.viewer import Viewer
from app.engine import (
    ArgumentError,
    Condition,
    Connection,
    Direct,
    Order,
    Reads,
    Row,
    Through,
    all_of,
    batch,
    column,
    computed,
    count_of,
    entity,
    lookup,
    to_many,
    to_one,
)
from app.graphql.comments import COMMENT_ORDER, NOT_DELETED, Comment
from app.graphql.enums import RelationType, TaskPriority
from app.graphql.events import Event
from app.graphql.filters import TASK_LABELS, TaskFilter
from app.graphql.labels import Label
from app.graphql.node import Node
from app.graphql.projects import Project, Status, keyed
from app.graphql.task_lists import BY_RANK, NEWEST_FIRST, WORKSPACES, narrow_tasks_of_workspace
from app.graphql.users import User
from app.models.ids import parse_id

TaskType = Annotated["Task", strawberry.lazy("app.graphql.tasks")]

_IS_BLOCKS = Condition("{row}.\"type\" = 'BLOCKS'")
_NOT_TRASHED = Condition('{row}."deleted_at" IS NULL')


@strawberry.type(description="How far the tasks below a task are, those in the trash left out.")
class SubtasksSummary:
    total: int = strawberry.field(description="How many there are.")
    completed: int = strawberry.field(description="How many of them are in a status of type COMPLETED.")


@entity(models.TaskRelation, access.task_relation)
@strawberry.type(description="How one task relates to another.")
class TaskRelation(Node):
    type: RelationType = column("The relation, read from `task` to `relatedTask`.")
    task: TaskType = to_one("The task that blocks, duplicates or relates.")
    related_task: TaskType = to_one("The task that is blocked, duplicated or related to.")
    creator: User | None = to_one("Who related them; null once their account is gone.")
    created_at: dt.datetime = column("When they were related.")


async def _subtasks_summaries(reads: Reads, tasks: Sequence[Row]) -> list[SubtasksSummary]:
    rows = await reads.fetch(
        "Task.subtasks_summary",
        'SELECT child."parent_id"::text AS id, count(*) AS total,'
        " count(*) FILTER (WHERE status.\"type\" = 'COMPLETED') AS completed"
        ' FROM "tasks" child JOIN "statuses" status ON status."id" = child."status_id"'
        ' WHERE child."parent_id" = ANY(:ids::uuid[]) AND child."deleted_at" IS NULL'
        f" AND {access.task('child')} AND {access.status('status')}"
        ' GROUP BY child."parent_id"',
        ids=[task["id"] for task in tasks],
    )
    found = {row["id"]: SubtasksSummary(total=row["total"], completed=row["completed"]) for row in rows}
    return [found.get(task["id"]) or SubtasksSummary(total=0, completed=0) for task in tasks]


async def _blocked(reads: Reads, tasks: Sequence[Row]) -> list[bool]:
    rows = await reads.fetch(
        "Task.is_blocked",
        'SELECT DISTINCT relation."related_task_id"::text AS id'
        ' FROM "task_relations" relation'
        ' JOIN "tasks" blocker ON blocker."id" = relation."task_id"'
        ' JOIN "statuses" status ON status."id" = blocker."status_id"'
        ' WHERE relation."type" = \'BLOCKS\' AND relation."related_task_id" = ANY(:ids::uuid[])'
        " AND status.\"type\" NOT IN ('COMPLETED', 'CANCELED') AND blocker.\"deleted_at\" IS NULL"
        f" AND {access.task('blocker')} AND {access.task_relation('relation')} AND {access.status('status')}",
        ids=[task["id"] for task in tasks],
    )
    blocked = {row["id"] for row in rows}
    return [task["id"] in blocked for task in tasks]


def _identifier(key: str, number: int) -> str:
    return f"{key}-{number}"


def _can_update(viewer: Viewer, workspace_id: str) -> bool:
    return viewer.role_in(UUID(workspace_id)) in WRITERS


@entity(models.Task, access.task, WORKSPACES)
@strawberry.type(description="Something to be done.")
class Task(Node):
    identifier: str = computed("How people call it, such as ENG-123.", _identifier, "project.key", "number")
    number: int = column("Its number within its project.")
    title: str = column("What is to be done, in 1 to 500 characters.")
    description: str | None = column("More about it, in Markdown.")
    project: Project = to_one("The project it belongs to.")
    status: Status = to_one("Where it stands.")
    priority: TaskPriority = column("How urgent it is.")
    assignee: User | None = to_one("Who does it.")
    creator: User | None = to_one("Who created it; null once their account is gone.")
    labels: Connection[Label] = to_many("Its labels by name.", TASK_LABELS, order=Order.by("name"), size=3)
    parent: Optional[TaskType] = to_one("The task it is part of.")  # noqa: UP045
    subtasks: Connection[TaskType] = to_many(
        "The tasks that are part of it, by rank, archived ones included.",
        Direct("parent_id"),
        order=BY_RANK,
        conditions=[_NOT_TRASHED],
        size=2,
    )
    subtasks_summary: SubtasksSummary = batch("How far its subtasks are.", _subtasks_summaries)
    blocked_by: Connection[TaskType] = to_many(
        "The tasks that must be done before it can go on.",
        Through(models.TaskRelation, "related_task_id", "task_id", models.Task, _IS_BLOCKS),
        order=NEWEST_FIRST,
        conditions=[_NOT_TRASHED],
        size=1,
    )
    blocks: Connection[TaskType] = to_many(
        "The tasks that wait for it.",
        Through(models.TaskRelation, "task_id", "related_task_id", models.Task, _IS_BLOCKS),
        order=NEWEST_FIRST,
        conditions=[_NOT_TRASHED],
        size=1,
    )
    is_blocked: bool = batch("Whether a task that blocks it is neither completed nor canceled.", _blocked)
    relations: Connection[TaskRelation] = to_many(
        "The relations from it to others, oldest first.",
        Direct("task_id"),
        order=Order.by("created_at"),
        size=1,
    )
    inverse_relations: Connection[TaskRelation] = to_many(
        "The relations from others to it, oldest first.",
        Direct("related_task_id"),
        order=Order.by("created_at"),
        size=1,
    )
    comments: Connection[Comment] = to_many(
        "What was said about it, oldest first, answers included.",
        Direct("task_id"),
        order=COMMENT_ORDER,
        conditions=[NOT_DELETED],
        size=5,
    )
    comment_count: int = count_of("How many comments it has.", "comments")
    activity: Connection[Event] = to_many(
        "What happened to it and its comments, newest first.",
        Direct("task_id"),
        order=Order.by("-seq"),
        size=10,
    )
    due_date: dt.date | None = column("The day it is due.")
    estimate: float | None = column("How much work it is, in the unit that its people agreed on.")
    rank: str = column("Where it stands on its project's board: compares as bytes, ties fall to the id.")
    version: int = column("Counts the changes; expectedVersion compares with it.")
    started_at: dt.datetime | None = column("When work on it began.")
    completed_at: dt.datetime | None = column("When it was completed.")
    archived_at: dt.datetime | None = column("When it was archived.")
    deleted_at: dt.datetime | None = column("When it was put in the trash.")
    created_at: dt.datetime = column("When it was created.")
    updated_at: dt.datetime = column("When it last changed.")
    viewer_can_update: bool = computed(
        "Whether the viewer may change it.", _can_update, "workspace_id", with_viewer=True
    )


_IDENTIFIER = re.compile(r"([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,8})", re.ASCII)


def _find(
    id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = None,
    identifier: Annotated[
        str | None,
        strawberry.argument(description="Its identifier; with workspaceId where several workspaces use it."),
    ] = None,
    workspace_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="The workspace that the identifier is looked for in."),
    ] = None,
) -> Condition | None:
    if (id is None) == (identifier is None):
        raise ArgumentError("id", "Give either id or identifier.")
    if id is not None:
        parsed = parse_id(id)
        return Condition('{row}."id" = :id', {"id": parsed}) if parsed else None
    match = _IDENTIFIER.fullmatch((identifier or "").upper())
    if match is None:
        return None
    of_key = Condition(
        '{row}."number" = :number AND {row}."project_id" IN (SELECT keyed."id" FROM "projects" keyed'
        f' WHERE keyed."key" = :key AND {access.project("keyed")})',
        {"key": match[1], "number": int(match[2])},
    )
    return keyed(of_key, workspace_id)


@strawberry.type
class TaskQueries:
    task: Task | None = lookup("A task by id or identifier; null when the viewer sees none.", _find)
    tasks: Connection[Task] = all_of(
        "The tasks the viewer sees, newest first.",
        order=NEWEST_FIRST,
        filter_type=TaskFilter,
        narrow=narrow_tasks_of_workspace,
    )
