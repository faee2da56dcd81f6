from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from app.domain.errors import FieldPath, Invalid, NotFound
from app.domain.write import Write
from app.models import StatusType, Task, parse_id

DONE = StatusType.COMPLETED
# Going back to one of these, a task has not been started.
_NOT_STARTED = (StatusType.BACKLOG, StatusType.UNSTARTED)
_OPEN = (*_NOT_STARTED, StatusType.STARTED)


@dataclass(frozen=True, slots=True)
class Board:
    """The statuses of a project, by position: id → type."""

    types: dict[UUID, StatusType]

    @classmethod
    async def of(cls, write: Write, project_id: UUID) -> Self:
        rows = await write.fetch("Project.statuses", _STATUSES, project_id=project_id)
        return cls({row["id"]: StatusType(row["type"]) for row in rows})

    def get(self, id: str | None, field: FieldPath) -> UUID:
        """Raises NotFound for what is no status of this project."""
        if id is None:
            raise Invalid(f"{field[-1]} can't be null.", field)
        parsed = parse_id(id)
        if parsed not in self.types:
            raise NotFound("status of the task's project", field)
        return parsed

    def first(self, type_: StatusType) -> UUID:
        """A project always keeps one UNSTARTED and one COMPLETED status."""
        for status_id, candidate in self.types.items():
            if candidate == type_:
                return status_id
        raise Invalid(f"The project has no status of the type {type_.value}.")

    def before_completion(self, task: Task) -> UUID:
        """The open status that a done task came from, else the first UNSTARTED."""
        previous = task.previous_status_id
        if previous is not None and self.types.get(previous) in _OPEN:
            return previous
        return self.first(StatusType.UNSTARTED)

    def put(self, task: Task, status_id: UUID, now: datetime) -> None:
        """Changes a task's status and the times that follow from it.

        completedAt lasts while the task is done; startedAt is when it was first started, until it goes
        back to a status before that.
        """
        old, new = self.types[task.status_id], self.types[status_id]
        if new == DONE and old != DONE:
            task.previous_status_id = task.status_id if old in _OPEN else None
            task.completed_at = now
        elif new != DONE:
            task.previous_status_id = None
            task.completed_at = None
        if new == StatusType.STARTED and task.started_at is None:
            task.started_at = now
        elif new in _NOT_STARTED:
            task.started_at = None
        task.status_id = status_id


def times_at_creation(task: Task, type_: StatusType, now: datetime) -> None:
    if type_ == DONE:
        task.completed_at = now
    elif type_ == StatusType.STARTED:
        task.started_at = now


_STATUSES = 'SELECT "id", "type" FROM "statuses" WHERE "project_id" = :project_id ORDER BY "position"'
