"""Reading the event log."""

from collections import defaultdict
from collections.abc import Collection, Mapping
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


async def read_events(
    fetch: Fetch, places: Collection[tuple[UUID, int]], limit: int
) -> Mapping[tuple[UUID, int], list[LogEvent]]:
    """Of each place, a workspace and a `seq`: up to `limit` events after it.

    In the order of `seq`, which is the order of their commits. Places without any are left out.
    """
    workspace_ids, seqs = zip(*places, strict=True)
    found: defaultdict[tuple[UUID, int], list[LogEvent]] = defaultdict(list)
    for row in await fetch("Log.events", _EVENTS, [workspace_ids, seqs, limit]):
        after_seq, *event = row.values()
        found[row["workspace_id"], after_seq].append(LogEvent(*event))
    return found


async def current_seqs(fetch: Fetch, workspace_ids: Collection[UUID]) -> dict[UUID, int]:
    """The newest `seq` of each workspace; workspaces that do not exist are left out."""
    rows = await fetch("Log.seqs", _SEQS, [list(workspace_ids)])
    return {row["workspace_id"]: row["seq"] for row in rows}


async def roles_of_sessions(
    fetch: Fetch, asked: Collection[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], Role | None]:
    """By workspace and session: the role of the session's user there, None for who is not a member.

    Sessions that no longer stand, by the rule of `load_viewer`, are left out.
    """
    workspace_ids, session_ids = zip(*asked, strict=True)
    rows = await fetch("Log.access", _ROLES, [workspace_ids, session_ids])
    return {
        (row["workspace_id"], row["session_id"]): Role(row["role"]) if row["role"] else None for row in rows
    }


_EVENTS = """
SELECT place."seq" AS after_seq, event.*
FROM unnest($1::uuid[], $2::bigint[]) AS place("workspace_id", "seq")
CROSS JOIN LATERAL (
    SELECT "workspace_id", "seq", "type", "entity_type", "entity_id", "project_id", "task_id"
    FROM "events"
    WHERE "workspace_id" = place."workspace_id" AND "seq" > place."seq"
    ORDER BY "seq"
    LIMIT $3
) AS event
ORDER BY event."seq"
"""

_SEQS = """
SELECT "workspace_id", "seq" FROM "workspace_counters" WHERE "workspace_id" = ANY($1::uuid[])
"""

_ROLES = """
SELECT asked."workspace_id", asked."session_id", membership."role"
FROM unnest($1::uuid[], $2::uuid[]) AS asked("workspace_id", "session_id")
JOIN "sessions" AS session ON session."id" = asked."session_id"
JOIN "users" AS person ON person."id" = session."user_id"
LEFT JOIN "memberships" AS membership
    ON membership."user_id" = person."id"
    AND membership."workspace_id" = asked."workspace_id"
    AND membership."removed_at" IS NULL
WHERE person."disabled_at" IS NULL
    AND session."revoked_at" IS NULL
    AND session."expires_at" > now()
"""
