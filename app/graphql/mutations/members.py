from typing import Annotated

import strawberry
from strawberry import UNSET

from app.domain import members
from app.engine import to_one
from app.graphql.context import Info
from app.graphql.mutation import given, mutation
from app.graphql.payloads import Payload
from app.graphql.workspaces import Member
from app.models.enums import Role


@strawberry.input(description="Changes to a membership; what is left out stays as it is.")
class MemberUpdateInput:
    role: Role | None = strawberry.field(
        default=UNSET, description="What they may do in the workspace from now on; not null."
    )


@strawberry.type(description="What came of a change to who belongs to a workspace.")
class MemberPayload(Payload):
    member: Member | None = to_one(
        "The membership as it is now, with removedAt when it has ended; null with errors, and to somebody who"
        " has just left.",
        key="subject_id",
    )


@strawberry.type
class MemberMutations:
    @mutation(
        "Makes somebody who has signed up a member. For owners and admins; only owners add an owner. A former"
        " member comes back to the membership they had. Who was added may leave at any time, by memberRemove."
        " Attempts are limited per user and per address, failed ones too: the answer tells who has signed up."
    )
    async def member_add(
        self,
        info: Info,
        workspace_id: Annotated[
            strawberry.ID, strawberry.argument(description="The workspace to belong to.")
        ],
        email: Annotated[str, strawberry.argument(description="The address they signed up with.")],
        role: Annotated[Role, strawberry.argument(description="What they may do there.")],
    ) -> MemberPayload:
        context = info.context
        await context.services.attempts.member_add(context.require_viewer().user_id, context.client_address)
        membership = await members.add(
            context.require_write(), workspace_id=workspace_id, email=email, role=role
        )
        return MemberPayload(subject_id=membership.id)

    @mutation(
        "Changes what a member may do, at once. For owners and admins, one's own role included; only owners"
        " make somebody an owner or end that, and the last owner stays one.",
        changes_existing=True,
    )
    async def member_update(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The membership, not the user.")],
        input: Annotated[MemberUpdateInput, strawberry.argument(description="What changes.")],
    ) -> MemberPayload:
        membership = await members.update(
            info.context.require_write(), id, given(input, members.MemberUpdate)
        )
        return MemberPayload(subject_id=membership.id)

    @mutation(
        "Ends a membership, at once: one's own, or by an owner or an admin; only owners remove an owner, and"
        " the last one stays. What they wrote stays theirs, and tasks stay assigned to them.",
        changes_existing=True,
    )
    async def member_remove(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The membership, not the user.")],
    ) -> MemberPayload:
        membership = await members.remove(info.context.require_write(), id)
        return MemberPayload(subject_id=membership.id)
