"""Workspaces: the tenants."""

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app import models
from app.domain import values
from app.domain.errors import Invalid, NotFound, Taken
from app.domain.write import Write
from app.models.enums import Role

MIN_SLUG_LENGTH: Final = 3
MAX_SLUG_LENGTH: Final = 48
MAX_NAME_LENGTH: Final = 100

_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# What slugs of other people's workspaces become when they go (account_deletion.py).
_RESERVED_PREFIXES: Final = ("deleted-", "workspace-")
# A slug is the first part of an app's addresses; these stand there already, or soon will.
_RESERVED: Final = frozenset(
    [
        *(
            "about",
            "account",
            "admin",
            "api",
            "app",
            "assets",
            "auth",
            "docs",
            "graphiql",
            "graphql",
            "health",
        ),
        *(
            "help",
            "home",
            "invite",
            "login",
            "logout",
            "metrics",
            "new",
            "null",
            "search",
            "settings",
            "signin",
        ),
        *("signout", "signup", "static", "status", "support", "undefined", "user", "workspaces", "www"),
    ]
)


async def create(write: Write, *, id: str | None, slug: str, name: str) -> models.Workspace:
    """A workspace with the viewer as its owner; the write goes on as somebody who is a member of it."""
    workspace = models.Workspace(
        id=values.own_id(id),
        slug=check_slug(slug, ("input", "slug")),
        name=values.line(name, ("input", "name"), MAX_NAME_LENGTH),
        created_at=write.now,
        updated_at=write.now,
    )
    write.forget_viewer(write.viewer.user_id)
    return await found(write, workspace)


async def found(write: Write, workspace: models.Workspace) -> models.Workspace:
    """Inserts the workspace with its counter and its first member, the viewer as OWNER."""
    await write.insert(workspace, "workspace.created")
    await write.fetch("WorkspaceCounter.insert", _INSERT_COUNTER, workspace_id=workspace.id)
    owner = models.Membership(
        workspace_id=workspace.id,
        user_id=write.viewer.user_id,
        role=Role.OWNER,
        created_at=write.now,
        updated_at=write.now,
    )
    await write.insert(owner, "membership.created")
    write.act_as(write.viewer.having(workspace.id, Role.OWNER))
    return workspace


async def lock(
    write: Write, workspace_id: str | UUID, field: Sequence[str], what: str = "workspace"
) -> models.Workspace:
    """Holds the workspace, so that one change at a time is made to who belongs to it.

    The viewer's role is read again under the lock, since what the request began with may have been taken away
    meanwhile. Raises NotFound, for `what`, to whoever is no member.
    """
    workspace = await write.lock(models.Workspace, workspace_id, field)
    rows = await write.fetch("Membership.viewerRole", _VIEWER_ROLE, workspace_id=workspace.id)
    if not rows:
        raise NotFound(what, field)
    write.act_as(write.viewer.having(workspace.id, Role(rows[0]["role"])))
    return workspace


def check_slug(slug: str, field: Sequence[str]) -> str:
    """Raises Invalid, or Taken for a reserved one."""
    if not MIN_SLUG_LENGTH <= len(slug) <= MAX_SLUG_LENGTH or not _SLUG.fullmatch(slug):
        raise Invalid(
            f"A slug has {MIN_SLUG_LENGTH} to {MAX_SLUG_LENGTH} lower-case letters (a to z), digits, and"
            " single hyphens between them.",
            field,
        )
    if slug in _RESERVED:
        raise Taken("This slug is reserved. Choose another.", field)
    if slug.startswith(_RESERVED_PREFIXES):
        beginnings = " and ".join(f"“{prefix}”" for prefix in _RESERVED_PREFIXES)
        raise Taken(f"Slugs that begin with {beginnings} are reserved. Choose another.", field)
    return slug


# The lock: the owner does not delete their account meanwhile (account_deletion.py). The membership's foreign
# key takes FOR KEY SHARE, which is not enough: PostgreSQL (heap_lock_tuple) may grant it beside a FOR UPDATE
# that comes while it looks, as it looks again for updates alone.
_INSERT_COUNTER = """
WITH owner AS (SELECT "id" FROM "users" WHERE "id" = :user_id FOR SHARE)
INSERT INTO "workspace_counters" ("workspace_id", "seq") SELECT :workspace_id::uuid, 0 FROM owner
"""

_VIEWER_ROLE = """
SELECT "role" FROM "memberships"
WHERE "workspace_id" = :workspace_id AND "user_id" = :user_id AND "removed_at" IS NULL
"""
