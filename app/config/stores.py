"""PostgreSQL and Redis."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from app.config.database_address import DatabaseAddress, parse_database_url
from app.config.environment import Environment
from app.config.fields import required_in_production
from app.config.values import check_redis_url


def _required_behind_a_pooler(url: object, info: ValidationInfo) -> object:
    if url is None and info.data.get("db_pooler") == "transaction":
        raise ValueError("is required with DB_POOLER=transaction, past which migrations go, and not set")
    return url


def _check_database_url(url: str | None, info: ValidationInfo) -> str | None:
    if url is not None:
        parse_database_url(url, user="user", password=None, database="database")
    return url


class Stores(Environment):
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
        str | None, BeforeValidator(required_in_production), AfterValidator(_check_database_url)
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
        BeforeValidator(required_in_production),
        AfterValidator(lambda url: url if url is None else check_redis_url(url)),
    ] = Field(
        default=None,
        validate_default=True,
        description="the Redis that wakes subscriptions, counts requests and caches",
        examples=["redis://redis:6379"],
    )
    data_dir: Path = Field(
        default=Path(".taskflow"),
        description="the folder of the embedded PostgreSQL and Redis",
        examples=[".taskflow"],
    )

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

    def _address(self, url: str) -> DatabaseAddress:
        password = self.db_password.get_secret_value() if self.db_password else None
        return parse_database_url(url, user=self.db_user, password=password, database=self.db_name)
