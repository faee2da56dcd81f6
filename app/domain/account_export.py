"""Everything that is kept about somebody, for themselves (GDPR, articles 15 and 20)."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from app.domain.viewer import Fetch, Viewer

FORMAT: Final = 1
PAGE: Final = 500
EVENTS_AT_ONCE: Final = 5_000
"""Positions in a log that one statement looks at: few of them may be the user's own."""

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_NO_ID: Final = UUID(int=0)

Record = Mapping[str, Any]


async def export(fetch: Fetch, viewer: Viewer) -> AsyncGenerator[Record, None]:
    """One record after the other, each with its `type`; the first is `export`, the last `end`.

    Of each workspace that the viewer belongs to, what is theirs in it: tasks they created or are assigned to,
    comments they wrote, events they caused. Read page by page, not as of one moment. Raises
    DatabaseUnavailable at any record.
    """
    yield {"type": "export", "format": FORMAT, "exportedAt": datetime.now(UTC)}
    count = 1
    async for record in _records(fetch, viewer):
        count += 1
        yield record
    yield {"type": "end", "records": count}


async def _records(fetch: Fetch, viewer: Viewer) -> AsyncIterator[Record]:
    user_id = viewer.user_id
    for type_, sql in _ABOUT_THE_USER.items():
        for row in await fetch(f"Export.{type_}", sql, [user_id]):
            yield {"type": type_, **row}
    for workspace_id in sorted(viewer.roles):
        async for record in _tasks_and_comments(fetch, user_id, workspace_id):
            yield record
        async for record in _events(fetch, user_id, workspace_id):
            yield record


async def _tasks_and_comments(fetch: Fetch, user_id: UUID, workspace_id: UUID) -> AsyncIterator[Record]:
    after: tuple[datetime, UUID] = (_FIRST, _NO_ID)
    while True:
        page = await fetch("Export.page", _TASK_IDS, [user_id, workspace_id, *after, PAGE])
        ids = [row["id"] for row in page]
        for type_, sql in _OF_TASKS.items():
            for row in await fetch(f"Export.{type_}", sql, [user_id, ids]):
                yield {"type": type_, "workspaceId": workspace_id, **row}
        if len(page) < PAGE:
            return
        after = page[-1]["created_at"], page[-1]["id"]


async def _events(fetch: Fetch, user_id: UUID, workspace_id: UUID) -> AsyncIterator[Record]:
    position, last = 0, await _last_seq(fetch, user_id, workspace_id)
    while position < last:
        rows = await fetch(
            "Export.event", _EVENTS, [user_id, workspace_id, position, position + EVENTS_AT_ONCE]
        )
        for row in rows:
            yield {"type": "event", "workspaceId": workspace_id, **row}
        position += EVENTS_AT_ONCE


async def _last_seq(fetch: Fetch, user_id: UUID, workspace_id: UUID) -> int:
    rows: Sequence[Mapping[str, Any]] = await fetch("Export.seq", _LAST_SEQ, [user_id, workspace_id])
    return rows[0]["seq"] if rows else 0


_ABOUT_THE_USER: Final = {
    "profile": """
SELECT "id", "email", "email_verified_at" AS "emailVerifiedAt", "name", "avatar_url" AS "avatarUrl",
    "timezone", "created_at" AS "createdAt", "updated_at" AS "updatedAt"
FROM "users" WHERE "id" = $1
""",
    "session": """
SELECT "id", "user_agent" AS "userAgent", "address", "created_at" AS "createdAt",
    "last_used_at" AS "lastUsedAt", "expires_at" AS "expiresAt", "revoked_at" AS "revokedAt"
FROM "sessions" WHERE "user_id" = $1 ORDER BY "created_at", "id"
""",
    # What a workspace is called is nothing for those who have left it.
    "membership": """
SELECT own."id", own."workspace_id" AS "workspaceId", own."role", own."created_at" AS "createdAt",
    own."removed_at" AS "removedAt", workspace."slug", workspace."name"
FROM "memberships" AS own
LEFT JOIN "workspaces" AS workspace ON workspace."id" = own."workspace_id" AND own."removed_at" IS NULL
WHERE own."user_id" = $1 ORDER BY own."created_at", own."id"
""",
}

# Each page asks again: who loses access meanwhile gets no more of it.
_STILL_A_MEMBER = """EXISTS (
    SELECT 1 FROM "memberships"
    WHERE "workspace_id" = $2 AND "user_id" = $1 AND "removed_at" IS NULL
)"""

_TASK_IDS = f"""
SELECT "id", "created_at" FROM "tasks"
WHERE "workspace_id" = $2 AND ("created_at", "id") > ($3, $4) AND {_STILL_A_MEMBER}
ORDER BY "created_at", "id" LIMIT $5
"""

_OF_TASKS: Final = {
    "task": """
SELECT task."id", project."key" || '-' || task."number" AS "identifier", task."title", task."description",
    status."name" AS "status", task."priority", task."due_date" AS "dueDate", task."estimate",
    coalesce(task."creator_id" = $1, false) AS "createdByYou",
    coalesce(task."assignee_id" = $1, false) AS "assignedToYou",
    task."created_at" AS "createdAt", task."updated_at" AS "updatedAt", task."completed_at" AS "completedAt",
    task."archived_at" AS "archivedAt", task."deleted_at" AS "deletedAt"
FROM "tasks" AS task
JOIN "projects" AS project ON project."id" = task."project_id"
JOIN "statuses" AS status ON status."id" = task."status_id"
WHERE task."id" = ANY($2::uuid[]) AND (task."creator_id" = $1 OR task."assignee_id" = $1)
ORDER BY task."created_at", task."id"
""",
    "comment": """
SELECT "id", "task_id" AS "taskId", "parent_id" AS "parentId", "body", "created_at" AS "createdAt",
    "updated_at" AS "updatedAt", "resolved_at" AS "resolvedAt", "deleted_at" AS "deletedAt"
FROM "comments" WHERE "task_id" = ANY($2::uuid[]) AND "author_id" = $1
ORDER BY "created_at", "id"
""",
}

_LAST_SEQ = f"""
SELECT "seq" FROM "workspace_counters" WHERE "workspace_id" = $2 AND {_STILL_A_MEMBER}
"""

_EVENTS = f"""
SELECT "seq", "type" AS "eventType", "entity_type" AS "entityType", "entity_id" AS "entityId", "changes",
    "created_at" AS "at"
FROM "events"
WHERE "workspace_id" = $2 AND "seq" > $3 AND "seq" <= $4 AND "actor_id" = $1 AND {_STILL_A_MEMBER}
ORDER BY "seq"
"""
