from typing import Annotated

import strawberry

from app.domain import email_verification
from app.domain.confirmation import confirm_password
from app.graphql.context import Info
from app.graphql.mutation import mutation, token_mutation
from app.graphql.payloads import Errors, Payload


@strawberry.type(description="That a link was mailed; nothing has changed yet.")
class EmailVerificationRequestPayload(Payload):
    pass


@strawberry.type(
    description="That a link was mailed to the new address; until it is used, the old one stays."
)
class EmailChangePayload(Payload):
    pass


@strawberry.type(description="What came of verifying an address.")
class EmailVerifyPayload(Errors):
    email: str | None = strawberry.field(
        default=None, description="The address, verified now; null with errors."
    )


@strawberry.type
class EmailMutations:
    @mutation(
        "Mails the viewer a link to verify their address. Signing up does so too. Nothing happens when it is"
        " verified already; of more than five in an hour the rest is not sent."
    )
    async def email_verification_request(self, info: Info) -> EmailVerificationRequestPayload:
        settings = info.context.services.settings
        await email_verification.request(info.context.require_write(), sends_mail=settings.sends_mail)
        return EmailVerificationRequestPayload()

    @mutation(
        "Mails a link to a new address for the viewer, which takes the old one's place once it is verified by"
        " emailVerify.",
        secrets=("password",),
    )
    async def email_change(
        self,
        info: Info,
        email: Annotated[str, strawberry.argument(description="The new address.")],
        password: Annotated[str, strawberry.argument(description="The viewer's password.")],
    ) -> EmailChangePayload:
        write, services = info.context.require_write(), info.context.services
        await confirm_password(write, services.passwords, services.attempts, password)
        await email_verification.request_change(write, email, sends_mail=services.settings.sends_mail)
        return EmailChangePayload()

    @token_mutation(
        "Verifies an address by the token of a mailed link, which is good once: for three days, and for an"
        " hour when it is to become the new address. An access token sent along is ignored."
    )
    async def email_verify(
        self,
        info: Info,
        token: Annotated[str, strawberry.argument(description="What follows `#token=` in the link.")],
    ) -> EmailVerifyPayload:
        services = info.context.services
        email = await email_verification.verify(
            services.database, token, sends_mail=services.settings.sends_mail, watch=info.context.watch
        )
        return EmailVerifyPayload(email=email)
