"""Access tokens, and how often who may try what."""

import secrets
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from app.config.environment import Environment
from app.config.fields import Duration, required_in_production
from app.config.values import check_signing_secret


def _default_secret(secret: object, info: ValidationInfo) -> object:
    required = required_in_production(secret, info)
    return secrets.token_urlsafe(48) if required is None else required


def _check_secret(secret: SecretStr) -> SecretStr:
    check_signing_secret(secret.get_secret_value())
    return secret


def _check_previous_secret(secret: SecretStr | None) -> SecretStr | None:
    return secret if secret is None else _check_secret(secret)


class Accounts(Environment):
    jwt_secret: Annotated[SecretStr, BeforeValidator(_default_secret), AfterValidator(_check_secret)] = Field(
        default=None,
        validate_default=True,
        description="the secret that signs access tokens, the same on every server",
        examples=["$(openssl rand -base64 48)"],
    )
    jwt_secret_previous: Annotated[SecretStr | None, AfterValidator(_check_previous_secret)] = Field(
        default=None,
        description="another secret whose access tokens are accepted, while JWT_SECRET is being changed",
        examples=["the JWT_SECRET until now"],
    )
    jwt_expiry: Duration = Field(
        default=timedelta(hours=24), description="how long an access token lives", examples=["24h"]
    )
    refresh_expiry: Duration = Field(
        default=timedelta(days=30), description="how long a refresh token lives", examples=["30d"]
    )
    sign_in_window: Duration = Field(
        default=timedelta(minutes=15),
        description="how long failed attempts at signing in count",
        examples=["15m"],
    )
    sign_in_max: int = Field(
        default=10,
        ge=0,
        description="failed attempts with one email from one address in SIGN_IN_WINDOW; 0 sets no limit",
        examples=["10"],
    )
    sign_in_max_per_email: int = Field(
        default=25,
        ge=0,
        description="failed attempts with one email from all addresses that it has not signed in from lately;"
        " 0 sets no limit",
        examples=["25"],
    )
    sign_in_max_per_address: int = Field(
        default=100,
        ge=0,
        description="failed attempts with all emails from one address; 0 sets no limit",
        examples=["100"],
    )
    sign_up_window: Duration = Field(
        default=timedelta(hours=1), description="how long sign-ups count", examples=["1h"]
    )
    sign_up_max: int = Field(
        default=30,
        ge=0,
        description="sign-ups from one address in SIGN_UP_WINDOW; 0 sets no limit",
        examples=["30"],
    )
    password_reset_window: Duration = Field(
        default=timedelta(hours=1), description="how long requests to reset a password count", examples=["1h"]
    )
    password_reset_max: int = Field(
        default=20,
        ge=0,
        description="requests to reset a password from one address in PASSWORD_RESET_WINDOW; 0 sets no limit",
        examples=["20"],
    )
    member_add_window: Duration = Field(
        default=timedelta(hours=1), description="how long additions of members count", examples=["1h"]
    )
    member_add_max: int = Field(
        default=50,
        ge=0,
        description="additions of members by one user in MEMBER_ADD_WINDOW, twice as many from one address;"
        " 0 sets no limit",
        examples=["50"],
    )
