from typing import Annotated

import strawberry

from app.domain.password_reset import PasswordReset
from app.graphql.context import Context, Info
from app.graphql.mutation import token_mutation
from app.graphql.payloads import Errors


@strawberry.type(description="That the request was taken. It says nothing about whether the account exists.")
class PasswordResetRequestPayload(Errors):
    pass


@strawberry.type(description="What came of resetting a password.")
class PasswordResetPayload(Errors):
    pass


@strawberry.type
class PasswordResetMutations:
    @token_mutation(
        "Mails a link to choose a new password, if the address is one that somebody signed up with; the"
        " answer is the same if it is not. An access token sent along is ignored."
    )
    async def password_reset_request(
        self,
        info: Info,
        email: Annotated[str, strawberry.argument(description="The address they signed up with.")],
    ) -> PasswordResetRequestPayload:
        await _password_reset(info.context).request(email, info.context.client_address)
        return PasswordResetRequestPayload()

    @token_mutation(
        "Sets a new password by the token of a mailed link, which is good once, for an hour. Every session of"
        " the user ends at once, on every server; sign in with the new password. An access token sent along"
        " is ignored."
    )
    async def password_reset(
        self,
        info: Info,
        token: Annotated[str, strawberry.argument(description="What follows `#token=` in the link.")],
        new_password: Annotated[
            str,
            strawberry.argument(
                description="The password from now on: 10 to 128 characters; neither a common password nor"
                " the email or the name."
            ),
        ],
    ) -> PasswordResetPayload:
        await _password_reset(info.context).reset(token, new_password)
        # Who was signed in by a token sent along may not be any more.
        if info.context.viewer is not None:
            await info.context.forget_viewer(info.context.viewer.user_id)
        return PasswordResetPayload()


def _password_reset(context: Context) -> PasswordReset:
    services = context.services
    return PasswordReset(
        services.database,
        services.passwords,
        services.viewers,
        services.attempts,
        services.settings.sends_mail,
        context.watch,
    )
