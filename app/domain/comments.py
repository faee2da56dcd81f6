from typing import TypedDict

from app.domain import access, rows
from app.domain.errors import Invalid
from app.domain.task_fields import require_out_of_trash
from app.domain.values import own_id, paragraphs
from app.domain.write import Write
from app.models import Comment, Task

LONGEST_BODY = 50_000


class CommentCreation(TypedDict, total=False):
    id: str | None
    task_id: str
    body: str
    parent_id: str | None


async def create(write: Write, input: CommentCreation) -> Comment:
    """A comment on a task, or a reply to another comment there."""
    body = paragraphs(input.get("body"), ("input", "body"), LONGEST_BODY)
    own = own_id(input.get("id"))
    task = await write.find(Task, input["task_id"], ("input", "taskId"))
    access.require_writer(write.viewer, task.workspace_id)
    require_out_of_trash(task, "input", "taskId")
    comment = rows.new(
        Comment,
        id=own,
        workspace_id=task.workspace_id,
        task_id=task.id,
        author_id=write.viewer.user_id,
        body=body,
        created_at=write.now,
        updated_at=write.now,
    )
    if input.get("parent_id") is not None:
        comment.parent_id = (await _parent(write, task, str(input["parent_id"]))).id
    await write.insert(comment, "comment.created", project_id=task.project_id)
    return comment


async def _parent(write: Write, task: Task, id: str) -> Comment:
    field = ("input", "parentId")
    parent = await write.find(Comment, id, field)
    if parent.task_id != task.id:
        raise Invalid("The comment replied to belongs to another task.", field)
    if parent.deleted_at is not None:
        raise Invalid("The comment replied to was deleted.", field)
    return parent
