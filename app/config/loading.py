from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from app.config.settings import Settings

_MESSAGES = {
    "bool_parsing": "is neither true nor false",
    "int_parsing": "is not a whole number",
    "float_parsing": "is not a number",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "literal_error": "is not {expected}",
}


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` holds one sentence for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(**overrides: Any) -> Settings:
    """
    Reads the environment and `.env`; `overrides` (attribute names) come first.

    Raises ConfigurationError with every problem at once. No problem contains a value, which may be a secret.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError([_problem(detail) for detail in error.errors()]) from None


def variable_name(attribute: str) -> str:
    """The environment variable of a Settings attribute."""
    return "NODE_ENV" if attribute == "environment" else attribute.upper()


def _problem(detail: Mapping[str, Any]) -> str:
    variable = variable_name(str(detail["loc"][0]))
    field = Settings.model_fields["environment" if variable == "NODE_ENV" else variable.lower()]
    context = detail.get("ctx", {})
    template = _MESSAGES.get(detail["type"], "{error}" if "error" in context else detail["msg"])
    example = (field.examples or [""])[0]
    return (
        f"{variable} {template.format(**context)}. It is {field.description}. Example: {variable}={example}"
    )
