"""Four tenants whose rows hold every case that the engine must tell apart, the same ones in every run.

Written past the API: ties, nulls, the year 1, references across tenants (which the API never makes, so that
what is hidden behind them can be seen to stay hidden), a workspace without a counter.
"""

import datetime as dt
import json
from typing import Any
from uuid import UUID

import asyncpg
from argon2 import PasswordHasher

from app.domain.passwords import PARAMETERS
from app.domain.viewer import Viewer
from app.models.enums import Role
from tests.engine.tenant_rows import DAY_ONE, FIRST_SEQ, Record, Tenants, fill_workspace, times

PASSWORD = "correct horse"
"""Of everybody."""
_PASSWORD_HASH = PasswordHasher.from_parameters(PARAMETERS).hash(PASSWORD, salt=bytes(PARAMETERS.salt_len))


def make_tenants() -> Tenants:
    tenants = Tenants()
    people = {name: _user(tenants, name) for name in ("alex", "sam", "kim", "lou", "noa", "ray", "zoe")}
    spaces = {name: _workspace(tenants, name) for name in ("north", "south", "shared", "void")}
    _counter(tenants, spaces, "north", "south", "shared")
    roles = (
        ("north", "alex", Role.OWNER, False),
        ("north", "sam", Role.MEMBER, False),
        ("north", "kim", Role.GUEST, False),
        ("north", "noa", Role.ADMIN, True),
        ("south", "lou", Role.OWNER, False),
        ("south", "noa", Role.MEMBER, False),
        ("shared", "alex", Role.MEMBER, False),
        ("shared", "lou", Role.ADMIN, False),
        ("void", "ray", Role.OWNER, False),
    )
    for number, (space, name, role, left) in enumerate(roles):
        _membership(tenants, number, spaces[space], people[name], role, left)
    contents = (("north", ("AAA", "BBB"), 30), ("south", ("AAA",), 14), ("shared", ("AAA", "CCC"), 9))
    for space, keys, count in contents:
        fill_workspace(tenants, spaces[space], keys, count, [*people.values()])
    _cross(tenants)
    for name, person in people.items():
        tenants.viewers[name] = _viewer(tenants, person)
    tenants.viewers["nobody"] = None
    return tenants


async def insert(tenants: Tenants, url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for table, rows in tenants.rows.items():
            for row in rows:
                names = ", ".join(f'"{name}"' for name in row)
                binds = ", ".join(_bind(number, value) for number, value in enumerate(row.values(), 1))
                sql = f'INSERT INTO "{table}" ({names}) VALUES ({binds})'
                await connection.execute(sql, *(_bound(value) for value in row.values()))
    finally:
        await connection.close()


def _bind(number: int, value: Any) -> str:
    """asyncpg sends Python's first and last day as infinity; as text they stay days."""
    if isinstance(value, dt.datetime):
        return f"${number}::text::timestamptz"
    return f"${number}::text::date" if isinstance(value, dt.date) else f"${number}"


def _bound(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list) else value


def _viewer(tenants: Tenants, person: Record) -> Viewer:
    session = _session(tenants, person, 0)
    _session(tenants, person, 1, user_agent="Browser", address="192.0.2.1")
    _session(tenants, person, 2, expires_at=DAY_ONE)
    _session(tenants, person, 3, revoked_at=DAY_ONE)
    roles = {
        UUID(row["workspace_id"]): Role(row["role"])
        for row in tenants.rows["memberships"]
        if row["user_id"] == person["id"] and row["removed_at"] is None
    }
    return Viewer(UUID(person["id"]), UUID(session["id"]), roles)


def _session(tenants: Tenants, person: Record, number: int, **other: Any) -> Record:
    ends = dt.datetime(2999, 1, 1, tzinfo=dt.UTC)
    given = {"user_agent": None, "address": None, "revoked_at": None, "expires_at": ends, **other}
    began = DAY_ONE + dt.timedelta(days=number)
    return tenants.add("sessions", user_id=person["id"], created_at=began, last_used_at=began, **given)


def _user(tenants: Tenants, name: str) -> Record:
    return tenants.add(
        "users",
        email=f"{name}@example.com",
        name=name,
        avatar_url=None if name < "m" else f"https://example.com/{name}.png",
        timezone="UTC",
        password_hash=_PASSWORD_HASH,
        disabled_at=None,
        email_verified_at=DAY_ONE if name < "m" else None,
        **times(len(name)),
    )


def _workspace(tenants: Tenants, name: str) -> Record:
    shown = "north" if name == "shared" else name  # two of the same name: ties fall to the id
    return tenants.add("workspaces", slug=name, name=shown, sync_epoch=tenants.new_id(), **times(2))


def _counter(tenants: Tenants, spaces: dict[str, Record], *names: str) -> None:
    for name in names:
        tenants.add("workspace_counters", workspace_id=spaces[name]["id"], seq=FIRST_SEQ)


def _membership(tenants: Tenants, number: int, space: Record, person: Record, role: Role, left: bool) -> None:
    tenants.add(
        "memberships",
        workspace_id=space["id"],
        user_id=person["id"],
        role=role.value,
        removed_at=DAY_ONE if left else None,
        **times(number // 2),
    )


def _cross(tenants: Tenants) -> None:
    """References from one tenant to another: what they point at must not be seen, nor counted."""
    tasks = tenants.rows["tasks"]
    inside = tasks[2]
    outside = next(task for task in tasks if task["workspace_id"] != inside["workspace_id"])
    theirs = outside["workspace_id"]
    pairs = [(task, outside) for task in tasks[2:30]]
    for task, other in [*pairs, (outside, inside)]:
        tenants.add(
            "task_relations",
            workspace_id=task["workspace_id"],
            task_id=task["id"],
            related_task_id=other["id"],
            type="BLOCKS",
            creator_id=None,
            created_at=DAY_ONE,
        )
    north = tenants.rows["workspaces"][0]["id"]
    later = [task for task in tasks if task["workspace_id"] not in (north, theirs)]
    later[0]["parent_id"] = outside["id"]
    foreign_label = next(row for row in tenants.rows["labels"] if row["workspace_id"] == theirs)
    tenants.add(
        "task_labels",
        workspace_id=inside["workspace_id"],
        task_id=inside["id"],
        label_id=foreign_label["id"],
        created_at=DAY_ONE,
    )
    comment = next(row for row in tenants.rows["comments"] if row["workspace_id"] == theirs)
    tenants.rows["comments"].append({**comment, "id": tenants.new_id(), "task_id": inside["id"]})
    hidden_subtask = {**outside, "id": tenants.new_id(), "number": 1000, "parent_id": inside["id"]}
    tenants.rows["tasks"].append(hidden_subtask)
