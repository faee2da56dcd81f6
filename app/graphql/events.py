import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Optional

import strawberry
from strawberry.scalars import JSON

from app import models
from app.domain import access
from app.engine import column, computed, entity, to_one
from app.graphql.node import Node
from app.graphql.scalars import BigInt
from app.graphql.users import User

if TYPE_CHECKING:
    from app.graphql.tasks import Task


@strawberry.type(description="One field's change, as it was then.")
class FieldChange:
    field: str = strawberry.field(description="The field's name as in this API.")
    before: JSON | None = strawberry.field(
        description="Its value before. A text over 4 kB stands as its SHA-256 digest and its length in bytes."
    )
    after: JSON | None = strawberry.field(description="Its value after, likewise.")


def _changes(stored: Sequence[Mapping[str, Any]]) -> list[FieldChange]:
    return [FieldChange(field=one["field"], before=one["before"], after=one["after"]) for one in stored]


@entity(models.Event, access.event)
@strawberry.type(description="One entry of a workspace's log: what changed, who changed it, when.")
class Event(Node):
    seq: BigInt = column("Its position in the workspace's log: gapless, in the order of commits.")
    type: str = column("What happened, such as task.created or comment.created.")
    at: dt.datetime = computed("When it happened.", lambda created_at: created_at, "created_at")
    actor: User | None = to_one("Who did it; null once their account is gone.")
    entity_type: str = column("The kind of what changed, such as task or comment.")
    entity_id: strawberry.ID = column("The id of what changed; it may be gone by now.")
    entity_version: int | None = column("The version that the change made; null for what has none.")
    batch_id: strawberry.ID | None = column("Shared by the events of one batch.")
    changes: list[FieldChange] = computed("The fields that changed, as it was then.", _changes, "changes")
    task: Optional[Annotated["Task", strawberry.lazy("app.graphql.tasks")]] = to_one(  # noqa: UP045
        "The task it is about, as it is now; null when it is about none, or the task is gone for good."
    )
