"""The log: one event row per changed entity, written last in its transaction."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum, IntEnum
from uuid import UUID

import orjson

from app.domain.viewer import Fetch
from app.models.ids import new_id

LONGEST_INLINE_TEXT = 4096
"""Bytes of UTF-8. A longer text leaves its digest in the event, and itself in event_texts."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`field` in the API's spelling (dueDate); values as JSON can carry them, see `json_value`."""

    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Event:
    workspace_id: UUID
    type: str
    entity_type: str
    entity_id: UUID
    entity_version: int | None = None
    project_id: UUID | None = None
    task_id: UUID | None = None
    changes: Sequence[FieldChange] = ()
    id: UUID = field(default_factory=new_id)


async def append(
    fetch: Fetch, events: Sequence[Event], *, actor_id: UUID | None, now: datetime
) -> dict[UUID, int]:
    """Gives the events their `seq` and writes them. Must be the last statement before the commit.

    The row lock of the counter, held until the commit, makes the order of `seq` the order of commits.
    Returns the last `seq` of each workspace that the events belong to.
    """
    batch_id = new_id() if len(events) > 1 else None
    last: dict[UUID, int] = {}
    for workspace_id in sorted({event.workspace_id for event in events}):
        own = [event for event in events if event.workspace_id == workspace_id]
        last[workspace_id] = await _append_to(fetch, workspace_id, own, actor_id, batch_id, now)
    return last


def json_value(value: object) -> object:
    """Ids and times as text, enumerations by their GraphQL name."""
    if isinstance(value, Enum):
        return value.name if isinstance(value, IntEnum) else value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def api_name(attribute: str) -> str:
    """due_date → dueDate"""
    first, *rest = attribute.split("_")
    return first + "".join(word.capitalize() for word in rest)


async def changed_since(
    fetch: Fetch, entity_type: str, entity_id: UUID, version: int
) -> tuple[set[str], int]:
    """The fields of an entity changed by the events after `version`, and how many versions they explain."""
    # The type too: ids are unique within a kind of object only.
    rows = await fetch("Event.changedSince", _CHANGED_SINCE, [entity_id, version, entity_type])
    return {row["field"] for row in rows if row["field"]}, len({row["entity_version"] for row in rows})


async def _append_to(
    fetch: Fetch,
    workspace_id: UUID,
    events: Sequence[Event],
    actor_id: UUID | None,
    batch_id: UUID | None,
    now: datetime,
) -> int:
    texts = [text for event in events for text in _long_texts(event)]
    args: list[object] = [workspace_id, len(events), actor_id, batch_id, now, *_columns(events)]
    if texts:
        args += [list(column) for column in zip(*texts, strict=True)]
    rows = await fetch("Event.append", _APPEND_WITH_TEXTS if texts else _APPEND, args)
    if len(rows) != len(events):
        raise RuntimeError(f"workspace {workspace_id} has no counter")
    last: int = max(row["seq"] for row in rows)
    return last


def _columns(events: Sequence[Event]) -> Iterable[list[object]]:
    yield [event.id for event in events]
    yield [event.type for event in events]
    yield [event.entity_type for event in events]
    yield [event.entity_id for event in events]
    yield [event.entity_version for event in events]
    yield [event.project_id for event in events]
    yield [event.task_id for event in events]
    yield [_changes_json(event.changes) for event in events]


def _changes_json(changes: Sequence[FieldChange]) -> str:
    return orjson.dumps(
        [
            {"field": change.field, "before": _short(change.before), "after": _short(change.after)}
            for change in changes
        ]
    ).decode()


def _short(value: object) -> object:
    if not _is_long(value):
        return value
    encoded = str(value).encode()
    return {"digest": f"sha256:{hashlib.sha256(encoded).hexdigest()}", "bytes": len(encoded)}


def _is_long(value: object) -> bool:
    # A character takes at most 4 bytes, so most texts need no encoding to be known as short.
    return (
        isinstance(value, str)
        and len(value) * 4 > LONGEST_INLINE_TEXT
        and len(value.encode()) > LONGEST_INLINE_TEXT
    )


def _long_texts(event: Event) -> Iterable[tuple[UUID, UUID, str, object, object]]:
    for change in event.changes:
        before = change.before if _is_long(change.before) else None
        after = change.after if _is_long(change.after) else None
        if before is not None or after is not None:
            yield new_id(), event.id, change.field, before, after


_COUNTER = """
WITH counter AS (
    UPDATE "workspace_counters" SET "seq" = "seq" + $2::int WHERE "workspace_id" = $1::uuid RETURNING "seq"
)"""

_EVENTS = """
INSERT INTO "events" (
    "id", "workspace_id", "seq", "type", "actor_id", "entity_type", "entity_id", "entity_version",
    "project_id", "task_id", "changes", "batch_id", "created_at"
)
SELECT e.id, $1::uuid, counter."seq" - $2::int + e.position, e.type, $3::uuid, e.entity_type, e.entity_id,
    e.entity_version, e.project_id, e.task_id, e.changes::jsonb, $4::uuid, $5::timestamptz
FROM counter, unnest(
    $6::uuid[], $7::text[], $8::text[], $9::uuid[], $10::int[], $11::uuid[], $12::uuid[], $13::text[]
) WITH ORDINALITY AS e (
    id, type, entity_type, entity_id, entity_version, project_id, task_id, changes, position
)
RETURNING "seq" """

_TEXTS = """,
texts AS (
    INSERT INTO "event_texts" ("id", "workspace_id", "event_id", "field", "before", "after")
    SELECT t.id, $1::uuid, t.event_id, t.field, t.before, t.after
    FROM unnest($14::uuid[], $15::uuid[], $16::text[], $17::text[], $18::text[])
        AS t (id, event_id, field, before, after)
)"""

_APPEND = _COUNTER + _EVENTS
_APPEND_WITH_TEXTS = _COUNTER + _TEXTS + _EVENTS

_CHANGED_SINCE = """
SELECT event."entity_version", change ->> 'field' AS field
FROM "events" AS event
LEFT JOIN LATERAL jsonb_array_elements(event."changes") AS change ON true
WHERE event."entity_id" = $1 AND event."entity_version" > $2 AND event."entity_type" = $3
"""
