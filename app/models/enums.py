from enum import IntEnum, StrEnum


class Role(StrEnum):
    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    GUEST = "GUEST"


class StatusType(StrEnum):
    BACKLOG = "BACKLOG"
    UNSTARTED = "UNSTARTED"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class TaskPriority(IntEnum):
    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4


class RelationType(StrEnum):
    BLOCKS = "BLOCKS"
    DUPLICATES = "DUPLICATES"
    RELATES_TO = "RELATES_TO"
