"""What an operation is answered with, before a transport gives it its form."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from app.infra.rate_limit import Allowance
from app.web.errors import FormattedError

_log = structlog.stdlib.get_logger("taskflow.operations")


@dataclass(slots=True)
class Answer:
    """`status`: the HTTP status; None where it depends on the media type that the client accepts.

    `executed` is False when no field ran: the errors are then of the request.
    """

    data: Any | None = None
    errors: list[FormattedError] = field(default_factory=list)
    executed: bool = False
    extensions: dict[str, Any] | None = None
    status: int | None = None
    allowance: Allowance | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if self.executed:
            payload["data"] = self.data
        if self.extensions is not None:
            payload["extensions"] = self.extensions
        return payload


def encode(payload: object) -> bytes:
    """JSON of an answer, in any case: what a mutation has done must not be lost because a value is odd."""
    try:
        return orjson.dumps(payload, option=orjson.OPT_UTC_Z)
    except TypeError:
        _log.exception("An answer holds what orjson refuses")
        return orjson.dumps(_plain(payload), default=str, option=orjson.OPT_UTC_Z)


def _plain(value: object) -> object:
    match value:
        case dict():
            return {str(key): _plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case str():
            return value.encode("utf-8", "replace").decode()
        case int() if not -(2**63) <= value < 2**64:
            return float(value)
    return value
