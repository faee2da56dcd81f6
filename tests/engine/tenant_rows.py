"""What a tenant of the tests holds: ties, nulls and odd values in every column that can have them."""

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.domain.viewer import Viewer

Record = dict[str, Any]

DAY_ONE = dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC)

# Sorts the same under any collation.
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")

TITLES = (
    "Fix the login page",
    "fix the LOGOUT page",
    "100% done_ok",
    "A back\\slash in it",
    "Ünïcödé ✓ 漢字 🎈",
    "'; DROP TABLE tasks; --",
    "{row} :user_id $1 %s",
    "x" * 500,
)

STATUSES = ("BACKLOG", "UNSTARTED", "STARTED", "STARTED", "COMPLETED", "CANCELED")

DUE_DATES = (None, "2026-02-01", "2026-02-01", "2026-03-15", "0001-01-01", "9999-12-31")

ESTIMATES = (None, 0.0, 0.5, 1.0, 1e21, 1e-7)

CHANGES: tuple[list[Record], ...] = (
    [],
    [{"field": "title", "before": None, "after": "Ünïcödé"}],
    [{"field": "priority", "before": 1, "after": 2.5}, {"field": "labels", "before": ["a"], "after": []}],
    [{"field": "text", "before": {"digest": "sha256:00", "bytes": 5}, "after": True}],
)

FIRST_SEQ = 2**53  # beyond what a JavaScript number holds


@dataclass
class Tenants:
    """Rows by table, as they are inserted; ids as text."""

    rows: dict[str, list[Record]] = field(default_factory=dict)
    viewers: dict[str, Viewer | None] = field(default_factory=dict)
    _ids: random.Random = field(default_factory=lambda: random.Random("tenants"))

    def add(self, table: str, **values: Any) -> Record:
        if table not in ("workspace_counters", "refresh_tokens"):
            values = {"id": self.new_id(), **values}
        self.rows.setdefault(table, []).append(values)
        return values

    def new_id(self) -> str:
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    def ids(self, table: str) -> list[str]:
        return [row["id"] for row in self.rows[table]]


def fill_workspace(
    tenants: Tenants, space: Record, keys: tuple[str, ...], count: int, people: list[Record]
) -> None:
    projects = [_project(tenants, space, key) for key in keys]
    labels = _labels(tenants, space, projects)
    tasks: list[Record] = []
    for number in range(1, count + 1):
        tasks.append(_task(tenants, space, projects, number, tasks, people))
    for project in projects:
        project["last_task_number"] = sum(task["project_id"] == project["id"] for task in tasks)
    for number, task in enumerate(tasks):
        _hang_on(tenants, task, number, tasks, labels, people)
    [counter] = [row for row in tenants.rows["workspace_counters"] if row["workspace_id"] == space["id"]]
    counter["seq"] = FIRST_SEQ + len([e for e in tenants.rows["events"] if e["workspace_id"] == space["id"]])


def _project(tenants: Tenants, space: Record, key: str) -> Record:
    project = tenants.add(
        "projects",
        workspace_id=space["id"],
        key=key,
        name=f"Project {key}",
        description=None if key == "AAA" else "About *this*.",
        last_task_number=0,
        archived_at=None if key != "BBB" else DAY_ONE,
        **times(3),
    )
    for position, status_type in enumerate(STATUSES):
        tenants.add(
            "statuses",
            workspace_id=space["id"],
            project_id=project["id"],
            name=WORDS[position],
            color="#336699",
            type=status_type,
            position=position,
            **times(position),
        )
    return project


def _labels(tenants: Tenants, space: Record, projects: list[Record]) -> list[Record]:
    owners: Iterable[tuple[str, str | None]] = [
        *((word, None) for word in WORDS[:5]),
        *((word, projects[0]["id"]) for word in WORDS[:3]),  # the same names again, in a project
    ]
    return [
        tenants.add(
            "labels", workspace_id=space["id"], project_id=project_id, name=name, color="#aa3311", **times(1)
        )
        for name, project_id in owners
    ]


def _task(
    tenants: Tenants,
    space: Record,
    projects: list[Record],
    number: int,
    others: list[Record],
    people: list[Record],
) -> Record:
    project = projects[number // 4 % len(projects)]
    statuses = [row for row in tenants.rows["statuses"] if row["project_id"] == project["id"]]
    siblings = [task for task in others if task["project_id"] == project["id"]]
    due = DUE_DATES[number % len(DUE_DATES)]
    return tenants.add(
        "tasks",
        workspace_id=space["id"],
        project_id=project["id"],
        number=len(siblings) + 1,
        title=TITLES[number % len(TITLES)],
        description=None if number % 3 else f"What number {number} is *about*.",
        status_id=statuses[number % len(statuses)]["id"],
        previous_status_id=None,
        priority=number * 7 % 5,
        assignee_id=None if number % 3 == 0 else people[number % len(people)]["id"],
        creator_id=None if number % 7 == 0 else people[number * 3 % len(people)]["id"],
        parent_id=siblings[0]["id"] if siblings and number % 3 == 1 else None,
        rank=f"{'aAbB'[number % 4]}{number % 3}",
        due_date=dt.date.fromisoformat(due) if due else None,
        estimate=ESTIMATES[number % len(ESTIMATES)],
        started_at=None if number % 2 else DAY_ONE + dt.timedelta(days=number),
        completed_at=dt.datetime(1, 1, 1, tzinfo=dt.UTC) if number % 5 == 0 else None,
        archived_at=DAY_ONE if number % 8 == 5 else None,
        deleted_at=DAY_ONE if number % 9 == 7 else None,
        **times(number // 2),
    )


def _hang_on(
    tenants: Tenants,
    task: Record,
    number: int,
    tasks: list[Record],
    labels: list[Record],
    people: list[Record],
) -> None:
    space_id = task["workspace_id"]
    for bit, label in enumerate(labels):
        if number >> (bit % 5) & 1 and bit % 2 == number % 2:
            link = {"task_id": task["id"], "label_id": label["id"]}
            tenants.add("task_labels", workspace_id=space_id, created_at=DAY_ONE, **link)
    other = tasks[(number * 5 + 1) % len(tasks)]
    if other is not task and number % 2 == 0:
        tenants.add(
            "task_relations",
            workspace_id=space_id,
            task_id=task["id"],
            related_task_id=other["id"],
            type=("BLOCKS", "RELATES_TO", "BLOCKS", "DUPLICATES")[number // 2 % 4],
            creator_id=None if number % 3 else people[0]["id"],
            created_at=moment(number // 4),
        )
    comments: list[Record] = []
    for turn in range(number % 4):
        comments.append(_comment(tenants, task, turn, comments, people))
    for turn in range(1 + number % 3):
        _event(tenants, task, number + turn, people)


def _comment(tenants: Tenants, task: Record, turn: int, others: list[Record], people: list[Record]) -> Record:
    return tenants.add(
        "comments",
        workspace_id=task["workspace_id"],
        task_id=task["id"],
        author_id=None if turn == 1 else people[turn]["id"],
        parent_id=others[0]["id"] if others else None,
        body=f"Number {turn}: “said”\n",
        resolved_at=DAY_ONE if turn == 2 else None,
        deleted_at=DAY_ONE if turn == 2 and task["number"] % 2 else None,
        **times(turn // 2),
    )


def _event(tenants: Tenants, task: Record, number: int, people: list[Record]) -> None:
    space_id = task["workspace_id"]
    before = [event for event in tenants.rows.get("events", []) if event["workspace_id"] == space_id]
    tenants.add(
        "events",
        workspace_id=space_id,
        seq=FIRST_SEQ + len(before) + 1,
        type=("task.created", "task.updated", "project.updated")[number % 3],
        actor_id=None if number % 4 == 0 else people[number % len(people)]["id"],
        entity_type="task",
        entity_id=task["id"],
        entity_version=None if number % 2 else number + 1,
        project_id=task["project_id"],
        task_id=None if number % 5 == 0 else task["id"],
        changes=CHANGES[number % len(CHANGES)],
        batch_id=tenants.new_id() if number % 6 == 0 else None,
        created_at=moment(number),
    )


def times(number: int) -> Record:
    return {"version": number + 1, "created_at": moment(number), "updated_at": moment(number * 2 % 5)}


def moment(number: int) -> dt.datetime:
    """Some with microseconds and some without."""
    return DAY_ONE + dt.timedelta(hours=number, microseconds=number % 2 * 123456)
