"""How the server is reached, and what it shows."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from app.config.environment import Environment
from app.config.fields import Port, Switch, Texts, each
from app.config.trusted_documents import read_manifest
from app.config.values import check_network, check_origin, check_public_url


def _default_host(host: object, info: ValidationInfo) -> object:
    # The demo's password is known to everybody, so a development server answers this machine alone.
    if host is None:
        return "0.0.0.0" if info.data.get("environment") == "production" else "127.0.0.1"  # noqa: S104 - in a container
    return host


def _default_public_url(url: object, info: ValidationInfo) -> object:
    return f"http://localhost:{info.data.get('app_port', 3000)}" if url is None else url


def _check_manifest(path: Path | None) -> Path | None:
    if path is not None:
        read_manifest(path)
    return path


class Edge(Environment):
    app_host: Annotated[str, BeforeValidator(_default_host)] = Field(
        default=None,
        validate_default=True,
        description="the address to listen on",
        examples=["0.0.0.0"],  # noqa: S104 - an example
    )
    app_port: Port = Field(default=3000, description="the port to listen on", examples=["3000"])
    public_url: Annotated[str, BeforeValidator(_default_public_url), AfterValidator(check_public_url)] = (
        Field(
            default=None,
            validate_default=True,
            description="where people reach TaskFlow",
            examples=["https://taskflow.example.com"],
        )
    )
    cors_origins: Annotated[Texts, each(check_origin)] = Field(
        default=("*",),
        description="the web origins that browsers may call from",
        examples=["https://app.example.com"],
    )
    trusted_proxies: Annotated[Texts, each(check_network)] = Field(
        default=("127.0.0.1/32", "::1/128"),
        description="the proxies whose X-Forwarded-For is believed",
        examples=["10.0.0.0/8,127.0.0.1/32"],
    )
    introspection: Switch = Field(
        default=None,
        validate_default=True,
        description="whether clients may ask for the schema; by default in development only",
        examples=["true"],
    )
    graphiql: Switch = Field(
        default=None,
        validate_default=True,
        description="whether browsers get GraphiQL at /graphql; by default in development only",
        examples=["true"],
    )
    suggestions: Switch = Field(
        default=None,
        validate_default=True,
        description="whether errors suggest names (“Did you mean”); by default in development only",
        examples=["false"],
    )
    error_detail: Switch = Field(
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
