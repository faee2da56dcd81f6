"""The verbs of a task. What its fields take is in task_fields.py, its order in placing.py."""

from collections.abc import Mapping
from typing import Any

from app.domain import access, ranks, rows, task_labels
from app.domain.errors import Invalid, NotFound
from app.domain.events import FieldChange, api_name
from app.domain.placing import place
from app.domain.statuses import DONE, Board, times_at_creation
from app.domain.task_fields import (
    TaskChanges,
    TaskCreation,
    current_member,
    parent_in_project,
    plain_values,
    require_out_of_trash,
)
from app.domain.values import own_id
from app.domain.write import Write
from app.models import StatusType, Task, TaskPriority, parse_id

# A change of labels says what to add and remove, whatever the others are: it never conflicts.
_LABEL_DELTAS = frozenset({"add_label_ids", "remove_label_ids"})


async def create(write: Write, input: TaskCreation) -> Task:
    """A new task, the last of its project, in the given status or the first UNSTARTED one."""
    values = {"priority": TaskPriority.NONE, **plain_values(input)}
    own = own_id(input.get("id"))
    project = await _allocate_number(write, input["project_id"])
    task = rows.new(
        Task,
        id=own,
        workspace_id=project["workspace_id"],
        project_id=project["id"],
        number=project["last_task_number"],
        rank=ranks.of_number(project["last_task_number"]),
        status_id=project["default_status_id"],
        creator_id=write.viewer.user_id,
        created_at=write.now,
        updated_at=write.now,
        **values,
    )
    if input.get("status_id") is not None:
        board = await Board.of(write, task.project_id)
        task.status_id = board.get(input["status_id"], ("input", "statusId"))
        times_at_creation(task, board.types[task.status_id], write.now)
    task.assignee_id = await current_member(write, task.workspace_id, input.get("assignee_id"))
    task.parent_id = await parent_in_project(write, task, input.get("parent_id"))
    label_ids = input.get("label_ids") or []
    also = [FieldChange("labelIds", [], sorted(set(label_ids)))] if label_ids else []
    await write.insert(task, "task.created", also=also)
    await task_labels.link(write, task, label_ids, ("input", "labelIds"))
    return task


async def update(write: Write, id: str, input: TaskChanges) -> Task:
    if "label_ids" in input and _LABEL_DELTAS & input.keys():
        raise Invalid("Give either labelIds or addLabelIds and removeLabelIds.", ("input", "labelIds"))
    values = plain_values(input)
    if input.get("parent_id") is not None:
        await write.lock_project_of(id)
    task = await _change(write, id, {api_name(name) for name in input.keys() - _LABEL_DELTAS})
    for name, value in values.items():
        setattr(task, name, value)
    if "status_id" in input:
        board = await Board.of(write, task.project_id)
        board.put(task, board.get(input["status_id"], ("input", "statusId")), write.now)
    if "assignee_id" in input and input["assignee_id"] != str(task.assignee_id):
        task.assignee_id = await current_member(write, task.workspace_id, input["assignee_id"])
    if "parent_id" in input and input["parent_id"] != str(task.parent_id):
        task.parent_id = await parent_in_project(write, task, input["parent_id"])
    await write.save(task, "task.updated", also=await _change_labels(write, task, input))
    return task


async def move(
    write: Write, id: str, status_id: str | None, before_id: str | None, after_id: str | None
) -> Task:
    """Into a status, or directly before or after another task of the project, or both."""
    placed = before_id is not None or after_id is not None
    if status_id is None and not placed:
        raise Invalid("Say where to: statusId, beforeId or afterId.")
    project = await write.lock_project_of(id)
    moved = (["rank"] if placed else []) + (["statusId"] if status_id is not None else [])
    task = await _change(write, id, moved)
    if status_id is not None:
        board = await Board.of(write, task.project_id)
        board.put(task, board.get(status_id, ("statusId",)), write.now)
    if placed:
        await place(write, project, task, before_id, after_id)
    await write.save(task, "task.moved")
    return task


async def complete(write: Write, id: str) -> Task:
    """Into the first COMPLETED status; a task that is done already stays where it is."""
    task = await _change(write, id, ["statusId"])
    board = await Board.of(write, task.project_id)
    if board.types[task.status_id] != DONE:
        board.put(task, board.first(DONE), write.now)
    await write.save(task, "task.completed")
    return task


async def reopen(write: Write, id: str) -> Task:
    """Back to the status before completion, else the first UNSTARTED; an open task stays where it is."""
    task = await _change(write, id, ["statusId"])
    board = await Board.of(write, task.project_id)
    if board.types[task.status_id] in (DONE, StatusType.CANCELED):
        board.put(task, board.before_completion(task), write.now)
    await write.save(task, "task.reopened")
    return task


async def archive(write: Write, id: str) -> Task:
    task = await _change(write, id, ["archivedAt"])
    task.archived_at = task.archived_at or write.now
    await write.save(task, "task.archived")
    return task


async def unarchive(write: Write, id: str) -> Task:
    task = await _change(write, id, ["archivedAt"])
    task.archived_at = None
    await write.save(task, "task.unarchived")
    return task


async def delete(write: Write, id: str) -> Task:
    """To the trash. Subtasks, comments and relations stay with it."""
    task = await write.change(Task, id, ["deletedAt"])
    task.deleted_at = task.deleted_at or write.now
    await write.save(task, "task.deleted")
    return task


async def restore(write: Write, id: str) -> Task:
    task = await write.change(Task, id, ["deletedAt"])
    task.deleted_at = None
    await write.save(task, "task.restored")
    return task


async def _allocate_number(write: Write, project_id: str) -> Mapping[str, Any]:
    """The next number, without gaps: the project's row stays locked until the commit or is put back."""
    field, parsed = ("input", "projectId"), parse_id(project_id)
    sql = _ALLOCATE.format(access.project("project"))
    found = await write.fetch("Project.allocateNumber", sql, id=parsed) if parsed else []
    if not found:
        raise NotFound("project", field)
    access.require_writer(write.viewer, found[0]["workspace_id"])
    if found[0]["archived_at"] is not None:
        raise Invalid("The project is archived.", field)
    return found[0]


async def _change(write: Write, id: str, fields: set[str] | list[str]) -> Task:
    task = await write.change(Task, id, fields)
    require_out_of_trash(task)
    return task


async def _change_labels(write: Write, task: Task, input: TaskChanges) -> list[FieldChange]:
    if "label_ids" in input:
        return await task_labels.change(write, task, input["label_ids"] or [], [], [])
    if not _LABEL_DELTAS & input.keys():
        return []
    added, removed = input.get("add_label_ids") or [], input.get("remove_label_ids") or []
    return await task_labels.change(write, task, None, added, removed)


_ALLOCATE = """
UPDATE "projects" AS project SET "last_task_number" = project."last_task_number" + 1
WHERE project."id" = :id AND {}
RETURNING project."id", project."workspace_id", project."last_task_number", project."archived_at", (
    SELECT status."id" FROM "statuses" AS status
    WHERE status."project_id" = project."id" AND status."type" = 'UNSTARTED'
    ORDER BY status."position" LIMIT 1
) AS default_status_id
"""
