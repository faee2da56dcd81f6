from typing import TypedDict
from uuid import UUID

from app.domain import access, rows
from app.domain.errors import Invalid
from app.domain.values import color, line, own_id
from app.domain.write import Write
from app.models import Label, Project, Workspace

LONGEST_NAME = 50
DEFAULT_COLOR = "#6b7280"


class LabelCreation(TypedDict, total=False):
    id: str | None
    workspace_id: str | None
    project_id: str | None
    name: str
    color: str | None


async def create(write: Write, input: LabelCreation) -> Label:
    """A label of a workspace or of one project; its name is unique there, whatever its case."""
    name = line(input.get("name"), ("input", "name"), LONGEST_NAME)
    given = input.get("color")
    shade = DEFAULT_COLOR if given is None else color(given, ("input", "color"))
    own = own_id(input.get("id"))
    workspace_id, project_id = await _home(write, input)
    access.require_writer(write.viewer, workspace_id)
    label = rows.new(
        Label,
        id=own,
        workspace_id=workspace_id,
        project_id=project_id,
        name=name,
        color=shade,
        created_at=write.now,
        updated_at=write.now,
    )
    await write.insert(label, "label.created")
    return label


async def _home(write: Write, input: LabelCreation) -> tuple[UUID, UUID | None]:
    workspace_id, project_id = input.get("workspace_id"), input.get("project_id")
    if (workspace_id is None) == (project_id is None):
        raise Invalid(
            "Give either workspaceId, for a label of all projects, or projectId.", ("input", "workspaceId")
        )
    if project_id is not None:
        project = await write.find(Project, project_id, ("input", "projectId"))
        return project.workspace_id, project.id
    workspace = await write.find(Workspace, str(workspace_id), ("input", "workspaceId"))
    return workspace.id, None
