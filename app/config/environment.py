"""What the settings of every subject begin with."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class Environment(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True,
        env_file=".env",
        env_ignore_empty=True,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,
        defer_build=True,  # only Settings, which is made of all subjects, is ever filled in
    )

    environment: Literal["development", "production"] = Field(
        default="development",
        validation_alias=AliasChoices("NODE_ENV", "APP_ENV"),
        description="development or production",
        examples=["production"],
    )

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

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
