from typing import TypedDict

from app.domain import access, rows
from app.domain.errors import Invalid, Taken
from app.domain.task_fields import require_out_of_trash
from app.domain.values import own_id
from app.domain.write import Write
from app.models import RelationType, Task, TaskRelation

_TASK, _RELATED = ("input", "taskId"), ("input", "relatedTaskId")


class RelationCreation(TypedDict, total=False):
    id: str | None
    task_id: str
    related_task_id: str
    type: RelationType


async def create(write: Write, input: RelationCreation) -> TaskRelation:
    """`task` BLOCKS, DUPLICATES or RELATES_TO `related_task`, of the same workspace.

    Two tasks never stand in the same relation both ways.
    """
    own = own_id(input.get("id"))
    task = await write.find(Task, input["task_id"], _TASK)
    related = await write.find(Task, input["related_task_id"], _RELATED)
    access.require_writer(write.viewer, task.workspace_id)
    if task.id == related.id:
        raise Invalid("A task can't be related to itself.", _RELATED)
    if task.workspace_id != related.workspace_id:
        raise Invalid("The two tasks must be in the same workspace.", _RELATED)
    # Held, so that the inverse can't come into being at the same time.
    for held in await write.lock_all(Task, [task.id, related.id]):
        require_out_of_trash(held, *(_TASK if held.id == task.id else _RELATED))
    relation = rows.new(
        TaskRelation,
        id=own,
        workspace_id=task.workspace_id,
        task_id=task.id,
        related_task_id=related.id,
        type=input["type"],
        creator_id=write.viewer.user_id,
        created_at=write.now,
    )
    await _require_no_inverse(write, relation)
    await write.insert(relation, "task_relation.created", project_id=task.project_id)
    return relation


async def delete(write: Write, id: str) -> TaskRelation:
    relation = await write.change(TaskRelation, id)
    task = await write.find(Task, relation.task_id)
    await write.delete(relation, "task_relation.deleted", project_id=task.project_id)
    return relation


async def _require_no_inverse(write: Write, relation: TaskRelation) -> None:
    binds = {"task_id": relation.task_id, "related_id": relation.related_task_id, "type": relation.type.value}
    if not await write.fetch("TaskRelation.inverse", _INVERSE, **binds):
        return
    if relation.type == RelationType.RELATES_TO:
        raise Taken("These two tasks are related in this way already.", _RELATED)
    raise Invalid(f"The other task {relation.type.value} this one already.", _RELATED)


_INVERSE = """
SELECT "id" FROM "task_relations"
WHERE "task_id" = :related_id AND "related_task_id" = :task_id AND "type" = :type
"""
