from typing import Annotated

import strawberry

from app.domain import workspaces
from app.engine import to_one
from app.graphql.context import Info
from app.graphql.inputs import none_if_left_out
from app.graphql.mutation import mutation
from app.graphql.payloads import Payload
from app.graphql.workspaces import Workspace


@strawberry.input(description="A new workspace.")
class WorkspaceCreateInput:
    slug: str = strawberry.field(
        description="Its name in addresses: 3 to 48 lower-case letters, digits, and single hyphens between"
        " them; unique."
    )
    name: str = strawberry.field(description="What it is called: 1 to 100 characters.")
    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Its id, a UUIDv7; one is made otherwise."
    )


@strawberry.type(description="What came of a mutation of a workspace.")
class WorkspacePayload(Payload):
    workspace: Workspace | None = to_one("The workspace as it is now; null with errors.", key="subject_id")


@strawberry.type
class WorkspaceMutations:
    @mutation("Founds a workspace, with the viewer as its owner.")
    async def workspace_create(
        self,
        info: Info,
        input: Annotated[WorkspaceCreateInput, strawberry.argument(description="The workspace.")],
    ) -> WorkspacePayload:
        workspace = await workspaces.create(
            info.context.require_write(), id=none_if_left_out(input.id), slug=input.slug, name=input.name
        )
        return WorkspacePayload(subject_id=workspace.id)
