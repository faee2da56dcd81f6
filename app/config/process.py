"""The server's processes, and what they tell: logs and traces."""

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from app.config.environment import Environment
from app.config.values import check_public_url


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


class Process(Environment):
    log_level: Literal["debug", "info", "warn", "error"] = Field(
        default="info", description="the least serious messages to log", examples=["info"]
    )
    workers: int = Field(default=1, ge=1, le=256, description="worker processes", examples=["4"])
    shutdown_timeout: int = Field(
        default=30, ge=1, le=3600, description="seconds that open requests get to finish in", examples=["30"]
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
