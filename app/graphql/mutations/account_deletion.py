from typing import Annotated

import strawberry

from app.domain import account_deletion
from app.domain.confirmation import confirm_password
from app.graphql.context import Info
from app.graphql.mutation import mutation
from app.graphql.payloads import Payload


@strawberry.type(description="What came of deleting an account.")
class AccountDeletePayload(Payload):
    pass


@strawberry.type
class AccountDeletionMutations:
    @mutation(
        "Deletes the viewer's account for good: their name, email, picture, sessions and tokens, and the"
        " workspaces that nobody else belongs to, with everything in them. In other workspaces what they"
        " wrote stays, by a “Deleted user”. Refused with FORBIDDEN to the only owner of a workspace that"
        " others belong to. Every session ends at once, on every server, so a repeat is UNAUTHENTICATED.",
        secrets=("password",),
    )
    async def account_delete(
        self,
        info: Info,
        password: Annotated[str, strawberry.argument(description="The viewer's password.")],
    ) -> AccountDeletePayload:
        write, services = info.context.require_write(), info.context.services
        await confirm_password(write, services.passwords, services.attempts, password)
        await account_deletion.delete(write, sends_mail=services.settings.sends_mail)
        return AccountDeletePayload()
