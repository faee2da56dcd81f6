"""A workspace with a bit of everything, for tests that only read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.harness.client import Api, Json
from tests.harness.people import Person, sign_up

LABEL_CREATE = """
mutation ($input: LabelCreateInput!) {
  labelCreate(input: $input) { label { id name } userErrors { code message field } }
}"""
TASK_VERB = """
mutation ($id: ID!) {{ {verb}(id: $id) {{ task {{ id }} userErrors {{ code message field }} }} }}"""

SIZE = 48
TITLES = (
    "Fix the login page",
    "fix the LOGOUT page",
    "100% done_ok",
    "A back\\slash in it",
    "Ünïcödé ✓ 漢字",
    "  spaces  ",
    "'; DROP TABLE tasks; --",
    "x" * 500,
)
PRIORITIES = ("NONE", "LOW", "MEDIUM", "HIGH", "URGENT")
ESTIMATES = (None, 0.0, 0.5, 1.0, 2.5, 8.0)
LABELS = ("bug", "feature", "50%", "design_review")


@dataclass
class Board:
    """What `make_board` made, with the rows as plain SELECTs read them."""

    owner: Person
    colleague: Person
    workspace_id: str
    projects: list[Json]
    labels: dict[str, str]
    tasks: list[asyncpg.Record]
    statuses: dict[str, asyncpg.Record]
    project_rows: dict[str, asyncpg.Record]
    users: dict[str, asyncpg.Record]
    labels_of: dict[str, list[asyncpg.Record]]


async def make_board(api: Api, sql: asyncpg.Pool) -> Board:
    """48 tasks in two projects: every priority and status, ties and nulls in every column; some archived,
    some in the trash, some with a parent, labels and an assignee.
    """
    owner, colleague = await asyncio.gather(sign_up(api, name="Alex"), sign_up(api, name="Sam"))
    workspace_id = (await owner.workspace())["id"]
    await owner.add_member(colleague, "MEMBER", workspace_id)
    projects = [await owner.project(workspace_id, key=key, name=f"Board {key}") for key in ("AAA", "BBB")]
    labels = {name: await _label(owner, workspace_id, name) for name in LABELS}
    made: list[Json] = []
    for number in range(SIZE):
        parent_id = made[number - 1]["id"] if number % 5 == 4 else None
        made.append(await _task(number, owner, colleague, projects, list(labels.values()), parent_id))
    await _age([task["id"] for task in made], owner)
    return await _read(sql, owner, colleague, workspace_id, projects, labels)


async def _label(owner: Person, workspace_id: str, name: str) -> str:
    given = {"workspaceId": workspace_id, "name": name, "color": "#336699"}
    return str((await owner.create(LABEL_CREATE, {"input": given}))["label"]["id"])


async def _task(
    number: int,
    owner: Person,
    colleague: Person,
    projects: list[Json],
    label_ids: list[str],
    parent_id: str | None,
) -> Json:
    # A parent is of the same project: the project changes every five tasks, the parent is one of the five.
    project = projects[(number // 5) % 2]
    statuses = list(project["statuses"].values())
    fields: dict[str, Any] = {
        "description": None if number % 3 else f"What number {number} is *about*.",
        "statusId": statuses[number % len(statuses)]["id"],
        "priority": PRIORITIES[number * 7 % 5],
        "assigneeId": (None, owner.id, colleague.id)[number % 3],
        "labelIds": [label_id for bit, label_id in enumerate(label_ids) if number >> bit & 1],
        "dueDate": None if number % 4 == 1 else f"2026-{1 + number % 3:02}-{1 + number % 9:02}",
        "estimate": ESTIMATES[number % len(ESTIMATES)],
        "parentId": parent_id,
    }
    creator = owner if number % 2 else colleague
    return await creator.task(TITLES[number % len(TITLES)], project["id"], **fields)


async def _age(ids: Sequence[str], owner: Person) -> None:
    for verb, chosen in (
        ("taskComplete", ids[3::11]),
        ("taskArchive", ids[5::8]),
        ("taskDelete", [*ids[7::9], *ids[5::16]]),
    ):
        for task_id in dict.fromkeys(chosen):
            await owner.create(TASK_VERB.format(verb=verb), {"id": task_id})


async def _read(
    sql: asyncpg.Pool,
    owner: Person,
    colleague: Person,
    workspace_id: str,
    projects: list[Json],
    labels: dict[str, str],
) -> Board:
    links = await sql.fetch(
        "SELECT link.task_id, labels.* FROM task_labels link JOIN labels ON labels.id = link.label_id"
        " WHERE link.workspace_id = $1",
        workspace_id,
    )
    labels_of: dict[str, list[asyncpg.Record]] = {}
    for link in links:
        labels_of.setdefault(str(link["task_id"]), []).append(link)
    return Board(
        owner=owner,
        colleague=colleague,
        workspace_id=workspace_id,
        projects=projects,
        labels=labels,
        tasks=await sql.fetch("SELECT * FROM tasks WHERE workspace_id = $1", workspace_id),
        statuses=await _by_id(sql, "SELECT * FROM statuses WHERE workspace_id = $1", workspace_id),
        project_rows=await _by_id(sql, "SELECT * FROM projects WHERE workspace_id = $1", workspace_id),
        users=await _by_id(sql, "SELECT * FROM users WHERE id = ANY($1)", [owner.id, colleague.id]),
        labels_of=labels_of,
    )


async def _by_id(sql: asyncpg.Pool, query: str, value: object) -> dict[str, asyncpg.Record]:
    return {str(row["id"]): row for row in await sql.fetch(query, value)}
