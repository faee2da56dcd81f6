"""Who belongs to a workspace, and as what."""

from typing import TypedDict
from uuid import UUID

from app import models
from app.domain import access, workspaces
from app.domain.emails import parse_email
from app.domain.errors import Forbidden, Invalid, Taken, UserErrorCode, UserFault
from app.domain.write import Write
from app.models.enums import Role


class MemberUpdate(TypedDict, total=False):
    """What is set on a membership: a missing key means unchanged."""

    role: Role | None


async def add(write: Write, *, workspace_id: str, email: str, role: Role) -> models.Membership:
    """Makes somebody who has signed up a member; a former member comes back to the row they had."""
    user_id = await _signed_up(write, email)
    workspace = await workspaces.lock(write, workspace_id, ("workspaceId",))
    access.require_role(write.viewer, workspace.id, *access.MANAGERS)
    _require_owner_for(role, write, workspace.id)
    if user_id is None:  # told only to whoever may add members
        raise UserFault("Nobody has signed up with this email.", ("email",), UserErrorCode.NOT_FOUND)
    former = await _membership_of(write, workspace.id, user_id)
    if former is None:
        membership = await _create(write, workspace.id, user_id, role)
    elif former.removed_at is None:
        raise Taken("They are a member of this workspace already.", ("email",))
    else:
        former.removed_at, former.role = None, role
        await write.save(former, "membership.restored")
        membership = former
    write.forget_viewer(user_id)
    return membership


async def update(write: Write, id: str, input: MemberUpdate) -> models.Membership:
    """Changes a member's role, one's own too: by an owner or an admin, and by an owner to or from OWNER."""
    found = await write.find(models.Membership, id)
    await workspaces.lock(write, found.workspace_id, ("id",), what="membership")
    fields = tuple(input)
    membership = await write.change(models.Membership, found.id, fields=fields, roles=access.MANAGERS)
    if "role" not in input:
        return membership
    role = input["role"]
    if role is None:
        raise Invalid("role can't be null.", ("input", "role"))
    if membership.removed_at is not None:
        raise Invalid("This membership has ended. Add them again by memberAdd.", ("id",))
    _require_owner_for(membership.role, write, membership.workspace_id)
    _require_owner_for(role, write, membership.workspace_id)
    if membership.role is Role.OWNER and role is not Role.OWNER:
        await _require_another_owner(write, membership)
    membership.role = role
    await write.save(membership, "membership.updated")
    _changes_view_of(write, membership, role)
    return membership


async def remove(write: Write, id: str) -> models.Membership:
    """Ends a membership: by an owner or an admin, or one's own. Tasks stay assigned and comments signed.

    A membership that has ended stays as it is.
    """
    found = await write.find(models.Membership, id)
    await workspaces.lock(write, found.workspace_id, ("id",), what="membership")
    own = found.user_id == write.viewer.user_id
    membership = await write.change(
        models.Membership, found.id, fields=("removedAt",), roles=tuple(Role) if own else access.MANAGERS
    )
    if not own:
        _require_owner_for(membership.role, write, membership.workspace_id)
    if membership.removed_at is not None:
        return membership
    if membership.role is Role.OWNER:
        await _require_another_owner(write, membership)
    membership.removed_at = write.now
    await write.save(membership, "membership.removed")
    _changes_view_of(write, membership, None)
    return membership


def _changes_view_of(write: Write, membership: models.Membership, role: Role | None) -> None:
    if membership.user_id == write.viewer.user_id:
        write.act_as(write.viewer.having(membership.workspace_id, role))
    write.forget_viewer(membership.user_id)


def _require_owner_for(role: Role, write: Write, workspace_id: UUID) -> None:
    if role is Role.OWNER:
        access.require_role(write.viewer, workspace_id, Role.OWNER)


async def _signed_up(write: Write, email: str) -> UUID | None:
    """Who has the address; held before the workspace, as a deletion of their account holds them."""
    address = parse_email(email)
    found = await write.fetch("User.byEmail", _USER_BY_EMAIL, email=address) if address else []
    return found[0]["id"] if found else None


async def _membership_of(write: Write, workspace_id: UUID, user_id: UUID) -> models.Membership | None:
    rows = await write.fetch(
        "Membership.ofUser", _MEMBERSHIP_ID, workspace_id=workspace_id, member_id=user_id
    )
    return await write.lock(models.Membership, rows[0]["id"]) if rows else None


async def _create(write: Write, workspace_id: UUID, user_id: UUID, role: Role) -> models.Membership:
    membership = models.Membership(
        workspace_id=workspace_id,
        user_id=user_id,
        role=role,
        created_at=write.now,
        updated_at=write.now,
    )
    await write.insert(membership, "membership.created")
    return membership


async def _require_another_owner(write: Write, membership: models.Membership) -> None:
    # Decided under the workspace's lock: of two owners who leave at once, the second one is the last.
    rows = await write.fetch(
        "Membership.otherOwner",
        _OTHER_OWNER,
        workspace_id=membership.workspace_id,
        membership_id=membership.id,
    )
    if not rows:
        raise Forbidden("A workspace keeps at least one owner. Make somebody else an owner first.", ("id",))


# The lock: they do not delete their account meanwhile (account_deletion.py). FOR KEY SHARE would not do
# (workspaces.py).
_USER_BY_EMAIL = """
SELECT "id" FROM "users" WHERE lower("email") = lower(:email) AND "disabled_at" IS NULL
FOR SHARE
"""

_MEMBERSHIP_ID = """
SELECT "id" FROM "memberships" WHERE "workspace_id" = :workspace_id AND "user_id" = :member_id
"""

# Whom an operator has disabled can make nobody else an owner.
_OTHER_OWNER = """
SELECT other."id" FROM "memberships" AS other
JOIN "users" AS person ON person."id" = other."user_id"
WHERE other."workspace_id" = :workspace_id AND other."id" <> :membership_id AND other."role" = 'OWNER'
    AND other."removed_at" IS NULL AND person."disabled_at" IS NULL
LIMIT 1
"""
