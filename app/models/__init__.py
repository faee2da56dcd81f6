"""Tortoise models: for writes, and as metadata that reads are built from. One file per entity."""

from app.models.comment import Comment
from app.models.enums import RelationType, Role, StatusType, TaskPriority
from app.models.event import Event, EventText
from app.models.idempotency_key import IdempotencyKey
from app.models.ids import new_id, parse_id
from app.models.label import Label, TaskLabel
from app.models.mailed_token import MailedToken
from app.models.membership import Membership
from app.models.outbox_mail import OutboxMail
from app.models.project import Project
from app.models.session import RefreshToken, Session
from app.models.status import Status
from app.models.task import Task, TaskRelation
from app.models.user import User
from app.models.workspace import Workspace, WorkspaceCounter

APP_LABEL = "models"
MODULES = ("app.models",)  # what Tortoise.init_models and Tortoise.init read

__all__ = [
    "APP_LABEL",
    "MODULES",
    "Comment",
    "Event",
    "EventText",
    "IdempotencyKey",
    "Label",
    "MailedToken",
    "Membership",
    "OutboxMail",
    "Project",
    "RefreshToken",
    "RelationType",
    "Role",
    "Session",
    "Status",
    "StatusType",
    "Task",
    "TaskLabel",
    "TaskPriority",
    "TaskRelation",
    "User",
    "Workspace",
    "WorkspaceCounter",
    "new_id",
    "parse_id",
]
