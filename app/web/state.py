from collections.abc import Mapping
from typing import NotRequired, TypedDict

from app.graphql.context import Services
from app.web.operations import Operations


class Resources(TypedDict):
    """What the lifespan opens."""

    services: Services
    operations: Operations


class AppState(Resources):
    """What requests find in `request.state`: the resources, and what the middleware adds."""

    request_id: str
    headers: Mapping[bytes, bytes]
    """The request's, by their names in lower case; of one that comes twice, the first."""
    answer_headers: list[tuple[bytes, bytes]]
    """What is added to the answer's own."""
    operation_name: str | None
    streams: NotRequired[bool]
    """Whether the answer has no end of its own."""
