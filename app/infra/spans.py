"""Spans by OpenTelemetry, sent by OTLP over HTTP: a request, its GraphQL operation, its SQL statements."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.re import parse_env_headers

from app.config import Settings
from app.infra.logging import trace_id

_PATH: Final = "/v1/traces"  # OTLP 1.x: what is added to an endpoint for all signals
_STOP_SECONDS: Final = 3
_LONGEST_NAME: Final = 100


class Spans:
    """One process' tracer. Its attributes are named as in OpenTelemetry's semantic conventions."""

    def __init__(self, endpoint: str, settings: Settings) -> None:
        headers = settings.otel_exporter_otlp_headers
        exporter = OTLPSpanExporter(
            endpoint=endpoint.rstrip("/") + _PATH,
            headers=parse_env_headers(headers.get_secret_value(), liberal=True) if headers else None,
        )
        # A trace that somebody else has begun is kept or dropped as they have decided.
        sampler = ParentBased(TraceIdRatioBased(settings.otel_traces_sampler_arg))
        instance = f"{socket.gethostname()}:{os.getpid()}"
        resource = Resource.create({"service.name": "taskflow", "service.instance.id": instance})
        self._provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("taskflow")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, method: str, path: str, parent: Mapping[str, str]) -> Iterator[Span]:
        """`parent`: `traceparent` and `tracestate` (W3C Trace Context) of a request that is believed."""
        context = self._propagator.extract(parent)
        attributes = {"http.request.method": method, "url.path": path[:_LONGEST_NAME]}
        with self._begin(method, attributes, context, SpanKind.SERVER) as span:
            yield span

    def end_request(self, span: Span, method: str, route: str | None, status: int) -> None:
        """`route`: its template; None when no route took the request. `status` 0: there was no answer."""
        if route is not None:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        if status:
            span.set_attribute("http.response.status_code", status)
        if status == 0 or status >= 500:
            _fail(span, str(status) if status else "no answer")

    @contextmanager
    def operation(self, type: str, name: str | None) -> Iterator[Span]:
        """Begins a trace where no request is traced, as with each operation over a WebSocket."""
        attributes = {"graphql.operation.type": type}
        if name is not None:
            attributes["graphql.operation.name"] = name[:_LONGEST_NAME]
        title = type if name is None else f"{type} {name[:_LONGEST_NAME]}"
        with self._begin(title, attributes, None, SpanKind.INTERNAL) as span:
            yield span

    def end_operation(self, span: Span, codes: Sequence[str]) -> None:
        """`codes`: of the errors in the answer."""
        if codes:
            _fail(span, codes[0])

    def statement(self, label: str, seconds: float) -> None:
        """One that has just ended; by its label: its text may hold what people wrote."""
        if not trace.get_current_span().is_recording():
            return  # nobody's request: the outbox looks for mail, a log is followed
        now = time.time_ns()
        self._tracer.start_span(
            label,
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "db.query.summary": label},
            start_time=now - round(seconds * 1e9),
        ).end(now)

    async def stop(self) -> None:
        """Sends what is left."""
        # A collector that is away would hold it up for half a minute; the thread ends with the process.
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        await asyncio.to_thread(flushing.join, _STOP_SECONDS)

    @contextmanager
    def _begin(
        self, name: str, attributes: dict[str, str], context: Context | None, kind: SpanKind
    ) -> Iterator[Span]:
        # What an exception says may hold what people wrote: only the log tells that.
        with self._tracer.start_as_current_span(
            name, context, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            traced = span.get_span_context()
            trace_id.set(format_trace_id(traced.trace_id) if traced.trace_flags.sampled else None)
            yield span


def _fail(span: Span, error: str) -> None:
    span.set_attribute("error.type", error)
    span.set_status(Status(StatusCode.ERROR))
