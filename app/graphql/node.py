import strawberry

from app.engine import column


@strawberry.interface(description="An object that can be fetched again by its id.")
class Node:
    id: strawberry.ID = column("Identifies the object among those of its type: a UUIDv7.")
