"""Projects, and the statuses that a new one begins with."""

import re
from collections.abc import Sequence
from typing import Final

from app import models
from app.domain import access, values
from app.domain.errors import Invalid
from app.domain.write import Write
from app.models.enums import StatusType

MAX_NAME_LENGTH: Final = 100
MAX_DESCRIPTION_LENGTH: Final = 100_000

DEFAULT_STATUSES: Final = (
    ("Backlog", StatusType.BACKLOG, "#95a2b3"),
    ("Todo", StatusType.UNSTARTED, "#6e7b8b"),
    ("In Progress", StatusType.STARTED, "#f2c94c"),
    ("In Review", StatusType.STARTED, "#4cb782"),
    ("Done", StatusType.COMPLETED, "#5e6ad2"),
    ("Canceled", StatusType.CANCELED, "#d25e65"),
)

_KEY: Final = re.compile(r"[A-Z][A-Z0-9]{1,9}")


async def create(
    write: Write, *, id: str | None, workspace_id: str, key: str, name: str, description: str | None
) -> models.Project:
    workspace = await write.find(models.Workspace, workspace_id, ("input", "workspaceId"))
    access.require_writer(write.viewer, workspace.id)
    project = models.Project(
        id=values.own_id(id),
        workspace_id=workspace.id,
        key=check_key(key, ("input", "key")),
        name=values.line(name, ("input", "name"), MAX_NAME_LENGTH),
        description=_description(description),
        created_at=write.now,
        updated_at=write.now,
    )
    return await set_up(write, project)


async def set_up(write: Write, project: models.Project) -> models.Project:
    """Inserts the project with the default statuses."""
    await write.insert(project, "project.created")
    for position, status in enumerate(DEFAULT_STATUSES):
        await write.insert(_status(write, project, position, *status), "status.created")
    return project


def check_key(key: str, field: Sequence[str]) -> str:
    if not _KEY.fullmatch(key):
        raise Invalid("A key has 2 to 10 upper-case letters (A to Z) and digits, a letter first.", field)
    return key


def _description(text: str | None) -> str | None:
    if text is None:
        return None
    return values.paragraphs(text, ("input", "description"), MAX_DESCRIPTION_LENGTH)


def _status(
    write: Write, project: models.Project, position: int, name: str, type: StatusType, color: str
) -> models.Status:
    return models.Status(
        workspace_id=project.workspace_id,
        project_id=project.id,
        name=name,
        color=color,
        type=type,
        position=position,
        created_at=write.now,
        updated_at=write.now,
    )
