"""Kinds of values that several settings have."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

from app.config.values import parse_duration, parse_list

Port = Annotated[int, Field(ge=1, le=65535)]
Duration = Annotated[
    timedelta, BeforeValidator(lambda given: parse_duration(given) if isinstance(given, str) else given)
]
Texts = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda given: parse_list(given) if isinstance(given, str) else given),
]


def each(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda entries: tuple(check(entry) for entry in entries))


def required_in_production(value: object, info: ValidationInfo) -> object:
    if value is None and info.data.get("environment") == "production":
        raise ValueError("is required in production and not set")
    return value


def _on_in_development(switch: object, info: ValidationInfo) -> object:
    return info.data.get("environment") != "production" if switch is None else switch


Switch = Annotated[bool, BeforeValidator(_on_in_development)]
"""On in development and off in production, unless it is set."""
