from typing import Annotated

import strawberry

from app.domain import projects
from app.engine import to_one
from app.graphql.context import Info
from app.graphql.inputs import none_if_left_out
from app.graphql.mutation import mutation
from app.graphql.payloads import Payload
from app.graphql.projects import Project


@strawberry.input(description="A new project.")
class ProjectCreateInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace it belongs to.")
    key: str = strawberry.field(
        description="What its tasks' identifiers begin with, such as ENG: 2 to 10 upper-case letters and"
        " digits, a letter first; unique in the workspace."
    )
    name: str = strawberry.field(description="What it is called: 1 to 100 characters.")
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is about, in Markdown."
    )
    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Its id, a UUIDv7; one is made otherwise."
    )


@strawberry.type(description="What came of a mutation of a project.")
class ProjectPayload(Payload):
    project: Project | None = to_one("The project as it is now; null with errors.", key="subject_id")


@strawberry.type
class ProjectMutations:
    @mutation(
        "Creates a project with the statuses Backlog, Todo, In Progress, In Review, Done and Canceled. For"
        " owners, admins and members."
    )
    async def project_create(
        self,
        info: Info,
        input: Annotated[ProjectCreateInput, strawberry.argument(description="The project.")],
    ) -> ProjectPayload:
        project = await projects.create(
            info.context.require_write(),
            id=none_if_left_out(input.id),
            workspace_id=input.workspace_id,
            key=input.key,
            name=input.name,
            description=none_if_left_out(input.description),
        )
        return ProjectPayload(subject_id=project.id)
