"""The demo's tasks as they are written down in the TOML files beside this one."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DemoPerson:
    handle: str
    name: str
    role: str
    timezone: str

    @property
    def email(self) -> str:
        return f"{self.handle}@taskflow.example"


@dataclass(frozen=True, slots=True)
class DemoProject:
    key: str
    name: str
    description: str
    file: str


@dataclass(frozen=True, slots=True)
class DemoComment:
    by: str
    text: str
    reply: bool = False
    """To the comment before it that is none."""


@dataclass(frozen=True, slots=True)
class DemoTask:
    """`created` and `done` are days before now, `due` is days after it. Relations name a task by `ref`."""

    title: str
    status: str
    priority: str
    labels: tuple[str, ...]
    created: float
    ref: str | None = None
    done: float | None = None
    due: int | None = None
    estimate: float | None = None
    assignee: str | None = None
    description: str | None = None
    archived: bool = False
    subtasks: tuple[str, ...] = ()
    comments: tuple[DemoComment, ...] = ()
    blocks: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    relates_to: tuple[str, ...] = ()
    duplicates: str | None = None


PEOPLE: Final = (
    DemoPerson("demo", "Alex", "OWNER", "Europe/Berlin"),
    DemoPerson("maya", "Maya", "ADMIN", "Europe/Berlin"),
    DemoPerson("jonas", "Jonas", "MEMBER", "Europe/Stockholm"),
    DemoPerson("priya", "Priya", "MEMBER", "Asia/Kolkata"),
    DemoPerson("tomas", "Tomás", "MEMBER", "Europe/Lisbon"),
    DemoPerson("ana", "Ana", "MEMBER", "Europe/Lisbon"),
    DemoPerson("noah", "Noah", "MEMBER", "America/New_York"),
    DemoPerson("ingrid", "Ingrid", "MEMBER", "Europe/Oslo"),
    DemoPerson("guest", "Lena", "GUEST", "Europe/Vienna"),
)

PROJECTS: Final = (
    DemoProject(
        "ENG",
        "Engineering",
        "The apps of couriers and dispatchers, the API and the route planner.",
        "demo_engineering.toml",
    ),
    DemoProject(
        "OPS",
        "Operations",
        "Keeping it running: infrastructure, depots, hardware, privacy.",
        "demo_operations.toml",
    ),
)

_TASKS: Final = TypeAdapter(list[DemoTask])
_COLORS: Final = (
    "#e5484d", "#f76808", "#f5d90a", "#46a758", "#12a594",
    "#0091ff", "#6e56cf", "#e93d82", "#8e8c99", "#ad7f58",
)  # fmt: skip


def load(project: DemoProject) -> list[DemoTask]:
    with (FOLDER / project.file).open("rb") as file:
        return _TASKS.validate_python(tomllib.load(file)["tasks"])


def label_colors(names: Iterable[str]) -> dict[str, str]:
    return {name: _COLORS[position % len(_COLORS)] for position, name in enumerate(sorted(names))}
