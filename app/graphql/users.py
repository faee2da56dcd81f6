import datetime as dt

import strawberry

from app import models
from app.domain import access
from app.domain.viewer import Viewer
from app.engine import column, computed, entity
from app.graphql.node import Node


def _email_verified(viewer: Viewer | None, user_id: str, verified_at: dt.datetime | None) -> bool | None:
    own = viewer is not None and str(viewer.user_id) == user_id
    return verified_at is not None if own else None


@entity(models.User, access.user, guarded={"email": access.email})
@strawberry.type(description="A person. Visible to whoever shares, or once shared, a workspace with them.")
class User(Node):
    email: str = column(
        "The address they sign in with. Empty for whoever shares no workspace with them now, as with former"
        " members."
    )
    name: str = column("What they are called.")
    avatar_url: str | None = column("Where a picture of them is.")
    timezone: str = column("The IANA time zone they live in, such as Europe/Lisbon.")
    email_verified: bool | None = computed(
        "Whether they have shown, by a mailed link, that they read the mail of their address; null for"
        " anybody but oneself.",
        _email_verified,
        "id",
        "email_verified_at",
        with_viewer=True,
    )
    created_at: dt.datetime = column("When they signed up.")
    updated_at: dt.datetime = column("When their profile last changed.")
