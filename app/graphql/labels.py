import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from app import models
from app.domain import access
from app.engine import column, entity, to_one
from app.graphql.node import Node
from app.graphql.workspaces import Workspace

if TYPE_CHECKING:
    from app.graphql.projects import Project


@entity(models.Label, access.label)
@strawberry.type(description="A mark on tasks, of a whole workspace or of one project.")
class Label(Node):
    name: str = column("What it says; unique in its workspace or project, in upper or lower case.")
    color: str = column("Its color as #rrggbb.")
    workspace: Workspace = to_one("Where it belongs.")
    project: Annotated["Project", strawberry.lazy("app.graphql.projects")] | None = to_one(
        "The project it is for; null for the whole workspace."
    )
    version: int = column("Counts the changes; expectedVersion compares with it.")
    created_at: dt.datetime = column("When it was created.")
    updated_at: dt.datetime = column("When it last changed.")
