import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from app import models
from app.domain import access
from app.engine import (
    ArgumentError,
    Condition,
    Connection,
    Direct,
    Narrowing,
    Order,
    all_of,
    column,
    entity,
    lookup,
    to_many,
    to_one,
)
from app.graphql.enums import StatusType
from app.graphql.filters import TaskFilter
from app.graphql.labels import Label
from app.graphql.node import Node
from app.graphql.task_lists import BY_RANK, NEWEST_FIRST, WORKSPACES, in_workspace, narrow_tasks
from app.graphql.workspaces import Workspace
from app.models.ids import parse_id

if TYPE_CHECKING:
    from app.graphql.tasks import Task

TaskType = Annotated["Task", strawberry.lazy("app.graphql.tasks")]


@entity(models.Status, access.status)
@strawberry.type(description="A column of a project's board.")
class Status(Node):
    name: str = column("What it is called.")
    color: str = column("Its color as #rrggbb.")
    type: StatusType = column("What it means for the tasks in it.")
    position: int = column("Where it stands among the project's statuses.")
    project: Annotated["Project", strawberry.lazy("app.graphql.projects")] = to_one(
        "The project it belongs to."
    )
    tasks: Connection[TaskType] = to_many(
        "The tasks in it, by rank.",
        Direct("status_id"),
        order=BY_RANK,
        filter_type=TaskFilter,
        narrow=narrow_tasks,
        size=20,
    )
    version: int = column("Counts the changes; expectedVersion compares with it.")
    created_at: dt.datetime = column("When it was created.")
    updated_at: dt.datetime = column("When it last changed.")


@entity(models.Project, access.project, WORKSPACES)
@strawberry.type(description="Tasks with one aim, on a board of their own statuses.")
class Project(Node):
    key: str = column("Begins its tasks' identifiers; unique in its workspace.")
    name: str = column("What it is called.")
    description: str | None = column("What it is about, in Markdown.")
    workspace: Workspace = to_one("Where it belongs.")
    statuses: Connection[Status] = to_many(
        "The columns of its board, in their order.", Direct("project_id"), order=Order.by("position"), size=6
    )
    labels: Connection[Label] = to_many(
        "The labels of this project alone, by name.", Direct("project_id"), order=Order.by("name"), size=3
    )
    tasks: Connection[TaskType] = to_many(
        "Its tasks, newest first.",
        Direct("project_id"),
        order=NEWEST_FIRST,
        filter_type=TaskFilter,
        narrow=narrow_tasks,
    )
    archived_at: dt.datetime | None = column("When it was archived.")
    version: int = column("Counts the changes; expectedVersion compares with it.")
    created_at: dt.datetime = column("When it was created.")
    updated_at: dt.datetime = column("When it last changed.")


def _find(
    id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = None,
    key: Annotated[
        str | None,
        strawberry.argument(description="Its key; with workspaceId where several workspaces use it."),
    ] = None,
    workspace_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="The workspace that the key is looked for in.")
    ] = None,
) -> Condition | None:
    if (id is None) == (key is None):
        raise ArgumentError("id", "Give either id or key.")
    if id is not None:
        parsed = parse_id(id)
        return Condition('{row}."id" = :id', {"id": parsed}) if parsed else None
    return keyed(Condition('{row}."key" = :key', {"key": (key or "").upper()}), workspace_id)


def keyed(condition: Condition, workspace_id: str | None) -> Condition | None:
    """A condition by a key that is unique in a workspace, narrowed to that workspace if one is named."""
    if any("\0" in value for value in condition.binds.values() if isinstance(value, str)):
        return None
    [*narrowed] = in_workspace(workspace_id)
    if not narrowed:
        return condition
    [of_workspace] = narrowed
    return Condition(f"{condition.sql} AND {of_workspace.sql}", {**condition.binds, **of_workspace.binds})


def _narrow_projects(
    workspace_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only those of this workspace.")
    ] = None,
) -> Narrowing:
    return Narrowing(tuple(in_workspace(workspace_id)), one_tenant=workspace_id is not None)


@strawberry.type
class ProjectQueries:
    project: Project | None = lookup("A project by id or key; null when the viewer sees none.", _find)
    projects: Connection[Project] = all_of(
        "The projects the viewer sees, by key.", order=Order.by("key"), narrow=_narrow_projects, size=10
    )
