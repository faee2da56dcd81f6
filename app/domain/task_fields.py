"""The rules of a task's fields, the same on create and update."""

from datetime import date
from typing import Required, TypedDict
from uuid import UUID

from app.domain import values
from app.domain.errors import Invalid, NotFound
from app.domain.write import Write
from app.models import Task, TaskPriority, parse_id

LONGEST_TITLE = 500
LONGEST_DESCRIPTION = 100_000
GREATEST_ESTIMATE = 1_000_000


class TaskFields(TypedDict, total=False):
    """What a client sets on a task: a missing key means unchanged, None means clear."""

    title: str | None
    description: str | None
    status_id: str | None
    priority: TaskPriority | None
    assignee_id: str | None
    label_ids: list[str] | None
    parent_id: str | None
    due_date: date | None
    estimate: float | None


class TaskCreation(TaskFields, total=False):
    id: str | None
    project_id: Required[str]


class TaskChanges(TaskFields, total=False):
    add_label_ids: list[str] | None
    remove_label_ids: list[str] | None


def plain_values(fields: TaskFields) -> dict[str, object]:
    """The values that need no look at other rows. Raises Invalid, naming the field and its limit."""
    found: dict[str, object] = {}
    if "title" in fields:
        found["title"] = values.line(fields["title"], ("input", "title"), LONGEST_TITLE)
    if "description" in fields:
        found["description"] = _description(fields["description"])
    if "priority" in fields:
        found["priority"] = fields["priority"] or TaskPriority.NONE
    if "due_date" in fields:
        found["due_date"] = values.day(fields["due_date"], ("input", "dueDate"))
    if "estimate" in fields:
        found["estimate"] = values.number(fields["estimate"], ("input", "estimate"), GREATEST_ESTIMATE)
    return found


async def current_member(write: Write, workspace_id: UUID, user_id: str | None) -> UUID | None:
    """The assignee. Their membership is held until the commit, so that nobody removes it meanwhile."""
    if user_id is None:
        return None
    parsed = parse_id(user_id)
    args = {"user_id": parsed, "workspace_id": workspace_id}
    if parsed is None or not await write.fetch("Membership.hold", _HOLD_MEMBER, **args):
        raise NotFound("current member of the workspace", ("input", "assigneeId"))
    return parsed


async def parent_in_project(write: Write, task: Task, parent_id: str | None) -> UUID | None:
    """The parent: a task of the same project. The caller holds the project's lock.

    Raises Invalid for the task itself and for those below it.
    """
    if parent_id is None:
        return None
    field = ("input", "parentId")
    parent = await write.find(Task, parent_id, field)
    if parent.project_id != task.project_id:
        raise Invalid("A subtask must be in its parent's project.", field)
    if parent.deleted_at is not None:
        raise Invalid("The parent is in the trash.", field)
    if await write.fetch("Task.ancestor", _ANCESTOR, parent_id=parent.id, task_id=task.id):
        raise Invalid("A task can't be below itself.", field)
    return parent.id


def require_out_of_trash(task: Task, *field: str) -> None:
    if task.deleted_at is not None:
        raise Invalid("The task is in the trash; restore it first.", field or ("id",))


def _description(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    return values.paragraphs(text, ("input", "description"), LONGEST_DESCRIPTION)


_HOLD_MEMBER = """
SELECT "id" FROM "memberships"
WHERE "workspace_id" = :workspace_id AND "user_id" = :user_id AND "removed_at" IS NULL
FOR SHARE
"""

# UNION drops what it has seen, so that even a circle made elsewhere ends.
_ANCESTOR = """
WITH RECURSIVE ancestor AS (
    SELECT "id", "parent_id" FROM "tasks" WHERE "id" = :parent_id
    UNION
    SELECT task."id", task."parent_id" FROM "tasks" AS task JOIN ancestor ON task."id" = ancestor."parent_id"
)
SELECT "id" FROM ancestor WHERE "id" = :task_id
"""
