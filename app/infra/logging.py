"""Structured logs: readable lines in development, one JSON object a line in production."""

import logging
import sys
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

request_id: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""Of the request or socket that runs now; a field of every line that is logged meanwhile."""

trace_id: Final[ContextVar[str | None]] = ContextVar("trace_id", default=None)
"""The same for the trace that it is part of; None where it is not traced."""

_ACCESS: Final = "taskflow.access"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def configure_logging(
    level: Literal["debug", "info", "warn", "error"], *, json: bool, stream: TextIO | None = None
) -> None:
    """Routes structlog's and the standard library's loggers (uvicorn's too) through one handler."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        _add_ids,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _drop_color_message,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_json_processors() if json else _console_processors(stream)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_LEVELS[level])
    global _access_stream
    _access_stream = stream if json else None
    _quieten_libraries()


def logs_access(level: Literal["debug", "info"]) -> bool:
    """Whether `log_access` writes anything."""
    return _access_logger.isEnabledFor(_LEVELS[level])


def log_access(message: str, fields: dict[str, Any], level: Literal["debug", "info"] = "info") -> None:
    """The line of each request: through structlog it would take a fifth of a small request's time."""
    if _access_stream is None:
        getattr(_access_log, level)(message, **fields)
    elif logs_access(level):
        fields |= {
            "request_id": request_id.get(),
            "level": level,
            "logger": _ACCESS,
            "timestamp": datetime.now(UTC),
            "message": message,
        }
        if (trace := trace_id.get()) is not None:
            fields["trace_id"] = trace
        with suppress(OSError):  # a full disk: the request is not the worse for it
            _access_stream.write(orjson.dumps(fields, default=repr, option=_LINE).decode())
            _access_stream.flush()


_access_stream: TextIO | None = None
_access_logger = logging.getLogger(_ACCESS)
_access_log = structlog.stdlib.get_logger(_ACCESS)
_LINE: Final = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def _json_processors() -> list[Processor]:
    return [structlog.processors.format_exc_info, _rename_event, _render_json]


def _console_processors(stream: TextIO) -> list[Processor]:
    # Not the default formatter of tracebacks: it shows local variables, tokens and passwords among them.
    return [
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _add_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if (current := request_id.get()) is not None:
        event["request_id"] = current
    if (trace := trace_id.get()) is not None:
        event["trace_id"] = trace
    return event


def _drop_color_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn says everything twice
    return event


def _rename_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["message"] = event.pop("event", "")
    return event


def _render_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return orjson.dumps(event, default=repr).decode()


def _quieten_libraries() -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    # Requests are logged by the edge itself, with their id; the drivers' statements are nobody's business.
    logging.getLogger("uvicorn.access").propagate = False  # else uvicorn makes up its line for each
    for name in ("asyncio", "asyncpg", "tortoise", "aerich", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A warning for each socket that a page of another site asks for.
    logging.getLogger("strawberry.ws").setLevel(logging.ERROR)
    # Both log a caller's mistakes with a traceback; the edge logs the ones that are ours.
    logging.getLogger("strawberry.execution").setLevel(logging.CRITICAL)
