"""What happened to the demo's tasks, as steps that the verbs carry out."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from app.domain import comments, relations, tasks
from app.domain.demo_content import DemoTask
from app.domain.task_fields import TaskCreation
from app.domain.write import Write
from app.models import RelationType, TaskPriority, new_id

# When a task of this status came through the statuses before it, as parts of its life so far.
_PATHS: Final[Mapping[str, Sequence[tuple[float, str]]]] = {
    "In Progress": ((0.4, "In Progress"),),
    "In Review": ((0.35, "In Progress"), (0.75, "In Review")),
    "Done": ((0.3, "In Progress"), (0.7, "In Review")),
    "Canceled": ((1.0, "Canceled"),),
}
_LAST_TOUCH = timedelta(hours=2)  # before now, for a task that is still open


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    by: str
    run: Callable[[Write], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the steps refer to: ids by the names that the content uses."""

    project_id: UUID
    statuses: Mapping[str, UUID]
    labels: Mapping[str, UUID]
    people: Mapping[str, UUID]
    writers: Sequence[str]
    now: datetime


def history_of(contents: Sequence[DemoTask], setting: Setting) -> list[Step]:
    """The steps of a project's tasks, not yet in the order of time."""
    lives = [_Life(content, position, setting) for position, content in enumerate(contents)]
    by_ref = {life.content.ref: life for life in lives if life.content.ref is not None}
    steps = [step for life in lives for step in life.steps()]
    return steps + [step for life in lives for step in life.relate(by_ref)]


class _Life:
    def __init__(self, content: DemoTask, position: int, setting: Setting) -> None:
        self.content = content
        self.id = str(new_id())
        self._setting = setting
        # Not all at the same minute of the day.
        before = timedelta(minutes=150 + position * 53 % 330)
        self.created = setting.now - timedelta(days=content.created) - before
        self._ended = (
            setting.now - _LAST_TOUCH
            if content.done is None
            else setting.now - timedelta(days=content.done, minutes=position * 31 % 120)
        )
        self._creator = setting.writers[position * 7 % len(setting.writers)]
        self._worker = content.assignee or self._creator

    def steps(self) -> Iterator[Step]:
        content = self.content
        yield self._creation()
        for part, status in _PATHS.get(content.status, ()):
            yield self._move(self.id, part, status)
        if content.status == "Done":
            yield self._complete(self.id, 1.0)
        for position, title in enumerate(content.subtasks):
            yield from self._subtask(position, title)
        yield from self._comments()
        if content.archived:
            yield Step(self._ended + timedelta(days=1), "demo", lambda write: tasks.archive(write, self.id))

    def relate(self, by_ref: Mapping[str, "_Life"]) -> Iterator[Step]:
        content = self.content
        for ref in content.blocks:
            yield self._relation(self, by_ref[ref], RelationType.BLOCKS)
        for ref in content.blocked_by:
            yield self._relation(by_ref[ref], self, RelationType.BLOCKS)
        for ref in content.relates_to:
            yield self._relation(self, by_ref[ref], RelationType.RELATES_TO)
        if content.duplicates is not None:
            yield self._relation(self, by_ref[content.duplicates], RelationType.DUPLICATES)

    def _creation(self) -> Step:
        content, setting = self.content, self._setting
        given = TaskCreation(
            id=self.id,
            project_id=str(setting.project_id),
            title=content.title,
            description=content.description,
            priority=TaskPriority[content.priority],
            label_ids=[str(setting.labels[name]) for name in content.labels],
            assignee_id=content.assignee and str(setting.people[content.assignee]),
            estimate=content.estimate,
            due_date=None if content.due is None else (setting.now + timedelta(days=content.due)).date(),
        )
        if content.status == "Backlog":
            given["status_id"] = str(setting.statuses["Backlog"])
        return Step(self.created, self._creator, lambda write: tasks.create(write, given))

    def _subtask(self, position: int, title: str) -> Iterator[Step]:
        """A title that starts with "x " is done."""
        own_id, done, setting = str(new_id()), title.startswith("x "), self._setting
        given = TaskCreation(
            id=own_id,
            project_id=str(setting.project_id),
            parent_id=self.id,
            title=title.removeprefix("x "),
            assignee_id=self.content.assignee and str(setting.people[self.content.assignee]),
        )
        if self.content.status == "Backlog":
            given["status_id"] = str(setting.statuses["Backlog"])
        created = self.created + timedelta(minutes=10 + position)
        yield Step(created, self._creator, lambda write: tasks.create(write, given))
        part = 0.4 + 0.4 * position / len(self.content.subtasks)
        before = self.content.subtasks[position - 1] if position else "x "
        if done:
            yield self._complete(own_id, part)
        elif self.content.status == "In Progress" and before.startswith("x "):
            yield self._move(own_id, 0.9, "In Progress")

    def _comments(self) -> Iterator[Step]:
        thread = None
        for position, comment in enumerate(self.content.comments):
            given = comments.CommentCreation(id=str(new_id()), task_id=self.id, body=comment.text)
            if comment.reply and thread is not None:
                given["parent_id"] = thread
            else:
                thread = given["id"]
            at = self._at(0.5 + 0.45 * (position + 1) / len(self.content.comments))
            yield Step(at, comment.by, partial(comments.create, input=given))

    def _relation(self, source: "_Life", target: "_Life", type: RelationType) -> Step:
        given = relations.RelationCreation(task_id=source.id, related_task_id=target.id, type=type)
        at = max(source.created, target.created) + timedelta(hours=1)
        return Step(at, self._creator, lambda write: relations.create(write, given))

    def _move(self, id: str, part: float, status: str) -> Step:
        status_id = str(self._setting.statuses[status])
        return Step(self._at(part), self._worker, lambda write: tasks.move(write, id, status_id, None, None))

    def _complete(self, id: str, part: float) -> Step:
        return Step(self._at(part), self._worker, lambda write: tasks.complete(write, id))

    def _at(self, part: float) -> datetime:
        return self.created + part * (self._ended - self.created)
