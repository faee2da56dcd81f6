"""What a verb writes with: rows that the viewer may see, their locks, and the events of what changed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from tortoise import Model

from app import models
from app.domain import access, events, rows
from app.domain.errors import Conflict, NotFound, Unauthenticated
from app.domain.events import Event, FieldChange
from app.domain.idempotency import store_unchanged
from app.domain.viewer import Viewer
from app.infra.db import OpenTransaction
from app.infra.sql import bind
from app.models.enums import Role
from app.models.ids import parse_id

M = TypeVar("M", bound=Model)

# What an event says in its own columns, or what no client sees.
_NOT_IN_EVENTS = frozenset(
    {"id", "workspace_id", "version", "created_at", "updated_at", "previous_status_id", "last_task_number"}
)
# NO KEY: foreign-key checks of other writes go on meanwhile.
_LOCK = "FOR NO KEY UPDATE"

_OF_TASK = 't."id" = (SELECT task."project_id" FROM "tasks" AS task WHERE task."id" = :id AND {})'


class Write:
    """One transaction of one viewer, alive while the verb runs.

    Locks are taken in one order: the project, then entities by id; the counter comes last, in `finish`.
    """

    def __init__(
        self,
        transaction: OpenTransaction,
        viewer: Viewer | None,
        now: datetime,
        expected_version: int | None = None,
    ) -> None:
        self.transaction = transaction
        self.now = now
        self.expected_version = expected_version
        self.stale_viewers: set[UUID] = set()
        self._viewer = viewer
        self._vouched = False
        self._events: list[Event] = []
        self._loaded: dict[tuple[type[Model], UUID], dict[str, Any]] = {}

    @property
    def events(self) -> Sequence[Event]:
        """What has been recorded so far."""
        return self._events

    @property
    def viewer(self) -> Viewer:
        if self._viewer is None:
            raise Unauthenticated(Unauthenticated.MISSING)
        return self._viewer

    def act_as(self, viewer: Viewer) -> None:
        """Continues as somebody who came into being, or gained a workspace, within this write."""
        self._viewer = viewer

    def vouch(self) -> None:
        """`finish` does not ask again whether the viewer may still write: it is sure, or ends with this."""
        self._vouched = True

    def forget_viewer(self, user_id: UUID) -> None:
        """This write changes what that user may see: with the commit nobody takes them for what they were."""
        self.stale_viewers.add(user_id)

    async def fetch(self, label: str, sql: str, **binds: object) -> Sequence[Mapping[str, Any]]:
        """Runs a statement with named binds; the viewer's are always there."""
        known = self._viewer.binds if self._viewer else {"user_id": None, "workspace_ids": []}
        text, args = bind(sql, {**known, **binds})
        return await self.transaction.fetch(label, text, args)

    async def find(self, model: type[M], id: str | UUID, field: Sequence[str] = ("id",)) -> M:
        """Reads a row that the viewer may see. Raises NotFound with `field` otherwise."""
        return await self._read(model, id, field, lock="")

    async def lock(self, model: type[M], id: str | UUID, field: Sequence[str] = ("id",)) -> M:
        """Like `find`, and holds the row until the commit, so that `save` can change it."""
        return await self._read(model, id, field, lock=_LOCK)

    async def lock_project_of(self, task_id: str) -> models.Project:
        """The project of a task that the viewer may see, locked: ranks and parents are decided under it.

        Comes before every other lock. Raises NotFound about the task's `id`.
        """
        parsed = parse_id(task_id)
        sql = rows.select_sql(models.Project, _OF_TASK.format(access.task("task")), _LOCK)
        found = await self.fetch("Project.lock", sql, id=parsed) if parsed else []
        if not found:
            raise NotFound("task", ("id",))
        return rows.instance(models.Project, found[0])

    async def change(
        self,
        model: type[M],
        id: str | UUID,
        fields: Collection[str] = (),
        *,
        field: Sequence[str] = ("id",),
        roles: Sequence[Role] = access.WRITERS,
    ) -> M:
        """Like `lock`, for the entity that the verb is about.

        Raises Forbidden unless the viewer has one of `roles` in its workspace. `expectedVersion` is held
        against it: raises Conflict when one of `fields`, those that the verb sets, in the API's spelling,
        changed since; with none in common the write merges.
        """
        row = await self.lock(model, id, field)
        access.require_role(self.viewer, _workspace_id(row), *roles)
        await self._check_version(row, set(fields))
        return row

    async def lock_all(self, model: type[M], ids: Sequence[UUID]) -> list[M]:
        """Locks several rows in the order of their ids; those that the viewer may not see are left out."""
        condition = f't."id" = ANY(:ids) AND {access.PREDICATES[model]("t")} ORDER BY t."id"'
        found = await self.fetch(f"{model.__name__}.lock", rows.select_sql(model, condition, _LOCK), ids=ids)
        locked = [rows.instance(model, row) for row in found]
        self._loaded.update({(model, row.pk): rows.values(row) for row in locked})
        return locked

    async def insert(
        self,
        row: Model,
        event_type: str | None,
        *,
        project_id: UUID | None = None,
        also: Sequence[FieldChange] = (),
    ) -> None:
        """Inserts a new row. Without `event_type` nothing is told of it (sessions, tokens)."""
        model, values = type(row), rows.values(row)
        await self.transaction.fetch(
            f"{model.__name__}.insert", rows.insert_sql(model), list(values.values())
        )
        self._loaded[model, values["id"]] = values
        if event_type is not None:
            changes = [
                FieldChange(name, None, events.json_value(values[attribute]))
                for attribute, name in _told(model)
                if values[attribute] is not None
            ]
            self.record(row, event_type, [*changes, *also], project_id=project_id)

    async def save(
        self,
        row: Model,
        event_type: str | None,
        *,
        project_id: UUID | None = None,
        also: Sequence[FieldChange] = (),
    ) -> bool:
        """Writes what changed since the row was locked; `also` are changes kept in other tables.

        Returns False, without a statement, an event or a new version, when nothing changed.
        """
        values = rows.values(row)
        before = self._loaded[type(row), values["id"]]
        changed = [name for name, value in values.items() if value != before[name]]
        if not changed and not also:
            return False
        changed += self._bump(row, values)
        await self.transaction.fetch(
            f"{type(row).__name__}.update",
            rows.update_sql(type(row), changed),
            [values["id"], *(getattr(row, name) for name in changed)],
        )
        self._loaded[type(row), values["id"]] = rows.values(row)
        if event_type is not None:
            changes = [
                FieldChange(
                    events.api_name(name), events.json_value(before[name]), events.json_value(values[name])
                )
                for name in changed
                if name not in _NOT_IN_EVENTS
            ]
            self.record(row, event_type, [*changes, *also], project_id=project_id)
        return True

    async def delete(self, row: Model, event_type: str | None, *, project_id: UUID | None = None) -> None:
        """Removes a locked row for good; its event keeps what it was."""
        values = rows.values(row)
        sql = rows.delete_sql(type(row))
        await self.transaction.fetch(f"{type(row).__name__}.delete", sql, [values["id"]])
        if event_type is not None:
            changes = [
                FieldChange(name, events.json_value(values[attribute]), None)
                for attribute, name in _told(type(row))
                if values[attribute] is not None
            ]
            self.record(row, event_type, changes, project_id=project_id)

    def record(
        self,
        row: Model,
        event_type: str,
        changes: Sequence[FieldChange],
        *,
        project_id: UUID | None = None,
    ) -> None:
        """Queues an event about `row`; `finish` writes it."""
        project = row.pk if isinstance(row, models.Project) else getattr(row, "project_id", None)
        self._events.append(
            Event(
                workspace_id=_workspace_id(row),
                type=event_type,
                entity_type=rows.entity_type(type(row)),
                entity_id=row.pk,
                entity_version=getattr(row, "version", None),
                project_id=project_id or project,
                task_id=row.pk if isinstance(row, models.Task) else getattr(row, "task_id", None),
                changes=changes,
            )
        )

    async def finish(self, key_id: UUID | None = None, subject_id: UUID | None = None) -> dict[UUID, int]:
        """Writes the queued events, last of all, and what an idempotency key's row tells repeats.

        Returns the last `seq` of each workspace concerned. Raises RightsChanged when the viewer was signed
        out, or their role there is not the one that the verb went by.
        """
        if self._events:
            return await events.append(
                self.transaction.fetch,
                self._events,
                actor=self._viewer,
                vouched=self._vouched,
                now=self.now,
                key_id=key_id,
                subject_id=subject_id,
            )
        if key_id is not None:
            await store_unchanged(self.transaction.fetch, key_id, subject_id)
        return {}

    async def _read(self, model: type[M], id: str | UUID, field: Sequence[str], lock: str) -> M:
        parsed = id if isinstance(id, UUID) else parse_id(id)
        if parsed is None:
            raise NotFound(rows.noun(model), field)
        sql = rows.select_sql(model, f't."id" = :id AND {access.PREDICATES[model]("t")}', lock)
        found = await self.fetch(f"{model.__name__}.{'lock' if lock else 'find'}", sql, id=parsed)
        if not found:
            raise NotFound(rows.noun(model), field)
        row = rows.instance(model, found[0])
        if lock:
            self._loaded[model, parsed] = rows.values(row)
        return row

    async def _check_version(self, row: Model, fields: set[str]) -> None:
        expected = self.expected_version
        if expected is None:
            return
        current: int = rows.values(row)["version"]
        if expected == current:
            return
        message = f"This is at version {current} now, not {expected}."
        if expected > current or expected < 1:
            raise Conflict(message, row.pk)
        changed, explained = await events.changed_since(
            self.transaction.fetch, rows.entity_type(type(row)), row.pk, expected
        )
        clash = sorted(changed & fields)
        if clash:
            raise Conflict(f"{message} Changed meanwhile: {', '.join(clash)}.", row.pk)
        if explained < current - expected:
            raise Conflict(message, row.pk)

    def _bump(self, row: Model, values: Mapping[str, Any]) -> list[str]:
        """A changed entity gets its next version and the time of the write."""
        if "version" not in values:
            return []
        row.update_from_dict({"version": values["version"] + 1, "updated_at": self.now})
        return ["version", "updated_at"]


@cache
def _told(model: type[Model]) -> list[tuple[str, str]]:
    """What events tell of a row that comes or goes: attributes, and their names in the API."""
    return [(name, events.api_name(name)) for name in rows.columns(model) if name not in _NOT_IN_EVENTS]


def _workspace_id(row: Model) -> UUID:
    attribute = "id" if isinstance(row, models.Workspace) else "workspace_id"
    workspace_id: UUID = getattr(row, attribute)
    return workspace_id
