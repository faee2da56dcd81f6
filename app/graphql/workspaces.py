import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app import models
from app.domain import access
from app.domain.viewer import Viewer
from app.engine import (
    Condition,
    Connection,
    Direct,
    Order,
    Reads,
    Row,
    all_of,
    batch,
    column,
    computed,
    entity,
    lookup,
    to_many,
    to_one,
)
from app.engine.errors import ArgumentError
from app.graphql.enums import Role
from app.graphql.node import Node
from app.graphql.scalars import BigInt
from app.graphql.users import User
from app.models.ids import parse_id

if TYPE_CHECKING:
    from app.graphql.labels import Label
    from app.graphql.projects import Project

ProjectType = Annotated["Project", strawberry.lazy("app.graphql.projects")]
LabelType = Annotated["Label", strawberry.lazy("app.graphql.labels")]


@entity(models.Membership, access.membership)
@strawberry.type(description="A person's place in a workspace.")
class Member(Node):
    user: User = to_one("Who it is.")
    workspace: Annotated["Workspace", strawberry.lazy("app.graphql.workspaces")] = to_one(
        "Where they belong."
    )
    role: Role = column("What they may do there.")
    removed_at: dt.datetime | None = column("When they left or were removed; null for a current member.")
    version: int = column("Counts the changes; expectedVersion compares with it.")
    created_at: dt.datetime = column("When they joined.")
    updated_at: dt.datetime = column("When it last changed: their role, leaving, coming back.")


async def _sync_seqs(reads: Reads, workspaces: Sequence[Row]) -> list[int]:
    rows = await reads.fetch(
        "Workspace.sync_seq",
        'SELECT "workspace_id"::text AS id, "seq" FROM "workspace_counters"'
        ' WHERE "workspace_id" = ANY(:ids::uuid[]) AND "workspace_id" = ANY(:workspace_ids::uuid[])',
        ids=[row["id"] for row in workspaces],
    )
    seqs = {row["id"]: row["seq"] for row in rows}
    return [seqs[row["id"]] for row in workspaces]


def _role(viewer: Viewer, workspace_id: str) -> Role | None:
    return viewer.role_in(UUID(workspace_id))


@entity(models.Workspace, access.workspace)
@strawberry.type(description="A tenant: people, and the projects they work on. Nothing in it shows outside.")
class Workspace(Node):
    slug: str = column("Its name in addresses; unique.")
    name: str = column("What it is called.")
    role: Role = computed("What the viewer may do in it.", _role, "id", with_viewer=True)
    members: Connection[Member] = to_many(
        "Who belongs to it, in the order they joined.",
        Direct("workspace_id"),
        order=Order.by("created_at"),
        conditions=[Condition('{row}."removed_at" IS NULL')],
        size=10,
    )
    projects: Connection[ProjectType] = to_many(
        "Its projects by key.", Direct("workspace_id"), order=Order.by("key"), size=5
    )
    labels: Connection[LabelType] = to_many(
        "Its labels by name, those of single projects included.",
        Direct("workspace_id"),
        order=Order.by("name"),
        size=10,
    )
    sync_seq: BigInt = batch(
        "The position of its last change: where `changes` begins from now on.", _sync_seqs
    )
    sync_epoch: strawberry.ID = column(
        "Changes when the log no longer continues the one known, as after restoring a backup;"
        " a syncSeq counts only within one."
    )
    version: int = column("Counts the changes; expectedVersion compares with it.")
    created_at: dt.datetime = column("When it was created.")
    updated_at: dt.datetime = column("When it last changed.")


def _find(
    id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = None,
    slug: Annotated[str | None, strawberry.argument(description="Its slug.")] = None,
) -> Condition | None:
    if (id is None) == (slug is None):
        raise ArgumentError("id", "Give either id or slug.")
    if id is not None:
        parsed = parse_id(id)
        return Condition('{row}."id" = :id', {"id": parsed}) if parsed else None
    return Condition('{row}."slug" = :slug', {"slug": slug}) if "\0" not in (slug or "") else None


@strawberry.type
class WorkspaceQueries:
    workspace: Workspace | None = lookup("A workspace by id or slug; null when the viewer sees none.", _find)
    workspaces: Connection[Workspace] = all_of(
        "The workspaces the viewer belongs to, by name.", order=Order.by("name"), size=3
    )
