"""The log: one event row per changed entity, written last in its transaction."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum, IntEnum
from functools import cache
from uuid import UUID

import orjson

from app.domain.errors import RightsChanged
from app.domain.viewer import Fetch, Viewer
from app.infra.sql import bind
from app.models.ids import new_id

LONGEST_INLINE_TEXT = 4096
"""Bytes of UTF-8. A longer text leaves its digest in the event, and itself in event_texts."""
_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclass(slots=True)  # frozen would take three times as long to make, and a write makes a dozen
class FieldChange:
    """`field` in the API's spelling (dueDate); values as JSON can carry them, see `json_value`."""

    field: str
    before: object
    after: object


@dataclass(slots=True)
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
    fetch: Fetch,
    events: Sequence[Event],
    *,
    actor: Viewer | None,
    vouched: bool = False,
    now: datetime,
    key_id: UUID | None = None,
    subject_id: UUID | None = None,
) -> dict[UUID, int]:
    """Gives the events their `seq` and writes them. Must be the last statement before the commit.

    The row lock of the counter, held until the commit, makes the order of `seq` the order of commits. So what
    an idempotency key's row, `key_id`, stores for repeats, `subject_id` and the last `seq`, is written along.
    Returns the last `seq` of each workspace that the events belong to.

    Raises RightsChanged, unless `vouched`, when the actor's session is over or their role there is another by
    now: who ends a session or changes a membership waits for this commit, or this statement for theirs.
    """
    checked = actor is not None and not vouched
    shared = {
        "actor_id": actor.user_id if actor else None,
        "session_id": actor.session_id if actor else None,
        "batch_id": new_id() if len(events) > 1 else None,
        "now": now,
    }
    outcome = {"key_id": key_id, "subject_id": None if subject_id is None else str(subject_id)}
    last: dict[UUID, int] = {}
    for workspace_id in sorted({event.workspace_id for event in events}):
        own = [event for event in events if event.workspace_id == workspace_id]
        role = actor.role_in(workspace_id) if actor else None
        binds = {**shared, **outcome, "role": role}
        last[workspace_id] = await _append_to(fetch, workspace_id, own, binds, checked)
    return last


def json_value(value: object) -> object:
    """Ids and times as text, enumerations by their GraphQL name."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value.name if isinstance(value, IntEnum) else value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


@cache
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
    fetch: Fetch, workspace_id: UUID, events: Sequence[Event], binds: Mapping[str, object], checked: bool
) -> int:
    changes = [orjson.dumps(event.changes) for event in events]
    texts: list[tuple[object, ...]] = []
    for position, event in enumerate(events):
        if len(changes[position]) > LONGEST_INLINE_TEXT:  # else no text in it is that long
            texts += _long_texts(event)
            changes[position] = orjson.dumps([_shortened(change) for change in event.changes])
    sql, args = bind(
        _append_sql(checked, len(events) > 1, bool(texts), binds["key_id"] is not None),
        {
            **binds,
            "workspace_id": workspace_id,
            "count": len(events),
            **_event_binds(events, changes),
            **dict(zip(_TEXT_COLUMNS, map(list, zip(*texts, strict=True)), strict=False)),
        },
    )
    rows = await fetch("Event.append", sql, args)
    if checked and not rows:
        raise RightsChanged(f"in workspace {workspace_id}, unless it has no counter")
    if len(rows) != len(events):
        raise RuntimeError(f"workspace {workspace_id} has no counter")
    last: int = max(row["seq"] for row in rows)
    return last


def _event_binds(events: Sequence[Event], changes: Sequence[bytes]) -> dict[str, object]:
    """By column the value of the only event, or a list of all events' values."""
    rows = [
        (
            event.id,
            event.type,
            event.entity_type,
            event.entity_id,
            event.entity_version,
            event.project_id,
            event.task_id,
            text.decode(),
        )
        for event, text in zip(events, changes, strict=True)
    ]
    values = rows[0] if len(rows) == 1 else map(list, zip(*rows, strict=True))
    return dict(zip(_EVENT_COLUMNS, values, strict=True))


def _shortened(change: FieldChange) -> FieldChange:
    return FieldChange(change.field, _short(change.before), _short(change.after))


def _short(value: object) -> object:
    if not _is_long(value):
        return value
    encoded = str(value).encode()
    return {"digest": f"sha256:{hashlib.sha256(encoded).hexdigest()}", "bytes": len(encoded)}


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value.encode()) > LONGEST_INLINE_TEXT


def _long_texts(event: Event) -> Iterable[tuple[object, ...]]:
    """In the order of _TEXT_COLUMNS."""
    for change in event.changes:
        before = change.before if _is_long(change.before) else None
        after = change.after if _is_long(change.after) else None
        if before is not None or after is not None:
            yield new_id(), event.id, change.field, before, after


@cache
def _append_sql(checked: bool, batch: bool, with_texts: bool, with_key: bool) -> str:
    # One event goes without arrays, which take longer to send and to read, while the counter is locked.
    if batch:
        arrays = ", ".join(f":{name}::{type_}[]" for name, type_ in _EVENT_COLUMNS.items())
        source = f"unnest({arrays}) WITH ORDINALITY"
    else:
        values = ", ".join(f":{name}::{type_}" for name, type_ in _EVENT_COLUMNS.items())
        source = f"(VALUES ({values}, 1))"
    told = f"{source} AS e ({', '.join(_EVENT_COLUMNS)}, position)"
    counter = (_RIGHTS, _COUNTER, _IF_RIGHT) if checked else (_COUNTER,)
    parts = (_TEXTS if with_texts else "", _OUTCOME if with_key else "", _EVENTS.format(told))
    return "".join(("\nWITH ", *counter, _COUNTED, *parts))


# The locks, in this order: who else takes several of these takes them so. Without them, what this statement
# saw when it began would count, and not what became of it while it waited for the counter.
_RIGHTS = """place AS (
    SELECT "role" FROM "memberships"
    WHERE "workspace_id" = :workspace_id::uuid AND "user_id" = :actor_id::uuid AND "removed_at" IS NULL
    FOR SHARE
), session AS (
    SELECT "id" FROM "sessions"
    WHERE "id" = :session_id::uuid AND "revoked_at" IS NULL AND "expires_at" > clock_timestamp()
        AND (SELECT "role" FROM place) IS NOT DISTINCT FROM :role::text
    FOR SHARE
), """
_COUNTER = """counter AS (
    UPDATE "workspace_counters" SET "seq" = "seq" + :count::int WHERE "workspace_id" = :workspace_id::uuid"""
_IF_RIGHT = """
        AND EXISTS (SELECT 1 FROM session)"""
_COUNTED = """
    RETURNING "seq"
)"""

_EVENT_COLUMNS = {
    "id": "uuid",
    "type": "text",
    "entity_type": "text",
    "entity_id": "uuid",
    "entity_version": "int",
    "project_id": "uuid",
    "task_id": "uuid",
    "changes": "text",
}
_EVENTS = """
INSERT INTO "events" (
    "id", "workspace_id", "seq", "type", "actor_id", "entity_type", "entity_id", "entity_version",
    "project_id", "task_id", "changes", "batch_id", "created_at"
)
SELECT e.id, :workspace_id::uuid, counter."seq" - :count::int + e.position, e.type, :actor_id::uuid,
    e.entity_type, e.entity_id, e.entity_version, e.project_id, e.task_id, e.changes::jsonb, :batch_id::uuid,
    :now::timestamptz
FROM counter, {}
RETURNING "seq" """

_TEXT_COLUMNS = ("text_ids", "text_event_ids", "text_fields", "befores", "afters")
_TEXTS = """,
texts AS (
    INSERT INTO "event_texts" ("id", "workspace_id", "event_id", "field", "before", "after")
    SELECT t.id, :workspace_id::uuid, t.event_id, t.field, t.before, t.after
    FROM unnest(:text_ids::uuid[], :text_event_ids::uuid[], :text_fields::text[], :befores::text[],
        :afters::text[]) AS t (id, event_id, field, before, after)
)"""

_OUTCOME = """,
outcome AS (
    UPDATE "idempotency_keys"
    SET "outcome" = jsonb_build_object('subjectId', :subject_id::text, 'syncSeq', counter."seq")
    FROM counter WHERE "id" = :key_id::uuid
)"""

_CHANGED_SINCE = """
SELECT event."entity_version", change ->> 'field' AS field
FROM "events" AS event
LEFT JOIN LATERAL jsonb_array_elements(event."changes") AS change ON true
WHERE event."entity_id" = $1 AND event."entity_version" > $2 AND event."entity_type" = $3
"""
