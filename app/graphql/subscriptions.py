import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Self, cast
from uuid import UUID

import strawberry
from graphql import GraphQLError
from tortoise import Model

from app import models
from app.domain import access
from app.domain.log import LogEvent
from app.domain.log_subscriber import AccessLost, Subscriber, SubscriberTooSlow
from app.engine import Row
from app.graphql.context import Context, Info
from app.graphql.inputs import none_if_left_out
from app.graphql.tasks import Task
from app.infra.db import DatabaseUnavailable
from app.infra.sql import bind
from app.models.ids import parse_id

RETRY_DELAY = 0.5  # seconds between two attempts to read a task while PostgreSQL is away

_ENDS = (
    "Null says, once for each workspace, that the viewer's access to it is gone; with the last one the"
    " subscription completes. It ends with UNAUTHENTICATED when the session ends or the access token expires,"
    " and with SUBSCRIBER_TOO_SLOW when the client falls thousands of events behind."
)

ProjectId = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Only tasks of this project. Without it: of every workspace that the viewer belongs to"
        " when subscribing. An id that the viewer cannot see, whatever the reason, is NOT_FOUND."
    ),
]
TaskId = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Only this task. An id that the viewer cannot see, whatever the reason, is NOT_FOUND."
    ),
]


@strawberry.type(description="What happens from now on, over graphql-transport-ws or text/event-stream.")
class Subscription:
    @strawberry.subscription(
        description=f"Each task that is created, as it is when the event is sent. {_ENDS}"
    )
    async def task_created(
        self, info: Info, project_id: ProjectId = strawberry.UNSET
    ) -> AsyncIterator[Task | None]:
        def wants(event: LogEvent) -> bool:
            return event.type == "task.created"

        return await _follow_tasks(info.context, wants, none_if_left_out(project_id), None)

    @strawberry.subscription(
        description="Each existing task that changes, as it is when the event is sent: its own fields and"
        " labels, moves, completion, archive and trash. Its comments and relations have events of their own,"
        f" which do not appear here. {_ENDS}"
    )
    async def task_updated(
        self, info: Info, project_id: ProjectId = strawberry.UNSET, task_id: TaskId = strawberry.UNSET
    ) -> AsyncIterator[Task | None]:
        def wants(event: LogEvent) -> bool:
            return event.entity_type == "task" and event.type != "task.created"

        return await _follow_tasks(
            info.context, wants, none_if_left_out(project_id), none_if_left_out(task_id)
        )


class TaskStream:
    """The task of each event, with reads of its own.

    A class and not a generator: closing a generator that has not begun runs none of its code, and would leave
    the subscriber behind.
    """

    def __init__(self, context: Context, subscriber: Subscriber) -> None:
        self._context = context
        self._subscriber = subscriber

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row | None:
        try:
            async for event in self._subscriber:
                self._begin_event()
                if isinstance(event, AccessLost):
                    return None
                row = await self._read(event.entity_id)
                # Access may have ended while the task was read; a task purged meanwhile has nothing to show.
                if row is not None and self._subscriber.follows(event.workspace_id):
                    return row
        except SubscriberTooSlow as error:
            raise GraphQLError(
                "The client has fallen too far behind. Read the current state and subscribe again.",
                extensions={"code": "SUBSCRIBER_TOO_SLOW"},
            ) from error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._subscriber.close()

    def _begin_event(self) -> None:
        self._context.statements.clear()
        self._context.become(self._subscriber.viewer)

    async def _read(self, task_id: UUID) -> Row | None:
        while True:
            try:
                return await self._context.reads.get(models.Task, task_id)
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_DELAY)
                self._context.renew_reads()


async def _follow_tasks(
    context: Context, wants: Callable[[LogEvent], bool], project_id: str | None, task_id: str | None
) -> AsyncIterator[Task | None]:
    viewer = context.require_viewer()
    workspaces = set(viewer.workspace_ids)
    project = task = None
    async with context.services.log_readers.beginning:
        if project_id is not None:
            project, workspace_id = await _find(context, models.Project, "project", project_id)
            workspaces &= {workspace_id}
        if task_id is not None:
            task, workspace_id = await _find(context, models.Task, "task", task_id)
            workspaces &= {workspace_id}

    def is_wanted(event: LogEvent) -> bool:
        return (
            wants(event)
            and (project is None or event.project_id == project)
            and (task is None or event.entity_id == task)
        )

    subscriber = await context.services.log_readers.follow(
        viewer, workspaces, wants=is_wanted, expires_at=context.token_expires_at
    )
    # Strawberry resolves a Task's fields from the engine's rows.
    return cast("AsyncIterator[Task | None]", TaskStream(context, subscriber))


async def _find(context: Context, model: type[Model], noun: str, id: str) -> tuple[UUID, UUID]:
    """The id and its workspace's. Ids malformed, unknown and of another tenant answer alike."""
    parsed = parse_id(id)
    if parsed is not None:
        condition = access.PREDICATES[model]("t")
        sql = f'SELECT t."workspace_id" FROM "{model._meta.db_table}" AS t WHERE t."id" = :id AND {condition}'
        text, args = bind(sql, {**context.require_viewer().binds, "id": parsed})
        rows = await context.services.database.fetch(f"Subscription.{noun}", text, args)
        if rows:
            return parsed, rows[0]["workspace_id"]
    raise GraphQLError(f"No {noun} with this id was found.", extensions={"code": "NOT_FOUND"})
