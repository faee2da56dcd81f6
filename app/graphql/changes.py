"""The changes feed: a workspace's log from a position on, for clients that keep a copy."""

from enum import StrEnum
from typing import Annotated

import strawberry
from graphql import GraphQLError

from app import models
from app.engine import ArgumentError, Condition, Order, Reads, resolved
from app.engine.entities import entity_of_model
from app.graphql.enums import describe
from app.graphql.events import Event
from app.graphql.scalars import BigInt
from app.models.ids import parse_id

DEFAULT_EVENTS = 200
MAX_EVENTS = 1000
USUAL_EVENTS = 20  # of clients that ask whenever something changes


class ResyncReason(StrEnum):
    EPOCH_CHANGED = "EPOCH_CHANGED"
    AHEAD_OF_LOG = "AHEAD_OF_LOG"


describe(
    ResyncReason,
    "Why a client's copy cannot be brought up to date by events.",
    EPOCH_CHANGED="The log is another one, as after restoring a backup.",
    AHEAD_OF_LOG="`after` lies beyond the end of the log.",
)


@strawberry.type(description="A stretch of a workspace's log.")
class ChangePage:
    events: list[Event] = strawberry.field(description="What changed after `after`, in the order of seq.")
    seq: BigInt = strawberry.field(description="Where the page ends: the next call's `after`.")
    epoch: strawberry.ID = strawberry.field(
        description="The epoch that seq counts in: the next call's `epoch`."
    )
    has_more: bool = strawberry.field(description="Whether the log goes on after the page.")
    resync: ResyncReason | None = strawberry.field(
        description="Set when the client must read everything anew; then there are no events, "
        "and seq and epoch are where to go on from."
    )


async def _changes(
    reads: Reads,
    workspace_id: Annotated[strawberry.ID, strawberry.argument(description="Whose log.")],
    after: Annotated[BigInt, strawberry.argument(description="The last seq the client knows; 0 for none.")],
    epoch: Annotated[
        strawberry.ID | None, strawberry.argument(description="The epoch that `after` was given out in.")
    ] = None,
    first: Annotated[
        int | None, strawberry.argument(description="How many events: 1 to 1,000.")
    ] = DEFAULT_EVENTS,
) -> ChangePage:
    size = DEFAULT_EVENTS if first is None else first
    if not 1 <= size <= MAX_EVENTS:
        raise ArgumentError("first", f"first must be between 1 and {MAX_EVENTS}, not {size}.")
    if after < 0:
        raise ArgumentError("after", f"after must be 0 or more, not {after}.")
    end, current_epoch = await _end_of_log(reads, workspace_id)
    resync = _resync(after, epoch, end, current_epoch)
    if resync is not None:
        return ChangePage(events=[], seq=BigInt(end), epoch=current_epoch, has_more=False, resync=resync)
    found = await reads.first(
        "Query.changes.events",
        entity_of_model(models.Event),
        Condition(
            '{row}."workspace_id" = :workspace AND {row}."seq" > :after',
            {"workspace": parse_id(workspace_id), "after": after},
        ),
        Order.by("seq"),
        size + 1,
    )
    events = found[:size]
    return ChangePage(
        events=events,  # type: ignore[arg-type]  # rows are what objects are made of
        seq=events[-1]["seq"] if events else after,
        epoch=current_epoch,
        has_more=len(found) > size,
        resync=None,
    )


@strawberry.type
class ChangesQueries:
    changes: ChangePage = resolved(
        "What changed in a workspace since a position in its log. Nothing is left out.",
        _changes,
        size=USUAL_EVENTS,
        most=MAX_EVENTS,
        statements=2,
    )


async def _end_of_log(reads: Reads, workspace_id: str) -> tuple[int, strawberry.ID]:
    """The last seq and the epoch. Raises GraphQLError NOT_FOUND, for malformed and foreign ids alike."""
    rows = await reads.fetch(
        "Query.changes",
        'SELECT counter."seq", workspace."sync_epoch"::text AS epoch FROM "workspaces" workspace'
        ' JOIN "workspace_counters" counter ON counter."workspace_id" = workspace."id"'
        ' WHERE workspace."id" = :id AND workspace."id" = ANY(:workspace_ids::uuid[])',
        id=parse_id(workspace_id),
    )
    if not rows:
        raise GraphQLError("No workspace with this id was found.", extensions={"code": "NOT_FOUND"})
    return rows[0]["seq"], rows[0]["epoch"]


def _resync(after: int, epoch: str | None, end: int, current_epoch: str) -> ResyncReason | None:
    if epoch is not None and epoch != current_epoch:
        return ResyncReason.EPOCH_CHANGED
    return ResyncReason.AHEAD_OF_LOG if after > end else None
