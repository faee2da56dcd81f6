"""Traces, off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

Whoever could be traced asks whether `spans` is None: OpenTelemetry, an optional dependency, is loaded only
where it is not.
"""

from typing import TYPE_CHECKING

from app.config import Settings

if TYPE_CHECKING:
    from app.infra.spans import Spans

spans: "Spans | None" = None
"""Where this process' spans begin; None: nothing is traced."""


def start_tracing(settings: Settings) -> None:
    global spans
    if settings.otel_exporter_otlp_endpoint is not None:
        from app.infra.spans import Spans

        spans = Spans(settings.otel_exporter_otlp_endpoint, settings)


async def stop_tracing() -> None:
    """Sends what has ended, within a few seconds."""
    global spans
    if spans is not None:
        stopping, spans = spans, None
        await stopping.stop()
