"""The enumerations of the models, and those of list arguments, as GraphQL shows them."""

from enum import Enum, StrEnum
from typing import TypeVar

import strawberry

from app.models.enums import RelationType, Role, StatusType, TaskPriority

__all__ = [
    "ArchivedFilter",
    "NullsOrder",
    "RelationType",
    "Role",
    "SortDirection",
    "StatusType",
    "TaskPriority",
    "TrashedFilter",
    "describe",
]

E = TypeVar("E", bound=type[Enum])


def describe(enum_type: E, description: str, **values: str) -> E:
    """Publishes an enumeration with a description of it and of each of its values.

    Raises KeyError for a value that has none.
    """
    declared = strawberry.enum(enum_type, description=description)
    for value in declared.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return enum_type


class ArchivedFilter(StrEnum):
    EXCLUDE = "EXCLUDE"
    INCLUDE = "INCLUDE"
    ONLY = "ONLY"


class TrashedFilter(StrEnum):
    EXCLUDE = "EXCLUDE"
    INCLUDE = "INCLUDE"
    ONLY = "ONLY"


class SortDirection(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


class NullsOrder(StrEnum):
    FIRST = "FIRST"
    LAST = "LAST"


describe(
    Role,
    "What a member may do in a workspace.",
    OWNER="Everything, and makes and removes owners.",
    ADMIN="Everything but making and removing owners.",
    MEMBER="Creates projects, labels and comments; creates and changes tasks and their relations.",
    GUEST="Reads.",
)
describe(
    StatusType,
    "What a status means for the tasks in it.",
    BACKLOG="Not planned yet.",
    UNSTARTED="Planned, not begun.",
    STARTED="Being worked on.",
    COMPLETED="Done.",
    CANCELED="Will not be done.",
)
describe(
    TaskPriority,
    "How urgent a task is; sorts from NONE to URGENT.",
    NONE="No priority given.",
    LOW="Can wait.",
    MEDIUM="Normal.",
    HIGH="Soon.",
    URGENT="At once.",
)
describe(
    RelationType,
    "How one task relates to another.",
    BLOCKS="The other cannot go on before this is done.",
    DUPLICATES="This is the same as the other.",
    RELATES_TO="The two have to do with each other.",
)
describe(
    ArchivedFilter,
    "Whether archived items are listed.",
    EXCLUDE="Only what is not archived.",
    INCLUDE="Archived or not.",
    ONLY="Only what is archived.",
)
describe(
    TrashedFilter,
    "Whether items in the trash are listed.",
    EXCLUDE="Only what is not in the trash.",
    INCLUDE="In the trash or not.",
    ONLY="Only what is in the trash.",
)
describe(
    SortDirection, "Which way a list runs.", ASC="From the least to the greatest.", DESC="From the greatest."
)
describe(
    NullsOrder, "Where items without a value stand.", FIRST="Before all others.", LAST="After all others."
)
