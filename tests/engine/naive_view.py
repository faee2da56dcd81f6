"""What one viewer sees of the tenants' rows."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql import GraphQLError

from app.domain.viewer import Viewer
from tests.engine.tenant_rows import Record
from tests.harness.oracle import Oracle

Key = tuple[str, bool, bool]
"""Column, descending, nulls first."""

Tables = Mapping[str, Sequence[Mapping[str, Any]]]

Origins = Mapping[str, set[tuple[str, tuple[Key, ...]]]]
"""The connection and order that a cursor came from."""

TABLES = {
    "User": "users",
    "Workspace": "workspaces",
    "Member": "memberships",
    "Project": "projects",
    "Status": "statuses",
    "Label": "labels",
    "Task": "tasks",
    "TaskRelation": "task_relations",
    "Comment": "comments",
    "Event": "events",
    "Session": "sessions",
}


TO_ONE = {
    "Member.user": ("user_id", "User"),
    "Member.workspace": ("workspace_id", "Workspace"),
    "Project.workspace": ("workspace_id", "Workspace"),
    "Status.project": ("project_id", "Project"),
    "Label.workspace": ("workspace_id", "Workspace"),
    "Label.project": ("project_id", "Project"),
    "Task.project": ("project_id", "Project"),
    "Task.status": ("status_id", "Status"),
    "Task.assignee": ("assignee_id", "User"),
    "Task.creator": ("creator_id", "User"),
    "Task.parent": ("parent_id", "Task"),
    "TaskRelation.task": ("task_id", "Task"),
    "TaskRelation.relatedTask": ("related_task_id", "Task"),
    "TaskRelation.creator": ("creator_id", "User"),
    "Comment.task": ("task_id", "Task"),
    "Comment.author": ("author_id", "User"),
    "Comment.parent": ("parent_id", "Comment"),
    "Event.actor": ("actor_id", "User"),
    "Event.task": ("task_id", "Task"),
}
"""Of fields that lead to one row: the column with its id, and its type."""

NO_LIMITS = {"cost": 0, "limit": None, "used": None, "remaining": None, "reset_at": None, "operations": None}
"""What `rateLimit` tells where nothing is counted."""


class View:
    """What one viewer sees."""

    def __init__(self, tables: Tables, origins: Origins, viewer: Viewer | None) -> None:
        self.tables = tables
        self.origins = origins
        self.viewer = viewer
        self.roles = {str(key): role.value for key, role in viewer.roles.items()} if viewer else {}
        self.rows = {name: self._visible(name, table) for name, table in TABLES.items()}
        self.by_id = {name: {row["id"]: row for row in rows} for name, rows in self.rows.items()}

    def _visible(self, name: str, table: str) -> list[Record]:
        met = {row["user_id"] for row in self.tables["memberships"] if row["workspace_id"] in self.roles}
        found = []
        for row in self.tables[table]:
            if name == "Session":
                seen = self._is_own(row)
            elif name == "User":
                seen = row["id"] in met or (self.viewer is not None and row["id"] == str(self.viewer.user_id))
            else:
                seen = row["id" if name == "Workspace" else "workspace_id"] in self.roles
            if seen:
                found.append({**row, "__typename": name})
        if name == "User":
            self._hide_emails(found)
        return found

    def _hide_emails(self, people: list[Record]) -> None:
        """Of those who belong to none of the viewer's workspaces now."""
        here = {
            row["user_id"]
            for row in self.tables["memberships"]
            if row["workspace_id"] in self.roles and row["removed_at"] is None
        }
        for person in people:
            own = self.viewer is not None and person["id"] == str(self.viewer.user_id)
            if not own and person["id"] not in here:
                person["email"] = ""

    def _is_own(self, session: Mapping[str, Any]) -> bool:
        own = self.viewer is not None and session["user_id"] == str(self.viewer.user_id)
        return own and session["revoked_at"] is None and session["expires_at"] > dt.datetime.now(dt.UTC)

    def email_verified(self, person: Record) -> bool | None:
        own = self.viewer is not None and person["id"] == str(self.viewer.user_id)
        return person["email_verified_at"] is not None if own else None

    def require_viewer(self) -> None:
        if self.viewer is None:
            raise GraphQLError("Sign in to do this.")

    def linked(
        self, kind: str, links: Iterable[Mapping[str, Any]], source: str, target: str, key: str
    ) -> list[Record]:
        """The rows of `kind` that join rows lead to from `key`."""
        ids = [link[target] for link in links if link[source] == key]
        return [self.by_id[kind][one] for one in ids if one in self.by_id[kind]]

    @cached_property
    def oracle(self) -> Oracle:
        labels_of: dict[str, list[Record]] = {}
        for link in self.tables["task_labels"]:
            if label := self.by_id["Label"].get(link["label_id"]):
                labels_of.setdefault(link["task_id"], []).append(label)
        return Oracle(
            Board(
                tasks=self.rows["Task"],
                statuses=self.by_id["Status"],
                project_rows=self.by_id["Project"],
                users=self.by_id["User"],
                labels_of=labels_of,
            )
        )


@dataclass(frozen=True)
class Board:
    tasks: Sequence[Record]
    statuses: Mapping[str, Record]
    project_rows: Mapping[str, Record]
    users: Mapping[str, Record]
    labels_of: Mapping[str, Sequence[Record]]
