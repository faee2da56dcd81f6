from typing import Annotated

import strawberry
from strawberry import UNSET

from app.domain import comments
from app.engine import to_one
from app.graphql.comments import Comment
from app.graphql.context import Info
from app.graphql.mutation import given, mutation
from app.graphql.payloads import Payload


@strawberry.input(description="A new comment on a task.")
class CommentCreateInput:
    task_id: strawberry.ID = strawberry.field(description="The task it is about.")
    body: str = strawberry.field(description="What it says, in Markdown: 1 to 50,000 characters, not blank.")
    id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="An id of your own: a UUIDv7. Without it one is made."
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="The comment of the same task that it answers."
    )


@strawberry.type(description="What became of a comment.")
class CommentPayload(Payload):
    comment: Comment | None = to_one("The comment as it is now; null with errors.", key="subject_id")


@strawberry.type
class CommentMutations:
    @mutation("Comments on a task.")
    async def comment_create(
        self,
        info: Info,
        input: Annotated[CommentCreateInput, strawberry.argument(description="The new comment.")],
    ) -> CommentPayload:
        comment = await comments.create(info.context.require_write(), given(input, comments.CommentCreation))
        return CommentPayload(subject_id=comment.id)
