from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from app.models.enums import Role


class Fetch(Protocol):
    """`Database.fetch` or `OpenTransaction.fetch`."""

    def __call__(
        self, label: str, sql: str, args: Sequence[object], /
    ) -> Awaitable[Sequence[Mapping[str, Any]]]: ...


@dataclass(frozen=True)
class Viewer:
    """Who asks: `roles` maps the workspaces they belong to now to their role there."""

    user_id: UUID
    session_id: UUID
    roles: Mapping[UUID, Role]

    @cached_property
    def workspace_ids(self) -> list[UUID]:
        return list(self.roles)

    @cached_property
    def binds(self) -> dict[str, object]:
        """What the predicates of access.py bind."""
        return {"user_id": self.user_id, "workspace_ids": self.workspace_ids}

    def role_in(self, workspace_id: UUID) -> Role | None:
        return self.roles.get(workspace_id)

    def having(self, workspace_id: UUID, role: Role | None) -> "Viewer":
        """The same person with that role in the workspace, or with no place in it."""
        roles = {**self.roles, workspace_id: role}
        kept = {each: held for each, held in roles.items() if held is not None}
        return Viewer(self.user_id, self.session_id, kept)


async def load_viewer(fetch: Fetch, user_id: UUID, session_id: UUID) -> Viewer | None:
    """None when the user is gone or disabled, or the session is revoked or has expired."""
    rows = await fetch("Viewer.load", _LOAD, [user_id, session_id])
    if not rows:
        return None
    roles = {row["workspace_id"]: Role(row["role"]) for row in rows if row["workspace_id"] is not None}
    return Viewer(user_id, session_id, roles)


_LOAD = """
SELECT membership."workspace_id", membership."role"
FROM "sessions" AS session
JOIN "users" AS person ON person."id" = session."user_id"
LEFT JOIN "memberships" AS membership
    ON membership."user_id" = person."id" AND membership."removed_at" IS NULL
WHERE session."id" = $2
    AND person."id" = $1
    AND person."disabled_at" IS NULL
    AND session."revoked_at" IS NULL
    AND session."expires_at" > now()
ORDER BY membership."workspace_id"
"""
