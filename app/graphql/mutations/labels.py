from typing import Annotated

import strawberry
from strawberry import UNSET

from app.domain import labels
from app.engine import to_one
from app.graphql.context import Info
from app.graphql.labels import Label
from app.graphql.mutation import given, mutation
from app.graphql.payloads import Payload


@strawberry.input(description="A new label, of a workspace or of one project.")
class LabelCreateInput:
    name: str = strawberry.field(
        description="One line of 1 to 50 characters, trimmed; unique in its home, in any case."
    )
    id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="An id of your own: a UUIDv7. Without it one is made."
    )
    workspace_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="For a label of all projects of this workspace. Either this or projectId."
    )
    project_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="For a label of this project alone. Either this or workspaceId."
    )
    color: str | None = strawberry.field(
        default=UNSET, description="Its color, written as #rrggbb; without it a gray."
    )


@strawberry.type(description="What became of a label.")
class LabelPayload(Payload):
    label: Label | None = to_one("The label as it is now; null with errors.", key="subject_id")


@strawberry.type
class LabelMutations:
    @mutation("Creates a label.")
    async def label_create(
        self,
        info: Info,
        input: Annotated[LabelCreateInput, strawberry.argument(description="The new label.")],
    ) -> LabelPayload:
        label = await labels.create(info.context.require_write(), given(input, labels.LabelCreation))
        return LabelPayload(subject_id=label.id)
