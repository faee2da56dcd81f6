from collections.abc import Iterable

from app.domain.events import Event
from app.infra.metrics import tasks_completed, tasks_created


def count_tasks(events: Iterable[Event]) -> None:
    """Counts what has been committed: neither repeats of an idempotency key nor what was validated only."""
    for event in events:
        if event.entity_type != "task":
            continue
        if event.type == "task.created":
            tasks_created.inc()
        if any(_completes(change.field, change.before, change.after) for change in event.changes):
            tasks_completed.inc()


def _completes(field: str, before: object, after: object) -> bool:
    """By whichever verb: a move into a column of finished tasks completes too."""
    return field == "completedAt" and before is None and after is not None
