"""Who may see and do what.

Each entity has one predicate: a function from a table alias to SQL over `:user_id::uuid` and
`:workspace_ids::uuid[]` (`Viewer.binds`), typed for the engine to know that they are ids. It is part of
every statement that reaches the entity; what it leaves out is not found.
"""

from collections.abc import Callable
from uuid import UUID

from tortoise import Model

from app import models
from app.domain.errors import Forbidden
from app.domain.viewer import Viewer
from app.models.enums import Role

Predicate = Callable[[str], str]

WRITERS = (Role.OWNER, Role.ADMIN, Role.MEMBER)
MANAGERS = (Role.OWNER, Role.ADMIN)


def workspace(alias: str) -> str:
    return f'{alias}."id" = ANY(:workspace_ids::uuid[])'


def in_workspace(alias: str) -> str:
    return f'{alias}."workspace_id" = ANY(:workspace_ids::uuid[])'


membership = project = status = task = task_relation = label = comment = event = in_workspace


def user(alias: str) -> str:
    """Oneself, and whoever is or was a member of one of the viewer's workspaces."""
    # With OFFSET 0 it is looked up for this user: else PostgreSQL may first gather all whom the viewer knows.
    return (
        f'({alias}."id" = :user_id::uuid OR EXISTS (SELECT 1 FROM "memberships" AS shared WHERE'
        f' shared."user_id" = {alias}."id" AND shared."workspace_id" = ANY(:workspace_ids::uuid[]) OFFSET 0))'
    )


def email(alias: str) -> str:
    """Of a user whom the viewer may see: oneself, and who belongs to one of the viewer's workspaces now."""
    return (
        f'({alias}."id" = :user_id::uuid OR EXISTS (SELECT 1 FROM "memberships" AS shared WHERE'
        f' shared."user_id" = {alias}."id" AND shared."workspace_id" = ANY(:workspace_ids::uuid[])'
        f' AND shared."removed_at" IS NULL OFFSET 0))'
    )


def session(alias: str) -> str:
    """One's own, until they end."""
    return (
        f'({alias}."user_id" = :user_id::uuid AND {alias}."revoked_at" IS NULL'
        f' AND {alias}."expires_at" > now())'
    )


PREDICATES: dict[type[Model], Predicate] = {
    models.Workspace: workspace,
    models.Membership: membership,
    models.Project: project,
    models.Status: status,
    models.Task: task,
    models.TaskRelation: task_relation,
    models.Label: label,
    models.Comment: comment,
    models.Event: event,
    models.User: user,
    models.Session: session,
}


def require_role(viewer: Viewer, workspace_id: UUID, *roles: Role) -> None:
    """Raises Forbidden unless the viewer's role in the workspace is one of `roles`."""
    role = viewer.role_in(workspace_id)
    if role not in roles:
        held = "not a member" if role is None else role.value
        raise Forbidden(f"Only {_listed(roles)} may do this; you are {held} here.")


def require_writer(viewer: Viewer, workspace_id: UUID) -> None:
    """GUEST reads and writes nothing."""
    require_role(viewer, workspace_id, *WRITERS)


def _listed(roles: tuple[Role, ...]) -> str:
    *first, last = [role.value for role in roles]
    return f"{', '.join(first)} or {last}" if first else last
