import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app.config.database_address import DatabaseAddress, parse_database_url
from app.config.values import (
    check_network,
    check_origin,
    check_public_url,
    check_redis_url,
    check_signing_secret,
    parse_duration,
    parse_list,
)

Port = Annotated[int, Field(ge=1, le=65535)]
Duration = Annotated[
    timedelta, BeforeValidator(lambda given: parse_duration(given) if isinstance(given, str) else given)
]
_Texts = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda given: parse_list(given) if isinstance(given, str) else given),
]


def _each(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda entries: tuple(check(entry) for entry in entries))


def _required_in_production(value: object, info: ValidationInfo) -> object:
    if value is None and info.data.get("environment") == "production":
        raise ValueError("is required in production and not set")
    return value


def _check_database_url(url: str | None, info: ValidationInfo) -> str | None:
    if url is not None:
        parse_database_url(url, user="user", password=None, database="database")
    return url


def _check_secret(secret: SecretStr) -> SecretStr:
    check_signing_secret(secret.get_secret_value())
    return secret


def _default_secret(secret: object, info: ValidationInfo) -> object:
    required = _required_in_production(secret, info)
    return secrets.token_urlsafe(48) if required is None else required


def _default_host(host: object, info: ValidationInfo) -> object:
    # The demo's password is known to everybody, so a development server answers this machine alone.
    if host is None:
        return "0.0.0.0" if info.data.get("environment") == "production" else "127.0.0.1"  # noqa: S104 - in a container
    return host


def _default_public_url(url: object, info: ValidationInfo) -> object:
    return f"http://localhost:{info.data.get('app_port', 3000)}" if url is None else url


class Settings(BaseSettings):
    """
    Everything an operator can set; each attribute is read from the variable of the same name in capitals
    (`environment` from NODE_ENV or APP_ENV). Use `load_settings`, which explains what is wrong.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        env_file=".env",
        env_ignore_empty=True,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    environment: Literal["development", "production"] = Field(
        default="development",
        validation_alias=AliasChoices("NODE_ENV", "APP_ENV"),
        description="development or production",
        examples=["production"],
    )
    app_host: Annotated[str, BeforeValidator(_default_host)] = Field(
        default=None,
        validate_default=True,
        description="the address to listen on",
        examples=["0.0.0.0"],  # noqa: S104 - an example
    )
    app_port: Port = Field(default=3000, description="the port to listen on", examples=["3000"])

    db_user: str = Field(
        default="taskflow",
        description="the PostgreSQL user where DATABASE_URL names none",
        examples=["taskflow"],
    )
    db_password: SecretStr | None = Field(
        default=None,
        description="the PostgreSQL password where DATABASE_URL holds none",
        examples=["correct-horse-battery"],
    )
    db_name: str = Field(
        default="taskflow",
        description="the PostgreSQL database where DATABASE_URL names none",
        examples=["taskflow"],
    )
    database_url: Annotated[
        str | None, BeforeValidator(_required_in_production), AfterValidator(_check_database_url)
    ] = Field(
        default=None,
        validate_default=True,
        description="the PostgreSQL database that holds everything",
        examples=["postgresql://taskflow@db:5432/taskflow"],
    )
    migration_database_url: Annotated[str | None, AfterValidator(_check_database_url)] = Field(
        default=None,
        description="where migrations connect, when not through the same pooler or as the same user",
        examples=["postgresql://owner@db:5432/taskflow"],
    )
    db_pool_size: int = Field(
        default=10,
        ge=1,
        le=500,
        description="connections per process for reads; writes get half as many",
        examples=["10"],
    )
    redis_url: Annotated[
        str | None,
        BeforeValidator(_required_in_production),
        AfterValidator(lambda url: url if url is None else check_redis_url(url)),
    ] = Field(
        default=None,
        validate_default=True,
        description="the Redis that wakes subscriptions, counts requests and caches",
        examples=["redis://redis:6379"],
    )

    jwt_secret: Annotated[SecretStr, BeforeValidator(_default_secret), AfterValidator(_check_secret)] = Field(
        default=None,
        validate_default=True,
        description="the secret that signs access tokens, the same on every server",
        examples=["$(openssl rand -base64 48)"],
    )
    jwt_expiry: Duration = Field(
        default=timedelta(hours=24), description="how long an access token lives", examples=["24h"]
    )
    refresh_expiry: Duration = Field(
        default=timedelta(days=30), description="how long a refresh token lives", examples=["30d"]
    )

    log_level: Literal["debug", "info", "warn", "error"] = Field(
        default="info", description="the least serious messages to log", examples=["info"]
    )
    cors_origins: Annotated[_Texts, _each(check_origin)] = Field(
        default=("*",),
        description="the web origins that browsers may call from",
        examples=["https://app.example.com"],
    )
    rate_limit_window: int = Field(
        default=900_000, ge=1000, description="milliseconds in which requests count", examples=["900000"]
    )
    rate_limit_max: int = Field(
        default=100, ge=0, description="requests in a window; 0 sets no limit", examples=["100"]
    )

    smtp_host: str | None = Field(
        default=None, description="the SMTP server for notifications", examples=["smtp.example.com"]
    )
    smtp_port: Port = Field(default=587, description="the SMTP port", examples=["587"])
    smtp_user: str | None = Field(default=None, description="the SMTP user", examples=["taskflow"])
    smtp_password: SecretStr | None = Field(
        default=None, description="the SMTP password", examples=["correct-horse-battery"]
    )
    smtp_from: str = Field(
        default="TaskFlow <taskflow@localhost>",
        description="the sender of mail",
        examples=["TaskFlow <tasks@example.com>"],
    )
    public_url: Annotated[str, BeforeValidator(_default_public_url), AfterValidator(check_public_url)] = (
        Field(
            default=None,
            validate_default=True,
            description="where people reach TaskFlow",
            examples=["https://taskflow.example.com"],
        )
    )

    data_dir: Path = Field(
        default=Path(".taskflow"),
        description="the folder of the embedded PostgreSQL and Redis",
        examples=[".taskflow"],
    )
    workers: int = Field(default=1, ge=1, le=256, description="worker processes", examples=["4"])
    trusted_proxies: Annotated[_Texts, _each(check_network)] = Field(
        default=("127.0.0.1/32", "::1/128"),
        description="the proxies whose X-Forwarded-For is believed",
        examples=["10.0.0.0/8,127.0.0.1/32"],
    )
    shutdown_timeout: int = Field(
        default=30, ge=1, le=3600, description="seconds that open requests get to finish in", examples=["30"]
    )

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def database(self) -> DatabaseAddress:
        """Raises ValueError when there is no DATABASE_URL (in development, without embedded servers)."""
        if self.database_url is None:
            raise ValueError("DATABASE_URL is not set and no embedded PostgreSQL runs")
        return self._address(self.database_url)

    @property
    def migration_database(self) -> DatabaseAddress:
        """Where migrations connect: MIGRATION_DATABASE_URL, else the database itself."""
        return self._address(self.migration_database_url) if self.migration_database_url else self.database

    def warnings(self) -> list[str]:
        """What is allowed but switches something off."""
        if self.is_production and self.smtp_host is None:
            return ["SMTP_HOST is not set: notifications by email are off."]
        return []

    def _address(self, url: str) -> DatabaseAddress:
        password = self.db_password.get_secret_value() if self.db_password else None
        return parse_database_url(url, user=self.db_user, password=password, database=self.db_name)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[Any, ...]:
        return init_settings, _without_field_names(env_settings), _without_field_names(dotenv_settings)


def _without_field_names(source: PydanticBaseSettingsSource) -> Callable[[], dict[str, Any]]:
    # populate_by_name would also read a variable ENVIRONMENT, which other software uses for names of its own.
    return lambda: {name: value for name, value in source().items() if name != "environment"}
