"""The one place where failures become GraphQL errors. What it does not know is logged and masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from app.domain.errors import Busy, Unauthenticated, UserFault
from app.infra.db import DatabaseUnavailable

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"
BAD_REQUEST: Final = "BAD_REQUEST"
NOT_FOUND: Final = "NOT_FOUND"
METHOD_NOT_ALLOWED: Final = "METHOD_NOT_ALLOWED"
PAYLOAD_TOO_LARGE: Final = "PAYLOAD_TOO_LARGE"
UNSUPPORTED_MEDIA_TYPE: Final = "UNSUPPORTED_MEDIA_TYPE"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
RATE_LIMITED: Final = "RATE_LIMITED"
SERVICE_UNAVAILABLE: Final = "SERVICE_UNAVAILABLE"
TIMEOUT: Final = "TIMEOUT"
INTERNAL: Final = "INTERNAL_SERVER_ERROR"

_UNAVAILABLE = "The service is not available at the moment. Try again soon."
_MASKED = "Something went wrong on our side. Quote the requestId when you report it."
_log = structlog.stdlib.get_logger("taskflow.errors")

FormattedError = dict[str, Any]


class RequestError(Exception):
    """The request cannot be run. Answered with an HTTP status of its own, whatever the client accepts."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
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
    return {"message": message, "extensions": {"code": code, "requestId": request_id}}


def format_exception(error: Exception, request_id: str) -> FormattedError:
    """For a failure outside of any field."""
    if isinstance(error, GraphQLError):
        return _format(error, request_id, INTERNAL)
    description = _describe_cause(error) or _mask(error, None)
    return format_error(description.code, description.message, request_id)


def status_of(errors: Sequence[FormattedError]) -> int | None:
    """The HTTP status that a failure outside of any field asks for."""
    codes = {error["extensions"]["code"] for error in errors}
    return 503 if SERVICE_UNAVAILABLE in codes else 500 if INTERNAL in codes else None


def is_unavailable(errors: Sequence[FormattedError]) -> bool:
    return any(error["extensions"]["code"] == SERVICE_UNAVAILABLE for error in errors)


def _format(error: GraphQLError, request_id: str, request_code: str) -> FormattedError:
    description = _describe(error, request_code)
    formatted: FormattedError = {"message": description.message}
    if error.locations:
        formatted["locations"] = [
            {"line": location.line, "column": location.column} for location in error.locations
        ]
    if error.path is not None:
        formatted["path"] = error.path
    formatted["extensions"] = {
        **(description.extensions or {}),
        "code": description.code,
        "requestId": request_id,
    }
    return formatted


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
        case DatabaseUnavailable() | Busy():
            return _Description(SERVICE_UNAVAILABLE, _UNAVAILABLE)
        case UserFault():
            return _Description(BAD_USER_INPUT, cause.message)
        case RequestError():
            return _Description(cause.code, cause.message)
    return None


def _mask(cause: Exception, error: GraphQLError | None) -> _Description:
    path = None if error is None or error.path is None else ".".join(map(str, error.path))
    _log.error("Internal error", path=path, exc_info=cause)
    return _Description(INTERNAL, _MASKED)
