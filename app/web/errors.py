"""The one place where failures become GraphQL errors. What it does not know is logged and masked."""

import re
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from app.domain.errors import Busy, Unauthenticated, UserFault
from app.infra.db import DatabaseUnavailable
from app.infra.metrics import errors as errors_metric

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"
BAD_REQUEST: Final = "BAD_REQUEST"
NOT_FOUND: Final = "NOT_FOUND"
METHOD_NOT_ALLOWED: Final = "METHOD_NOT_ALLOWED"
PAYLOAD_TOO_LARGE: Final = "PAYLOAD_TOO_LARGE"
UNSUPPORTED_MEDIA_TYPE: Final = "UNSUPPORTED_MEDIA_TYPE"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
BATCH_REFUSED: Final = "BATCH_REFUSED"
CSRF_PREVENTION: Final = "CSRF_PREVENTION"
ORIGIN_REFUSED: Final = "ORIGIN_REFUSED"
REQUEST_TIMEOUT: Final = "REQUEST_TIMEOUT"
PERSISTED_QUERY_NOT_FOUND: Final = "PERSISTED_QUERY_NOT_FOUND"
UNTRUSTED_DOCUMENT: Final = "UNTRUSTED_DOCUMENT"
RATE_LIMITED: Final = "RATE_LIMITED"
TOO_MANY_TOKENS: Final = "TOO_MANY_TOKENS"
TOO_DEEP: Final = "TOO_DEEP"
TOO_MANY_FIELDS: Final = "TOO_MANY_FIELDS"
TOO_MANY_ALIASES: Final = "TOO_MANY_ALIASES"
TOO_MANY_ROOT_FIELDS: Final = "TOO_MANY_ROOT_FIELDS"
TOO_MANY_DIRECTIVES: Final = "TOO_MANY_DIRECTIVES"
TOO_MANY_VALUES: Final = "TOO_MANY_VALUES"
COST_TOO_HIGH: Final = "COST_TOO_HIGH"
TOO_MANY_CONCURRENT: Final = "TOO_MANY_CONCURRENT"
TOO_MANY_CONNECTIONS: Final = "TOO_MANY_CONNECTIONS"
TOO_MANY_OPERATIONS: Final = "TOO_MANY_OPERATIONS"
SERVICE_UNAVAILABLE: Final = "SERVICE_UNAVAILABLE"
TIMEOUT: Final = "TIMEOUT"
INTERNAL: Final = "INTERNAL_SERVER_ERROR"
for _code in (SERVICE_UNAVAILABLE, TIMEOUT, INTERNAL):
    errors_metric.labels(_code)  # from 0 on: of a series that is born with 1 no increase is seen

_UNAVAILABLE = "The service is not available at the moment. Try again soon."
_MASKED = "Something went wrong on our side. Quote the requestId when you report it."
_SILENT_SECONDS = 10
_log = structlog.stdlib.get_logger("taskflow.errors")

FormattedError = dict[str, Any]


@dataclass(slots=True)
class _Told:
    suggestions: bool = True
    detail: bool = False


_told = _Told()
_SUGGESTION: Final = re.compile(r" Did you mean [^?]*\?")  # graphql-core's
_MAX_MESSAGE: Final = 300
"""Characters. graphql-core prints the value that an error is about, however long the client made it."""
_MAX_LOCATIONS: Final = 20
"""Of one error: a fault may be in every line of a document."""


def tell(*, suggestions: bool, detail: bool) -> None:
    """What errors tell from now on, in the whole process: names that were perhaps meant, and the causes of
    internal ones. Neither is a client's business in production."""
    _told.suggestions, _told.detail = suggestions, detail


class RequestError(Exception):
    """The request cannot be run. Answered with an HTTP status of its own, whatever the client accepts; None:
    with the one that a document has that cannot be run."""

    def __init__(
        self, status: int | None, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


class DocumentErrors(Exception):
    """The document does not parse or is not valid for the schema."""

    def __init__(self, code: str, errors: Sequence[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


@dataclass(frozen=True, slots=True)
class _Description:
    code: str
    message: str
    extensions: Mapping[str, Any] | None = None


def format_errors(
    errors: Sequence[GraphQLError], request_id: str, *, request_code: str = BAD_USER_INPUT
) -> list[FormattedError]:
    """The `errors` entry of an answer.

    `request_code` is the code of errors of the request as a whole, which name no field: those of the
    variables, unless the caller says that they come from parsing or validating.
    """
    return [_format(error, request_id, request_code) for error in errors]


def format_error(code: str, message: str, request_id: str) -> FormattedError:
    errors_metric.labels(code).inc()
    return {"message": message, "extensions": {"code": code, "requestId": request_id}}


def format_exception(error: Exception, request_id: str) -> FormattedError:
    """For a failure outside of any field."""
    if isinstance(error, GraphQLError):
        return _format(error, request_id, INTERNAL)
    description = _describe_cause(error) or _mask(error, None)
    formatted = format_error(description.code, description.message, request_id)
    formatted["extensions"] |= description.extensions or {}
    return formatted


def status_of(errors: Sequence[FormattedError]) -> int | None:
    """The HTTP status that a failure outside of any field asks for."""
    codes = {error["extensions"]["code"] for error in errors}
    return 503 if SERVICE_UNAVAILABLE in codes else 500 if INTERNAL in codes else None


def is_unavailable(errors: Sequence[FormattedError]) -> bool:
    return any(error["extensions"]["code"] == SERVICE_UNAVAILABLE for error in errors)


def _format(error: GraphQLError, request_id: str, request_code: str) -> FormattedError:
    description = _describe(error, request_code)
    errors_metric.labels(description.code).inc()
    message = description.message if _told.suggestions else _SUGGESTION.sub("", description.message)
    formatted: FormattedError = {"message": _cut(message)}
    if error.locations:
        formatted["locations"] = [
            {"line": location.line, "column": location.column}
            for location in error.locations[:_MAX_LOCATIONS]
        ]
    if error.path is not None:
        formatted["path"] = error.path
    formatted["extensions"] = {
        **(description.extensions or {}),
        "code": description.code,
        "requestId": request_id,
    }
    return formatted


def _cut(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else f"{message[: _MAX_MESSAGE - 1]}…"


_OF_INPUT = ("Argument ", "Variable ")  # how graphql-core begins what it says of values that clients send


def _describe(error: GraphQLError, request_code: str) -> _Description:
    if isinstance(code := (error.extensions or {}).get("code"), str):
        return _Description(code, error.message, error.extensions)
    if isinstance(error, GraphQLSyntaxError):
        return _Description(PARSE_FAILED, error.message)
    cause = _cause(error)
    if isinstance(cause, ValueError) and error.message.startswith(_OF_INPUT):  # by a scalar
        return _Description(BAD_USER_INPUT, error.message)
    if cause is None:
        # By graphql-core itself. With a path: an argument, or a value of ours that does not fit its type.
        if error.path is None:
            return _Description(request_code, error.message)
        if error.message.startswith(_OF_INPUT):
            return _Description(BAD_USER_INPUT, error.message)
        return _mask(error, error)
    return _describe_cause(cause) or _mask(cause, error)


def _cause(error: GraphQLError) -> Exception | None:
    """The exception that is not GraphQL's own."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _describe_cause(cause: Exception) -> _Description | None:
    match cause:
        case Unauthenticated():
            return _Description(UNAUTHENTICATED, str(cause) or Unauthenticated.MISSING)
        case DatabaseUnavailable():
            _refusals.tell(str(cause))
            return _Description(SERVICE_UNAVAILABLE, _UNAVAILABLE)
        case Busy():
            return _Description(SERVICE_UNAVAILABLE, _UNAVAILABLE)
        case UserFault():
            return _Description(BAD_USER_INPUT, cause.message)
        case RequestError():
            return _Description(cause.code, cause.message)
    return None


class _Refusals:
    """Tells operators, once in a while, what a database says that answers and is not available all the same:
    its disk is full, it is read-only, every connection is taken."""

    def __init__(self) -> None:
        self._told = ""
        self._silent_until = 0.0

    def tell(self, reason: str) -> None:
        now = time.monotonic()
        if reason != self._told or now >= self._silent_until:
            self._told, self._silent_until = reason, now + _SILENT_SECONDS
            _log.warning("The database is not available to a request", reason=reason)


_refusals = _Refusals()


def _mask(cause: Exception, error: GraphQLError | None) -> _Description:
    path = None if error is None or error.path is None else ".".join(map(str, error.path))
    _log.error("Internal error", path=path, exc_info=cause)
    exception = traceback.format_exception(cause) if _told.detail else ()
    return _Description(INTERNAL, _MASKED, {"exception": list(exception)} if exception else None)
