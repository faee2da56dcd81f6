from typing import TypedDict

from app.graphql.context import Services
from app.web.operations import Operations


class Resources(TypedDict):
    """What the lifespan opens."""

    services: Services
    operations: Operations


class AppState(Resources):
    """What requests find in `request.state`: the resources, and what the middleware adds."""

    request_id: str
    operation_name: str | None
