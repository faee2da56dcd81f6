import datetime as dt

import strawberry

from app import models
from app.domain import access
from app.engine import column, entity
from app.graphql.node import Node


@entity(models.User, access.user)
@strawberry.type(description="A person. Visible to whoever shares, or once shared, a workspace with them.")
class User(Node):
    email: str = column("The address they sign in with.")
    name: str = column("What they are called.")
    avatar_url: str | None = column("Where a picture of them is.")
    timezone: str = column("The IANA time zone they live in, such as Europe/Lisbon.")
    created_at: dt.datetime = column("When they signed up.")
    updated_at: dt.datetime = column("When their profile last changed.")
