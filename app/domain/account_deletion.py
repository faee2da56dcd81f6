"""Deleting one's account: the person goes, what they wrote for others stays.

The row of the user remains as a tombstone, so that tasks, comments and events keep an author who is told from
others. Nothing in it, nor elsewhere, tells who that was.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app import models
from app.domain import accounts, outbox
from app.domain.errors import Forbidden, Unauthenticated
from app.domain.events import FieldChange
from app.domain.outbox import MailKind
from app.domain.viewer import Viewer
from app.domain.write import Write
from app.models.enums import Role

NAME: Final = "Deleted user"
ABANDONED: Final = "deleted-"
"""Begins the slug of a workspace whose rows go in the background: with it, and without anybody who belongs or
belonged to it, it is marked for that. No slug that people choose begins so (workspaces.py)."""
WORKSPACE_NAME: Final = "Shared workspace"
AT_ONCE: Final = 10_000
"""Events of a workspace that goes within the answer: there are no more tasks, comments and so on than events.

Of a larger one nothing can be seen from then on; its rows go in the background (app/jobs/purge.py).
"""
_CHANCE: Final = 16
"""Bytes. What takes a name's place is unique; who could guess it could take it first, and keep somebody from
deleting their account."""


async def delete(write: Write, *, sends_mail: bool) -> None:
    """Deletes the viewer's account, the workspaces that nobody else belongs to, and their sessions.

    Comes behind `confirm_password`, which holds the user from then on.
    Raises Forbidden while a workspace with others in it would be left without an owner; Unauthenticated for
    somebody whom another write has signed out meanwhile.
    """
    fetch, user_id = write.transaction.fetch, write.viewer.user_id
    person, memberships = await _lock(write)
    _require_other_owners(memberships)
    write.act_as(Viewer(user_id, write.viewer.session_id, _roles(memberships)))
    for membership in memberships:
        if membership["has_others"]:
            await _leave(write, membership, person["name"])
        else:
            await _remove_workspace(write, membership)
    await outbox.withdraw(fetch, user_id, person["email"])
    sessions = await fetch("Session.deleteAll", _DELETE_SESSIONS, [user_id])
    if write.viewer.session_id not in {each["id"] for each in sessions if each["alive"]}:
        raise Unauthenticated(Unauthenticated.BROKEN)
    write.vouch()
    for label, sql in _TRACES.items():
        await fetch(label, sql, [user_id])
    address = f"deleted-{secrets.token_hex(_CHANCE)}@deleted.invalid"
    await fetch("User.scrub", _SCRUB, [user_id, address, NAME])
    write.forget_viewer(user_id)
    if sends_mail:
        await outbox.add(fetch, MailKind.ACCOUNT_DELETED, person["email"])


async def _lock(write: Write) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """The user, and each workspace they belong to with their place in it, as it stays until the commit.

    `confirm_password` holds the user; whoever founds a workspace or adds a member shares the user first
    (workspaces.py, members.py): they come wholly before or after. FOR UPDATE waits also for what refers to
    the user by a foreign key alone, an idempotency key or a mail, so that it is found and deleted.
    """
    await write.fetch("Workspace.lockOwn", _LOCK_WORKSPACES)
    [person] = await write.fetch("User.lock", _LOCK_USER)
    return person, await write.fetch("Membership.own", _MEMBERSHIPS)


def _require_other_owners(memberships: Sequence[Mapping[str, Any]]) -> None:
    orphaned = [each["workspace_name"] for each in memberships if each["has_others"] and _is_last_owner(each)]
    if orphaned:
        names = ", ".join(f"“{name}”" for name in orphaned)
        raise Forbidden(
            f"You are the only owner of {names}, which others belong to. Make somebody else an owner first."
        )


def _is_last_owner(membership: Mapping[str, Any]) -> bool:
    return membership["role"] == Role.OWNER.value and not membership["has_other_owner"]


def _roles(memberships: Sequence[Mapping[str, Any]]) -> dict[UUID, Role]:
    return {each["workspace_id"]: Role(each["role"]) for each in memberships}


async def _leave(write: Write, found: Mapping[str, Any], name: str) -> None:
    membership = await write.lock(models.Membership, found["id"])
    membership.removed_at = write.now
    await write.save(membership, "membership.removed")
    await _rename(write, found["workspace_id"], name)


async def _rename(write: Write, workspace_id: UUID, name: str) -> None:
    """A personal workspace that others go on using no longer bears the name of who has left."""
    workspace = await write.lock(models.Workspace, workspace_id)
    former = {"name": workspace.name, "slug": workspace.slug}
    if workspace.name == accounts.personal_name(name):
        workspace.name = WORKSPACE_NAME
    if accounts.is_personal_slug(workspace.slug, name):
        workspace.slug = f"workspace-{secrets.token_hex(_CHANCE)}"
    changed = [field for field, value in former.items() if value != getattr(workspace, field)]
    if not changed:
        return
    await write.save(workspace, None)
    # What was before is left out of the event, and taken out of earlier ones.
    changes = [FieldChange(field, None, getattr(workspace, field)) for field in changed]
    write.record(workspace, "workspace.updated", changes)
    await write.fetch(
        "Event.scrub",
        _SCRUB_EVENTS,
        workspace_id=workspace_id,
        scrubbed=[former[field] for field in changed],
    )


async def _remove_workspace(write: Write, found: Mapping[str, Any]) -> None:
    """With all that is in it, its events too. Tasks first, as they hold on to their statuses."""
    workspace_id = found["workspace_id"]
    if found["events"] <= AT_ONCE:
        await write.fetch("Workspace.deleteTasks", _DELETE_TASKS, workspace_id=workspace_id)
        await write.fetch("Workspace.delete", _DELETE_WORKSPACE, workspace_id=workspace_id)
        return
    slug = f"{ABANDONED}{secrets.token_hex(_CHANCE)}"
    await write.fetch("Workspace.abandon", _ABANDON, workspace_id=workspace_id, slug=slug)
    await write.fetch("Workspace.deleteMembers", _DELETE_MEMBERS, workspace_id=workspace_id)
    scrubbed = [found["workspace_name"], found["slug"]]
    await write.fetch("Event.scrub", _SCRUB_EVENTS, workspace_id=workspace_id, scrubbed=scrubbed)


_LOCK_WORKSPACES = """
SELECT workspace."id"
FROM "workspaces" AS workspace
WHERE workspace."id" IN (
    SELECT "workspace_id" FROM "memberships" WHERE "user_id" = :user_id AND "removed_at" IS NULL
)
ORDER BY workspace."id"
FOR NO KEY UPDATE
"""

_LOCK_USER = """
SELECT "email", "name" FROM "users" WHERE "id" = :user_id FOR UPDATE
"""

_MEMBERSHIPS = """
SELECT own."id", own."workspace_id", own."role", workspace."name" AS workspace_name, workspace."slug",
    counter."seq" AS events,
    count(other."id") > 0 AS has_others,
    count(other."id") FILTER (WHERE other."role" = 'OWNER' AND person."disabled_at" IS NULL) > 0
        AS has_other_owner
FROM "memberships" AS own
JOIN "workspaces" AS workspace ON workspace."id" = own."workspace_id"
JOIN "workspace_counters" AS counter ON counter."workspace_id" = own."workspace_id"
LEFT JOIN "memberships" AS other
    ON other."workspace_id" = own."workspace_id" AND other."id" <> own."id" AND other."removed_at" IS NULL
LEFT JOIN "users" AS person ON person."id" = other."user_id"
WHERE own."user_id" = :user_id AND own."removed_at" IS NULL
GROUP BY own."id", workspace."id", counter."workspace_id"
ORDER BY own."workspace_id"
"""

_SCRUB_EVENTS = """
UPDATE "events" AS event SET "changes" = (
    SELECT jsonb_agg(
        change || jsonb_build_object(
            'before', CASE WHEN change ->> 'before' = ANY(:scrubbed) THEN NULL ELSE change -> 'before' END,
            'after', CASE WHEN change ->> 'after' = ANY(:scrubbed) THEN NULL ELSE change -> 'after' END
        ) ORDER BY position
    )
    FROM jsonb_array_elements(event."changes") WITH ORDINALITY AS each (change, position)
)
WHERE event."entity_id" = :workspace_id AND event."entity_type" = 'workspace' AND event."changes" <> '[]'
"""

_DELETE_TASKS = """
DELETE FROM "tasks" WHERE "workspace_id" = :workspace_id
"""

_DELETE_WORKSPACE = """
DELETE FROM "workspaces" WHERE "id" = :workspace_id
"""

_ABANDON = """
UPDATE "workspaces" SET "name" = 'Deleted workspace', "slug" = :slug
WHERE "id" = :workspace_id
"""

_DELETE_MEMBERS = """
DELETE FROM "memberships" WHERE "workspace_id" = :workspace_id
"""

_DELETE_SESSIONS = """
DELETE FROM "sessions" WHERE "user_id" = $1
RETURNING "id", "revoked_at" IS NULL AND "expires_at" > clock_timestamp() AS alive
"""

_TRACES: Final = {
    "MailedToken.deleteAll": 'DELETE FROM "mailed_tokens" WHERE "user_id" = $1',
    "IdempotencyKey.deleteAll": 'DELETE FROM "idempotency_keys" WHERE "user_id" = $1',
}

# An address under .invalid (RFC 2606) reaches nobody, and leaves the user's own free to sign up with.
_SCRUB = """
UPDATE "users"
SET "email" = $2, "name" = $3, "avatar_url" = NULL, "timezone" = 'UTC', "password_hash" = '',
    "email_verified_at" = NULL, "disabled_at" = clock_timestamp(), "deleted_at" = clock_timestamp(),
    "updated_at" = clock_timestamp(), "version" = "version" + 1
WHERE "id" = $1
"""
