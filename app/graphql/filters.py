"""What tasks can be filtered by."""

from typing import Optional

from app import models
from app.engine import Through
from app.engine.filters import combinator, compares, crosses, filter_input, has_some, is_null, part
from app.graphql.comparators import (
    DateComparator,
    DateTimeComparator,
    FloatComparator,
    IDComparator,
    IntComparator,
    StatusTypeComparator,
    StringComparator,
    TaskPriorityComparator,
)

TASK_LABELS = Through(models.TaskLabel, "task_id", "label_id", models.Label)


@filter_input(models.User, "Narrows by a person. All that is given must hold.")
class UserFilter:
    id: IDComparator | None = compares("id", "By id.")
    name: StringComparator | None = compares("name", "By name.")
    email: StringComparator | None = compares("email", "By email address; of former members it is empty.")
    is_null: bool | None = is_null("Whether there is nobody.")


@filter_input(models.Project, "Narrows by a project. All that is given must hold.")
class ProjectFilter:
    id: IDComparator | None = compares("id", "By id.")
    key: StringComparator | None = compares("key", "By key.")
    name: StringComparator | None = compares("name", "By name.")


@filter_input(models.Status, "Narrows by a status. All that is given must hold.")
class StatusFilter:
    id: IDComparator | None = compares("id", "By id.")
    name: StringComparator | None = compares("name", "By name.")
    type: StatusTypeComparator | None = compares("type", "By type.")


@filter_input(models.Label, "Narrows by a label. All that is given must hold.")
class LabelFilter:
    id: IDComparator | None = compares("id", "By id.")
    name: StringComparator | None = compares("name", "By name.")


@filter_input(models.Task, "Narrows by the task above. All that is given must hold.")
class ParentTaskFilter:
    id: IDComparator | None = compares("id", "By id.")
    is_null: bool | None = is_null("Whether there is no task above.")


@filter_input(models.Task, "Narrows by labels. All that is given must hold.")
class LabelsFilter:
    some: LabelFilter | None = has_some(TASK_LABELS, "At least one label matches.")
    none: LabelFilter | None = has_some(TASK_LABELS, "No label matches.", negated=True)


@filter_input(models.Task, "Narrows tasks. All that is given must hold.")
class TaskFilter:
    and_: list["TaskFilter"] | None = combinator("and", "All of these hold.")
    or_: list["TaskFilter"] | None = combinator("or", "At least one of these holds; none when empty.")
    not_: Optional["TaskFilter"] = combinator("not", "This does not hold.")
    id: IDComparator | None = compares("id", "By id.")
    number: IntComparator | None = compares("number", "By number within the project.")
    title: StringComparator | None = compares("title", "By title.")
    priority: TaskPriorityComparator | None = compares("priority", "By priority.")
    due_date: DateComparator | None = compares("due_date", "By the day it is due.")
    estimate: FloatComparator | None = compares("estimate", "By estimate.")
    created_at: DateTimeComparator | None = compares("created_at", "By when it was created.")
    updated_at: DateTimeComparator | None = compares("updated_at", "By when it last changed.")
    started_at: DateTimeComparator | None = compares("started_at", "By when work began.")
    completed_at: DateTimeComparator | None = compares("completed_at", "By when it was completed.")
    project: ProjectFilter | None = crosses("project", "By its project.")
    status: StatusFilter | None = crosses("status", "By its status.")
    assignee: UserFilter | None = crosses("assignee", "By who it is assigned to.")
    creator: UserFilter | None = crosses("creator", "By who created it.")
    parent: ParentTaskFilter | None = crosses("parent", "By the task it is part of.")
    labels: LabelsFilter | None = part("By its labels.")
