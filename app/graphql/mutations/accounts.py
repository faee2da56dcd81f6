import datetime as dt
from typing import Annotated

import strawberry

from app.domain import accounts, password_change, sessions
from app.domain.accounts import Accounts
from app.domain.sessions import SignedIn
from app.domain.viewer import load_viewer
from app.engine import to_one
from app.graphql.context import Context, Info
from app.graphql.mutation import mutation, token_mutation
from app.graphql.payloads import Errors, Payload
from app.graphql.users import User


@strawberry.input(description="Who signs up.")
class SignUpInput:
    email: str = strawberry.field(
        description="The address to sign in with: unique, upper and lower case being the same."
    )
    password: str = strawberry.field(
        description="10 to 128 characters; neither a common password nor the email or the name."
    )
    name: str = strawberry.field(description="What others see: 1 to 100 characters.")


@strawberry.input(description="Who signs in.")
class SignInInput:
    email: str = strawberry.field(description="The address they signed up with.")
    password: str = strawberry.field(description="Their password.")


@strawberry.type(description="Tokens, and whom they are for. With userErrors everything else is null.")
class AuthPayload(Errors):
    user: User | None = to_one("Who is signed in.", key="subject_id")
    access_token: str | None = strawberry.field(
        default=None,
        description="A JSON Web Token for `Authorization: Bearer …`, and for a WebSocket's connection_init.",
    )
    refresh_token: str | None = strawberry.field(
        default=None,
        description="Good once, for tokenRefresh. Keep it where scripts of others cannot read it.",
    )
    expires_at: dt.datetime | None = strawberry.field(
        default=None, description="When the access token expires; refresh it before."
    )


@strawberry.type(description="What came of signing out.")
class SignOutPayload(Payload):
    pass


@strawberry.type(description="What came of changing the password.")
class PasswordChangePayload(Payload):
    user: User | None = to_one("Whose it is; null with errors.", key="subject_id")


@strawberry.type(description="A session that is no more.")
class SessionRevokePayload(Payload):
    revoked_session_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the session that was ended; null with errors."
    )

    def __post_init__(self) -> None:
        if self.subject_id is not None:
            self.revoked_session_id = strawberry.ID(str(self.subject_id))


@strawberry.type
class AccountMutations:
    @token_mutation(
        "Makes an account with a personal workspace and a first project in it, and signs in. A token sent"
        " along is ignored."
    )
    async def sign_up(
        self,
        info: Info,
        input: Annotated[SignUpInput, strawberry.argument(description="The new account.")],
    ) -> AuthPayload:
        signed_in = await _accounts(info.context).sign_up(
            email=input.email, password=input.password, name=input.name, device=info.context.device
        )
        return await _hand_out(info.context, signed_in)

    @token_mutation(
        "Begins a session. A wrong password and an unknown email answer alike. A token sent along is ignored."
    )
    async def sign_in(
        self,
        info: Info,
        input: Annotated[SignInInput, strawberry.argument(description="The credentials.")],
    ) -> AuthPayload:
        signed_in = await _accounts(info.context).sign_in(
            email=input.email, password=input.password, device=info.context.device
        )
        return await _hand_out(info.context, signed_in)

    @token_mutation(
        "Spends a refresh token for a new pair of tokens. Within 30 seconds a spent one still gets the same"
        " refresh token again, for a lost answer or a second tab; used later it is taken for stolen, and its"
        " session ends."
        " An access token sent along is ignored."
    )
    async def token_refresh(
        self,
        info: Info,
        refresh_token: Annotated[str, strawberry.argument(description="The newest one that was received.")],
    ) -> AuthPayload:
        signed_in = await _accounts(info.context).refresh(refresh_token, info.context.device)
        return await _hand_out(info.context, signed_in)

    @mutation(
        "Ends the session: its access and refresh tokens are refused at once, by every server. A repeat is"
        " UNAUTHENTICATED, also with its idempotencyKey: the session that it would repeat in is over."
    )
    async def sign_out(
        self,
        info: Info,
        everywhere: Annotated[
            bool | None,
            strawberry.argument(description="Ends all sessions of the user, on other devices too."),
        ] = False,
    ) -> SignOutPayload:
        await accounts.sign_out(info.context.require_write(), everywhere=bool(everywhere))
        return SignOutPayload()

    @mutation(
        "Changes the viewer's password and ends their other sessions, at once and on every server. This one"
        " goes on. Attempts are limited as those to sign in are.",
        secrets=("current_password", "new_password"),
    )
    async def password_change(
        self,
        info: Info,
        current_password: Annotated[str, strawberry.argument(description="The password until now.")],
        new_password: Annotated[
            str,
            strawberry.argument(
                description="The password from now on: 10 to 128 characters; neither a common password nor"
                " the email or the name."
            ),
        ],
    ) -> PasswordChangePayload:
        write, services = info.context.require_write(), info.context.services
        await password_change.change(
            write,
            services.passwords,
            services.attempts,
            current_password=current_password,
            new_password=new_password,
            sends_mail=services.settings.sends_mail,
        )
        return PasswordChangePayload(subject_id=write.viewer.user_id)

    @mutation(
        "Ends one of the viewer's sessions: its access and refresh tokens are refused at once, by every"
        " server. The session that this comes in may be ended too."
    )
    async def session_revoke(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The session's id.")],
    ) -> SessionRevokePayload:
        return SessionRevokePayload(subject_id=await sessions.revoke_own(info.context.require_write(), id))


def _accounts(context: Context) -> Accounts:
    services, settings = context.services, context.services.settings
    return Accounts(
        services.database,
        services.passwords,
        services.viewers,
        services.attempts,
        settings.refresh_expiry,
        [
            secret.get_secret_value().encode("utf-8", "surrogateescape")
            for secret in (settings.jwt_secret, settings.jwt_secret_previous)
            if secret is not None
        ],
        context.watch,
        settings.sends_mail,
    )


async def _hand_out(context: Context, signed_in: SignedIn) -> AuthPayload:
    """The payload is read as the one it is for."""
    services = context.services
    await context.sign_in(await load_viewer(services.database.fetch, signed_in.user_id, signed_in.session_id))
    token, expires_at = services.access_tokens.issue(
        signed_in.user_id, signed_in.session_id, dt.datetime.now(dt.UTC)
    )
    return AuthPayload(
        subject_id=signed_in.user_id,
        access_token=token,
        refresh_token=signed_in.refresh_token,
        expires_at=expires_at,
    )
