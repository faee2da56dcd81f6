"""An independent server: the published schema over rows in memory, in plain Python.

It shares with TaskFlow the SDL and graphql-core, and nothing else: no SQL, no model, no engine, no cursor.
What it answers, TaskFlow has to answer. Cursors are compared by what they hold (see `readable`).
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    build_schema,
    execute,
)

from app.domain.viewer import Viewer
from tests.engine.naive_pages import (
    BY_KEY,
    BY_NAME,
    BY_POSITION,
    BY_RANK,
    LAST_SEQ,
    NEWEST,
    OLDEST,
    connect_rows,
    order_of,
)
from tests.engine.naive_view import NO_LIMITS, TO_ONE, Key, Origins, Tables, View
from tests.engine.tenant_rows import Record
from tests.harness.board import PRIORITIES

Rows = Iterable[Record]

WRITERS = ("OWNER", "ADMIN", "MEMBER")


class NaiveServer:
    def __init__(self, sdl: str, tables: Tables, cursors: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """`cursors`: those that clients may send, by connection and by sort as JSON."""
        self.schema = build_schema(sdl)
        self._tables = tables
        self._origins = _origins(cursors)
        self._views: dict[Any, View] = {}
        for type_ in self.schema.type_map.values():
            if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
                for name, definition in type_.fields.items():
                    definition.resolve = _resolver(type_.name, name)

    def view(self, viewer: Viewer | None) -> View:
        key = viewer.user_id if viewer else None
        if key not in self._views:
            self._views[key] = View(self._tables, self._origins, viewer)
        return self._views[key]

    def run(
        self, document: DocumentNode, variables: Mapping[str, Any] | None, viewer: Viewer | None
    ) -> ExecutionResult:
        result = execute(
            self.schema,
            document,
            context_value=self.view(viewer),
            variable_values=None if variables is None else dict(variables),
        )
        assert isinstance(result, ExecutionResult)
        return result


def _origins(cursors: Mapping[str, Mapping[str, Sequence[str]]]) -> Origins:
    found: dict[str, set[tuple[str, tuple[Key, ...]]]] = {}
    for coordinate, by_sort in cursors.items():
        for sort, given in by_sort.items():
            order = order_of(orjson.loads(sort) or []) or _CONNECTIONS[coordinate][1]
            for cursor in given:
                found.setdefault(cursor, set()).add((coordinate, tuple(order)))
    return found


def _resolver(type_name: str, field: str) -> Callable[..., Any]:
    own = f"{type_name}.{field}"
    if own in _CONNECTIONS:
        rows_of, order = _CONNECTIONS[own]

        def connect(source: Any, info: GraphQLResolveInfo[View], **arguments: Any) -> Any:
            if type_name == "Query":
                info.context.require_viewer()
            return connect_rows(info.context, own, list(rows_of(info.context, source)), order, arguments)

        return connect
    if own in _FIELDS:
        resolve = _FIELDS[own]
        return lambda source, info, **arguments: resolve(
            info.context, source, **{_snake(name): value for name, value in arguments.items()}
        )
    if own in TO_ONE:
        key, kind = TO_ONE[own]
        return lambda source, info: info.context.by_id[kind].get(source[key])
    return lambda source, _info: _plain(source[_snake(field)])


def _plain(value: Any) -> Any:
    """As JSON shows it."""
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, dt.date) else value


def _one(rows: list[Record]) -> Record | None:
    if len(rows) > 1:
        raise GraphQLError("more than one matches")
    return rows[0] if rows else None


def _workspace(view: View, _: Any, id: str | None = None, slug: str | None = None) -> Record | None:
    view.require_viewer()
    if (id is None) == (slug is None):
        raise GraphQLError("either")
    return _one([row for row in view.rows["Workspace"] if row["id"] == id or row["slug"] == slug])


def _project(
    view: View, _: Any, id: str | None = None, key: str | None = None, workspace_id: str | None = None
) -> Record | None:
    view.require_viewer()
    if (id is None) == (key is None):
        raise GraphQLError("either")
    if id is not None:
        return view.by_id["Project"].get(id)
    rows = _in_space(view.rows["Project"], workspace_id)
    return _one([row for row in rows if row["key"] == (key or "").upper()])


def _task(
    view: View, _: Any, id: str | None = None, identifier: str | None = None, workspace_id: str | None = None
) -> Record | None:
    view.require_viewer()
    if (id is None) == (identifier is None):
        raise GraphQLError("either")
    if id is not None:
        return view.by_id["Task"].get(id)
    rows = _in_space(view.rows["Task"], workspace_id)
    return _one([row for row in rows if _identifier(view, row) == (identifier or "").upper()])


def _in_space(rows: list[Record], workspace_id: str | None) -> list[Record]:
    return [row for row in rows if workspace_id is None or row["workspace_id"] == workspace_id]


def _node(view: View, _: Any, id: str) -> Record | None:
    view.require_viewer()
    return next((rows[id] for rows in view.by_id.values() if id in rows), None)


def _nodes(view: View, _: Any, ids: list[str]) -> list[Record | None]:
    view.require_viewer()
    if len(ids) > 100:
        raise GraphQLError("too many ids")
    return [_node(view, None, one) for one in ids]


def _viewer(view: View, _: Any) -> Record | None:
    return view.by_id["User"].get(str(view.viewer.user_id)) if view.viewer else None


def _changes(
    view: View, _: Any, workspace_id: str, after: Any, epoch: str | None = None, first: int | None = 200
) -> Record:
    view.require_viewer()
    size, start = 200 if first is None else first, int(after)
    space = view.by_id["Workspace"].get(workspace_id)
    if space is None or not 1 <= size <= 1000 or start < 0:
        raise GraphQLError("changes")
    end = _counter(view, space)
    resync = None
    if epoch is not None and epoch != space["sync_epoch"]:
        resync = "EPOCH_CHANGED"
    elif start > end:
        resync = "AHEAD_OF_LOG"
    found = [row for row in view.rows["Event"] if row["workspace_id"] == workspace_id and row["seq"] > start]
    found = [] if resync else sorted(found, key=lambda row: int(row["seq"]))
    events = found[:size]
    return {
        "events": events,
        "seq": str(end if resync else events[-1]["seq"] if events else start),
        "epoch": space["sync_epoch"],
        "has_more": len(found) > size,
        "resync": resync,
    }


def _counter(view: View, space: Record) -> int:
    for row in view.tables["workspace_counters"]:
        if row["workspace_id"] == space["id"]:
            return int(row["seq"])
    raise GraphQLError("no counter")


def _identifier(view: View, task: Record) -> str:
    return f"{view.by_id['Project'][task['project_id']]['key']}-{task['number']}"


def _summary(view: View, task: Record) -> Record:
    below = [row for row in view.rows["Task"] if row["parent_id"] == task["id"] and row["deleted_at"] is None]
    done = [row for row in below if view.by_id["Status"][row["status_id"]]["type"] == "COMPLETED"]
    return {"total": len(below), "completed": len(done)}


def _related(view: View, source: str, target: str, task: Record) -> list[Record]:
    blocks = [row for row in view.tables["task_relations"] if row["type"] == "BLOCKS"]
    found = view.linked("Task", blocks, source, target, task["id"])
    return [row for row in found if row["deleted_at"] is None]


def _is_blocked(view: View, task: Record) -> bool:
    """By a task whose relation, too, is one that the viewer sees."""
    for row in view.rows["TaskRelation"]:
        blocker = view.by_id["Task"].get(row["task_id"])
        if row["type"] != "BLOCKS" or row["related_task_id"] != task["id"] or blocker is None:
            continue
        kind = view.by_id["Status"][blocker["status_id"]]["type"]
        if blocker["deleted_at"] is None and kind not in ("COMPLETED", "CANCELED"):
            return True
    return False


def _all(kind: str) -> Callable[[View, Any], Rows]:
    return lambda view, _source: view.rows[kind]


def _below(kind: str, key: str, without: str | None = None) -> Callable[[View, Any], Rows]:
    return lambda view, source: [
        row
        for row in view.rows[kind]
        if row[key] == source["id"] and (without is None or row[without] is None)
    ]


def _labels(view: View, task: Record) -> Rows:
    return view.linked("Label", view.tables["task_labels"], "task_id", "label_id", task["id"])


_CONNECTIONS: dict[str, tuple[Callable[[View, Any], Rows], list[Key]]] = {
    "Query.workspaces": (_all("Workspace"), BY_NAME),
    "Query.projects": (_all("Project"), BY_KEY),
    "Query.tasks": (_all("Task"), NEWEST),
    "Query.sessions": (_all("Session"), NEWEST),
    "Workspace.members": (_below("Member", "workspace_id", "removed_at"), OLDEST),
    "Workspace.projects": (_below("Project", "workspace_id"), BY_KEY),
    "Workspace.labels": (_below("Label", "workspace_id"), BY_NAME),
    "Project.statuses": (_below("Status", "project_id"), BY_POSITION),
    "Project.labels": (_below("Label", "project_id"), BY_NAME),
    "Project.tasks": (_below("Task", "project_id"), NEWEST),
    "Status.tasks": (_below("Task", "status_id"), BY_RANK),
    "Task.labels": (_labels, BY_NAME),
    "Task.subtasks": (_below("Task", "parent_id", "deleted_at"), BY_RANK),
    "Task.blockedBy": (lambda view, task: _related(view, "related_task_id", "task_id", task), NEWEST),
    "Task.blocks": (lambda view, task: _related(view, "task_id", "related_task_id", task), NEWEST),
    "Task.relations": (_below("TaskRelation", "task_id"), OLDEST),
    "Task.inverseRelations": (_below("TaskRelation", "related_task_id"), OLDEST),
    "Task.comments": (_below("Comment", "task_id", "deleted_at"), OLDEST),
    "Task.activity": (_below("Event", "task_id"), LAST_SEQ),
    "Comment.replies": (_below("Comment", "parent_id", "deleted_at"), OLDEST),
}


_FIELDS: dict[str, Callable[..., Any]] = {
    "Query.workspace": _workspace,
    "Query.project": _project,
    "Query.task": _task,
    "Query.node": _node,
    "Query.nodes": _nodes,
    "Query.viewer": _viewer,
    "Query.changes": _changes,
    "Query.rateLimit": lambda _view, _query: NO_LIMITS,
    "Workspace.role": lambda view, space: view.roles[space["id"]],
    "Workspace.syncSeq": lambda view, space: str(_counter(view, space)),
    "Task.identifier": _identifier,
    "Task.priority": lambda _view, task: PRIORITIES[task["priority"]],
    "Task.subtasksSummary": _summary,
    "Task.isBlocked": _is_blocked,
    "Task.commentCount": lambda view, task: len(list(_below("Comment", "task_id", "deleted_at")(view, task))),
    "Task.viewerCanUpdate": lambda view, task: view.roles[task["workspace_id"]] in WRITERS,
    "User.emailVerified": lambda view, person: view.email_verified(person),
    "Session.isCurrent": lambda view, session: session["id"] == str(view.viewer.session_id),
    "Event.seq": lambda _view, event: str(event["seq"]),
    "Event.at": lambda _view, event: _plain(event["created_at"]),
}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
