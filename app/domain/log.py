"""Reading the event log."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from app.domain.viewer import Fetch
from app.models.enums import Role


@dataclass(frozen=True, slots=True)
class LogEvent:
    """What happened to which row; `task_id` is the task it is about, its own or a comment's."""

    workspace_id: UUID
    seq: int
    type: str
    entity_type: str
    entity_id: UUID
    project_id: UUID | None
    task_id: UUID | None


async def read_events(fetch: Fetch, workspace_id: UUID, after_seq: int, limit: int) -> list[LogEvent]:
    """Up to `limit` events after `after_seq`, in the order of `seq`, which is the order of their commits."""
    rows = await fetch("Log.events", _EVENTS, [workspace_id, after_seq, limit])
    return [LogEvent(workspace_id, **row) for row in rows]


async def current_seqs(fetch: Fetch, workspace_ids: Collection[UUID]) -> dict[UUID, int]:
    """The newest `seq` of each workspace; workspaces that do not exist are left out."""
    rows = await fetch("Log.seqs", _SEQS, [list(workspace_ids)])
    return {row["workspace_id"]: row["seq"] for row in rows}


async def roles_of_sessions(
    fetch: Fetch, workspace_id: UUID, session_ids: Collection[UUID]
) -> dict[UUID, Role | None]:
    """The role of each session's user in the workspace, None for who is not a member.

    Sessions that no longer stand, by the rule of `load_viewer`, are left out.
    """
    rows = await fetch("Log.access", _ROLES, [workspace_id, list(session_ids)])
    return {row["session_id"]: Role(row["role"]) if row["role"] else None for row in rows}


_EVENTS = """
SELECT "seq", "type", "entity_type", "entity_id", "project_id", "task_id"
FROM "events"
WHERE "workspace_id" = $1 AND "seq" > $2
ORDER BY "seq"
LIMIT $3
"""

_SEQS = """
SELECT "workspace_id", "seq" FROM "workspace_counters" WHERE "workspace_id" = ANY($1::uuid[])
"""

_ROLES = """
SELECT session."id" AS session_id, membership."role"
FROM "sessions" AS session
JOIN "users" AS person ON person."id" = session."user_id"
LEFT JOIN "memberships" AS membership
    ON membership."user_id" = person."id"
    AND membership."workspace_id" = $1
    AND membership."removed_at" IS NULL
WHERE session."id" = ANY($2::uuid[])
    AND person."disabled_at" IS NULL
    AND session."revoked_at" IS NULL
    AND session."expires_at" > now()
"""
