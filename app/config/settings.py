import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app.config.database_address import DatabaseAddress, parse_database_url
from app.config.trusted_documents import read_manifest
from app.config.values import (
    check_network,
    check_origin,
    check_public_url,
    check_redis_url,
    check_sender,
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


def _required_behind_a_pooler(url: object, info: ValidationInfo) -> object:
    if url is None and info.data.get("db_pooler") == "transaction":
        raise ValueError("is required with DB_POOLER=transaction, past which migrations go, and not set")
    return url


def _check_database_url(url: str | None, info: ValidationInfo) -> str | None:
    if url is not None:
        parse_database_url(url, user="user", password=None, database="database")
    return url


def _check_secret(secret: SecretStr) -> SecretStr:
    check_signing_secret(secret.get_secret_value())
    return secret


def _check_previous_secret(secret: SecretStr | None) -> SecretStr | None:
    return secret if secret is None else _check_secret(secret)


def _check_tracing(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        installed = find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # of a package that it would be in
        installed = False
    if not installed:
        raise ValueError("needs what `pip install 'taskflow[tracing]'` installs")
    return check_public_url(url)


def _check_manifest(path: Path | None) -> Path | None:
    if path is not None:
        read_manifest(path)
    return path


def _default_secret(secret: object, info: ValidationInfo) -> object:
    required = _required_in_production(secret, info)
    return secrets.token_urlsafe(48) if required is None else required


def _on_in_development(switch: object, info: ValidationInfo) -> object:
    return info.data.get("environment") != "production" if switch is None else switch


_Switch = Annotated[bool, BeforeValidator(_on_in_development)]
"""On in development and off in production, unless it is set."""


def _default_host(host: object, info: ValidationInfo) -> object:
    # The demo's password is known to everybody, so a development server answers this machine alone.
    if host is None:
        return "0.0.0.0" if info.data.get("environment") == "production" else "127.0.0.1"  # noqa: S104 - in a container
    return host


def _default_public_url(url: object, info: ValidationInfo) -> object:
    return f"http://localhost:{info.data.get('app_port', 3000)}" if url is None else url


WITHOUT_MAIL: Final = "no mail is sent, so nobody can reset a password or verify an address"


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
    db_pooler: Literal["none", "transaction"] = Field(
        default="none",
        description="transaction when DATABASE_URL leads to a PgBouncer with pool_mode=transaction",
        examples=["transaction"],
    )
    migration_database_url: Annotated[
        str | None, BeforeValidator(_required_behind_a_pooler), AfterValidator(_check_database_url)
    ] = Field(
        default=None,
        validate_default=True,
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
    rate_limit_points: int = Field(
        default=200_000,
        ge=0,
        description="points that a signed-in user's requests may cost in a window; 0 sets no limit, and"
        " neither does a RATE_LIMIT_MAX of 0",
        examples=["200000"],
    )
    max_tokens: int = Field(
        default=2_000, ge=100, le=100_000, description="tokens of a document", examples=["2000"]
    )
    max_depth: int = Field(
        default=15, ge=1, le=50, description="levels of fields in an operation", examples=["15"]
    )
    max_aliases: int = Field(
        default=30, ge=0, description="aliases in an operation; 0 sets no limit", examples=["30"]
    )
    max_root_fields: int = Field(
        default=20, ge=0, description="root fields of an operation; 0 sets no limit", examples=["20"]
    )
    max_directives: int = Field(
        default=50, ge=0, description="directives in an operation; 0 sets no limit", examples=["50"]
    )
    max_cost: int = Field(
        default=10_000,
        ge=0,
        description="cost of an operation in points; 0 sets no limit",
        examples=["10000"],
    )
    max_concurrent: int = Field(
        default=20,
        ge=0,
        description="operations that a caller may have under way in one server process; 0 sets no limit",
        examples=["20"],
    )
    introspection: _Switch = Field(
        default=None,
        validate_default=True,
        description="whether clients may ask for the schema; by default in development only",
        examples=["true"],
    )
    graphiql: _Switch = Field(
        default=None,
        validate_default=True,
        description="whether browsers get GraphiQL at /graphql; by default in development only",
        examples=["true"],
    )
    suggestions: _Switch = Field(
        default=None,
        validate_default=True,
        description="whether errors suggest names (“Did you mean”); by default in development only",
        examples=["false"],
    )
    error_detail: _Switch = Field(
        default=None,
        validate_default=True,
        description="whether internal errors tell their cause to the client; by default in development only",
        examples=["false"],
    )
    trusted_documents: Annotated[Path | None, AfterValidator(_check_manifest)] = Field(
        default=None,
        description="a manifest of the only GraphQL documents to run; without it, all that are valid",
        examples=["/etc/taskflow/persisted-documents.json"],
    )
    batch_max: int = Field(
        default=0,
        ge=0,
        le=100,
        description="GraphQL requests taken in one HTTP request, as a JSON list; 0 takes no lists",
        examples=["10"],
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

    smtp_host: str | None = Field(
        default=None, description="the SMTP server that mail goes out by", examples=["smtp.example.com"]
    )
    smtp_port: Port = Field(default=587, description="the SMTP port", examples=["587"])
    smtp_user: str | None = Field(default=None, description="the SMTP user", examples=["taskflow"])
    smtp_password: SecretStr | None = Field(
        default=None, description="the SMTP password", examples=["correct-horse-battery"]
    )
    smtp_from: Annotated[str, AfterValidator(check_sender)] = Field(
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

    otel_exporter_otlp_endpoint: Annotated[str | None, AfterValidator(_check_tracing)] = Field(
        default=None,
        description="the OpenTelemetry collector that traces are sent to, by OTLP over HTTP; without it"
        " nothing is traced",
        examples=["http://collector:4318"],
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        default=None,
        description="headers for that collector, as name=value, separated by commas",
        examples=["api-key=correct-horse-battery"],
    )
    otel_traces_sampler_arg: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="the share of requests that is traced, from 0 to 1",
        examples=["0.05"],
    )

    data_dir: Path = Field(
        default=Path(".taskflow"),
        description="the folder of the embedded PostgreSQL and Redis",
        examples=[".taskflow"],
    )
    workers: int = Field(default=1, ge=1, le=256, description="worker processes", examples=["4"])
    max_connections: int = Field(
        default=10_000,
        ge=1,
        description="open sockets and requests under way in one worker process",
        examples=["10000"],
    )
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
    def sends_mail(self) -> bool:
        """False in production without SMTP_HOST; in development without it the log shows the mail."""
        return self.smtp_host is not None or not self.is_production

    @property
    def database(self) -> DatabaseAddress:
        """Raises ValueError when there is no DATABASE_URL (in development, without embedded servers)."""
        if self.database_url is None:
            raise ValueError("DATABASE_URL is not set and no embedded PostgreSQL runs")
        return replace(self._address(self.database_url), pooled=self.db_pooler == "transaction")

    @property
    def migration_database(self) -> DatabaseAddress:
        """Where migrations connect: MIGRATION_DATABASE_URL, else the database itself."""
        return self._address(self.migration_database_url) if self.migration_database_url else self.database

    def warnings(self) -> list[str]:
        """What is allowed but switches something off."""
        if self.is_production and self.smtp_host is None:
            return [f"SMTP_HOST is not set: {WITHOUT_MAIL}."]
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
