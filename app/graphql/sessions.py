import datetime as dt

import strawberry

from app import models
from app.domain import access
from app.domain.viewer import Viewer
from app.engine import Connection, Order, all_of, column, computed, entity
from app.graphql.node import Node


def _is_current(viewer: Viewer, session_id: str) -> bool:
    return str(viewer.session_id) == session_id


@entity(models.Session, access.session)
@strawberry.type(description="A sign-in of the viewer that has not ended. Nobody else sees it.")
class Session(Node):
    is_current: bool = computed("Whether this request came in it.", _is_current, "id", with_viewer=True)
    user_agent: str | None = column("What the client said it was when it last got tokens.")
    address: str | None = column("The IP address that the client last got tokens at.")
    created_at: dt.datetime = column("When it began: when the user signed in.")
    last_used_at: dt.datetime = column("When it last got tokens: by signing in or by tokenRefresh.")
    expires_at: dt.datetime = column("When it ends unless it gets tokens before.")


@strawberry.type
class SessionQueries:
    sessions: Connection[Session] = all_of(
        "The viewer's sessions that have not ended, newest first.", order=Order.by("-created_at"), size=3
    )
