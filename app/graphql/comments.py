import datetime as dt
from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

from app import models
from app.domain import access
from app.engine import Condition, Connection, Direct, Order, column, entity, to_many, to_one
from app.graphql.node import Node
from app.graphql.users import User

if TYPE_CHECKING:
    from app.graphql.tasks import Task

COMMENT_ORDER = Order.by("created_at")
NOT_DELETED = Condition('{row}."deleted_at" IS NULL')

CommentType = Annotated["Comment", strawberry.lazy("app.graphql.comments")]


@entity(models.Comment, access.comment)
@strawberry.type(description="What somebody said about a task.")
class Comment(Node):
    body: str = column("The text, in Markdown.")
    task: Annotated["Task", strawberry.lazy("app.graphql.tasks")] = to_one("What it is about.")
    author: User | None = to_one("Who wrote it; null once their account is gone.")
    parent: Optional[CommentType] = to_one("The comment it answers.")  # noqa: UP045
    replies: Connection[CommentType] = to_many(
        "The answers to it, oldest first.",
        Direct("parent_id"),
        order=COMMENT_ORDER,
        conditions=[NOT_DELETED],
        size=1,
    )
    resolved_at: dt.datetime | None = column("When the thread was settled.")
    version: int = column("Counts the changes; expectedVersion compares with it.")
    created_at: dt.datetime = column("When it was written.")
    updated_at: dt.datetime = column("When it last changed.")
