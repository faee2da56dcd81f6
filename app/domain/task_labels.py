"""The labels of one task: of its workspace, or of its project."""

from collections.abc import Collection, Sequence
from uuid import UUID

from app.domain.errors import FieldPath, Invalid, NotFound
from app.domain.events import FieldChange
from app.domain.write import Write
from app.models import Task, new_id, parse_id

MOST_LABELS = 50
"""Of one task."""


async def link(write: Write, task: Task, ids: Sequence[str], field: FieldPath) -> None:
    """Gives a new task its labels. Raises NotFound for an id that is no label it may have."""
    await _add(write, task, _parsed(ids, field), field)


async def change(
    write: Write,
    task: Task,
    wanted: Sequence[str] | None,
    added: Sequence[str],
    removed: Sequence[str],
) -> list[FieldChange]:
    """Sets the labels of a locked task to `wanted`, or, where that is None, adds and removes some.

    Returns what changed: one change or none.
    """
    rows = await write.fetch("Task.labelIds", _HELD, task_id=task.id)
    held: set[UUID] = {row["label_id"] for row in rows}
    field = ("input", "addLabelIds")
    if wanted is None:
        goal = (held | _parsed(added, field)) - {parse_id(text) for text in removed}
    else:
        field = ("input", "labelIds")
        goal = _parsed(wanted, field)
    if goal == held:
        return []
    if held - goal:
        await write.fetch("Task.unlink", _UNLINK, task_id=task.id, ids=list(held - goal))
    await _add(write, task, goal - held, field)
    _bounded(goal, field)
    return [FieldChange("labelIds", _texts(held), _texts(goal))]


async def _add(write: Write, task: Task, ids: Collection[UUID], field: FieldPath) -> None:
    if not ids:
        return
    _bounded(ids, field)
    rows = await write.fetch(
        "Task.link",
        _LINK,
        link_ids=[new_id() for _ in ids],
        label_ids=list(ids),
        workspace_id=task.workspace_id,
        project_id=task.project_id,
        task_id=task.id,
        now=write.now,
    )
    if len(rows) < len(ids):
        raise NotFound("label of the task's workspace or project", field)


def _parsed(ids: Sequence[str], field: FieldPath) -> set[UUID]:
    parsed = {parse_id(text) for text in ids}
    known = {parsed_id for parsed_id in parsed if parsed_id is not None}
    if len(known) < len(parsed):
        raise NotFound("label of the task's workspace or project", field)
    return known


def _bounded(ids: Collection[UUID], field: FieldPath) -> None:
    if len(ids) > MOST_LABELS:
        raise Invalid(f"A task has at most {MOST_LABELS} labels.", field)


def _texts(ids: Collection[UUID]) -> list[str]:
    return sorted(str(label_id) for label_id in ids)


_HELD = 'SELECT "label_id" FROM "task_labels" WHERE "task_id" = :task_id'

_UNLINK = 'DELETE FROM "task_labels" WHERE "task_id" = :task_id AND "label_id" = ANY(:ids)'

_LINK = """
INSERT INTO "task_labels" ("id", "workspace_id", "task_id", "label_id", "created_at")
SELECT asked.link_id, label."workspace_id", :task_id, label."id", :now
FROM unnest(:link_ids::uuid[], :label_ids::uuid[]) AS asked (link_id, label_id)
JOIN "labels" AS label ON label."id" = asked.label_id
WHERE label."workspace_id" = :workspace_id
    AND (label."project_id" IS NULL OR label."project_id" = :project_id)
RETURNING "label_id"
"""
