"""What is left to the caller, as a query."""

import datetime as dt
from typing import Self

import strawberry

from app.engine import of_context
from app.graphql.context import Context
from app.infra.rate_limit import Budget


@strawberry.type(description="How many operations the caller may still send.")
class OperationLimit:
    limit: int = strawberry.field(description="How many in a window.")
    used: int = strawberry.field(description="How many were sent in this window, this one among them.")
    remaining: int = strawberry.field(description="How many are left.")
    reset_at: dt.datetime = strawberry.field(description="When the next window begins, with all of them.")

    @classmethod
    def of(cls, budget: Budget, now: dt.datetime) -> Self:
        return cls(
            limit=budget.limit,
            used=budget.used,
            remaining=budget.remaining,
            reset_at=now + dt.timedelta(seconds=budget.reset),
        )


@strawberry.type(
    description="Where the caller stands after this operation. The points are null where they are not"
    " limited: for who is signed out, and where the server sets no limit."
)
class RateLimit:
    cost: int = strawberry.field(description="What this operation costs, in points.")
    limit: int | None = strawberry.field(description="Points in a window.")
    used: int | None = strawberry.field(
        description="Points spent in this window, this operation's among them."
    )
    remaining: int | None = strawberry.field(description="Points that are left.")
    reset_at: dt.datetime | None = strawberry.field(
        description="When the next window begins, with all points."
    )
    operations: OperationLimit | None = strawberry.field(
        description="The limit of operations, whatever they cost; null where the server sets none."
    )


def _rate_limit(context: Context) -> RateLimit:
    allowance, now = context.allowance, dt.datetime.now(dt.UTC)
    points = allowance.points if allowance else None
    return RateLimit(
        cost=context.cost,
        limit=points.limit if points else None,
        used=points.used if points else None,
        remaining=points.remaining if points else None,
        reset_at=now + dt.timedelta(seconds=points.reset) if points else None,
        operations=OperationLimit.of(allowance.operations, now) if allowance else None,
    )


@strawberry.type
class RateLimitQueries:
    rate_limit: RateLimit = of_context(
        "What is left of the caller's limits: a user's, or signed out their address's.", _rate_limit
    )
