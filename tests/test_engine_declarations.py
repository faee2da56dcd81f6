"""A wrong declaration fails while the schema is built, and its message names the type and the field."""

import subprocess
import sys
from textwrap import dedent

import pytest

SCHEMA = """
import strawberry
from strawberry.schema.config import StrawberryConfig
from tortoise import Tortoise

from app import models
from app.domain import access
from app.engine import *
from app.engine.filters import compares, filter_input

Tortoise.init_models(["app.models"], "models")

@strawberry.input
class Anything:
    eq: str | None = None

@entity(models.Status, access.status)
@strawberry.type
class Status:
    name: str = column("…")

@strawberry.type
class NoEntity:
    id: strawberry.ID

{filters}

@entity(models.Task, access.task)
@strawberry.type
class Task:
    {field}

@strawberry.type
class Query:
    tasks: Connection[Task] = all_of("…", order=Order.by("id"){arguments})

try:
    EngineSchema(query=Query, config=StrawberryConfig(default_resolver=value_of))
except DeclarationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ('tilte: str = column("…")', "Task.tilte: Task has no column 'tilte'"),
        ('state: Status = to_one("…")', "Task.state: Task has no column 'state_id'"),
        ('status: NoEntity = to_one("…")', "Task.status: 'NoEntity' is not declared with @entity"),
        (
            'name: str = computed("…", str, "stage.name")',
            "Task.name: Task has no relation 'stage'",
        ),
        (
            'name: str = computed("…", str, "status.nmae")',
            "Task.name: Status has no column 'nmae'",
        ),
        (
            'size: int = count_of("…", "parts")',
            "Task.size: count_of('parts'): Task declares no such connection",
        ),
        ('is_late: bool = batch("…", print, ["due"])', "Task.is_late: Task has no column 'due'"),
        (
            'links: Connection[NoEntity] = to_many("…", Direct("task_id"), order=Order.by("id"))',
            "Task.links: 'NoEntity' is not declared with @entity",
        ),
        (
            'links: list[Status] = to_many("…", Direct("task_id"), order=Order.by("id"))',
            "Task.links: is annotated with something that is no Connection",
        ),
        (
            'links: Connection[Status] = to_many("…", Direct("task_id"), order=Order.by("id"))',
            "Task.links: Status has no column 'task_id'",
        ),
        (
            'links: Connection[Status] = to_many("…", Through(models.TaskLabel, "task_id", "status_id", '
            'models.Status), order=Order.by("id"))',
            "Task.links: TaskLabel has no column 'status_id'",
        ),
        (
            'links: Connection[Status] = to_many("…", Direct("project_id"), order=Order.by("rank"))',
            "Task.links: Status has no column 'rank'",
        ),
    ],
)
def test_a_wrong_field_is_named(field: str, message: str) -> None:
    assert _declare(field=field) == message


def test_a_filter_that_compares_what_is_not_there_is_named() -> None:
    filters = """
    @filter_input(models.Task, "…")
    class TaskFilter:
        titel: Anything | None = compares("titel", "…")
    """

    assert _declare(filters=dedent(filters), arguments=", filter_type=TaskFilter") == (
        "TaskFilter.titel: no column 'titel'"
    )


def _declare(*, field: str = 'title: str = column("…")', filters: str = "", arguments: str = "") -> str:
    """What building such a schema says, in a process of its own: declarations register themselves."""
    source = SCHEMA.format(field=field, filters=filters, arguments=arguments)
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()
