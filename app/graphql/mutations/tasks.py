import datetime as dt
from typing import Annotated

import strawberry
from strawberry import UNSET

from app.domain import tasks
from app.domain.task_fields import TaskChanges, TaskCreation
from app.engine import to_one
from app.graphql.context import Info
from app.graphql.enums import TaskPriority
from app.graphql.mutation import given, mutation
from app.graphql.payloads import Payload
from app.graphql.tasks import Task

TaskId = Annotated[strawberry.ID, strawberry.argument(description="The task's id.")]


@strawberry.input(description="A new task. It becomes the last of its project.")
class TaskCreateInput:
    project_id: strawberry.ID = strawberry.field(description="The project it belongs to.")
    title: str = strawberry.field(description="What is to be done: one line of 1 to 500 characters, trimmed.")
    id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="An id of your own: a UUIDv7. Without it one is made."
    )
    description: str | None = strawberry.field(
        default=UNSET, description="More about it, in Markdown, up to 100,000 characters."
    )
    status_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="A status of the project; without it the first UNSTARTED one."
    )
    priority: TaskPriority | None = strawberry.field(
        default=UNSET, description="How urgent it is; without it NONE."
    )
    assignee_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="Who does it: a current member of the workspace."
    )
    label_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Labels of the workspace or of the project, up to 50."
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="The task of the same project that it is part of."
    )
    due_date: dt.date | None = strawberry.field(
        default=UNSET, description="The day it is due, from 1900-01-01 to 9999-12-30."
    )
    estimate: float | None = strawberry.field(
        default=UNSET, description="How much work it is, 0 to 1,000,000, in a unit of your own."
    )


@strawberry.input(description="What changes: an omitted field stays as it is, null clears it.")
class TaskUpdateInput:
    title: str | None = strawberry.field(
        default=UNSET, description="One line of 1 to 500 characters, trimmed; not null."
    )
    description: str | None = strawberry.field(
        default=UNSET, description="Markdown, up to 100,000 characters."
    )
    status_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="A status of the task's project; not null."
    )
    priority: TaskPriority | None = strawberry.field(
        default=UNSET, description="How urgent it is; null means NONE."
    )
    assignee_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="A current member of the workspace."
    )
    label_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="All labels it has from now on. Not together with the two below."
    )
    add_label_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Labels it gets beside those it has; never a version conflict."
    )
    remove_label_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Labels it loses, if it has them; never a version conflict."
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="A task of the same project that is not below this one."
    )
    due_date: dt.date | None = strawberry.field(
        default=UNSET, description="The day it is due, from 1900-01-01 to 9999-12-30."
    )
    estimate: float | None = strawberry.field(default=UNSET, description="0 to 1,000,000.")


@strawberry.type(description="What became of a task.")
class TaskPayload(Payload):
    task: Task | None = to_one(
        "The task as it is now; null with errors, except VERSION_CONFLICT, which shows the current one.",
        key="subject_id",
    )


@strawberry.type
class TaskMutations:
    @mutation("Creates a task. It gets the project's next number.")
    async def task_create(
        self,
        info: Info,
        input: Annotated[TaskCreateInput, strawberry.argument(description="The new task.")],
    ) -> TaskPayload:
        task = await tasks.create(info.context.require_write(), given(input, TaskCreation))
        return TaskPayload(subject_id=task.id)

    @mutation("Changes the given fields of a task.", changes_existing=True)
    async def task_update(
        self,
        info: Info,
        id: TaskId,
        input: Annotated[TaskUpdateInput, strawberry.argument(description="What changes.")],
    ) -> TaskPayload:
        task = await tasks.update(info.context.require_write(), id, given(input, TaskChanges))
        return TaskPayload(subject_id=task.id)

    @mutation(
        "Moves a task to another status, to another place in its project, or both.", changes_existing=True
    )
    async def task_move(
        self,
        info: Info,
        id: TaskId,
        status_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The status it goes to; without it, its own."),
        ] = None,
        before_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The task of the same project that it stands directly before."),
        ] = None,
        after_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The task that it stands directly after. "
                "With beforeId too, whose task must come later, it stands between the two."
            ),
        ] = None,
    ) -> TaskPayload:
        task = await tasks.move(info.context.require_write(), id, status_id, before_id, after_id)
        return TaskPayload(subject_id=task.id)

    @mutation("Completes a task: it goes to the project's first COMPLETED status.", changes_existing=True)
    async def task_complete(self, info: Info, id: TaskId) -> TaskPayload:
        return TaskPayload(subject_id=(await tasks.complete(info.context.require_write(), id)).id)

    @mutation(
        "Reopens a completed or canceled task: it goes back to the status before its completion, "
        "else to the project's first UNSTARTED one.",
        changes_existing=True,
    )
    async def task_reopen(self, info: Info, id: TaskId) -> TaskPayload:
        return TaskPayload(subject_id=(await tasks.reopen(info.context.require_write(), id)).id)

    @mutation("Archives a task: lists leave it out.", changes_existing=True)
    async def task_archive(self, info: Info, id: TaskId) -> TaskPayload:
        return TaskPayload(subject_id=(await tasks.archive(info.context.require_write(), id)).id)

    @mutation("Takes a task back from the archive.", changes_existing=True)
    async def task_unarchive(self, info: Info, id: TaskId) -> TaskPayload:
        return TaskPayload(subject_id=(await tasks.unarchive(info.context.require_write(), id)).id)

    @mutation("Puts a task in the trash.", changes_existing=True)
    async def task_delete(self, info: Info, id: TaskId) -> TaskPayload:
        return TaskPayload(subject_id=(await tasks.delete(info.context.require_write(), id)).id)

    @mutation("Takes a task back from the trash.", changes_existing=True)
    async def task_restore(self, info: Info, id: TaskId) -> TaskPayload:
        return TaskPayload(subject_id=(await tasks.restore(info.context.require_write(), id)).id)
