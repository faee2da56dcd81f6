"""What the database itself refuses, and what goes with a row that is removed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from app.models import new_id
from tests.harness.stores import Stores


@dataclass
class Rows:
    """One row of each kind, made by plain SQL inside a transaction that is rolled back."""

    connection: asyncpg.Connection
    ids: dict[str, UUID] = field(default_factory=dict)

    async def insert(self, table: str, **values: object) -> UUID:
        made = new_id()
        columns = {"id": made, **values}
        names = ", ".join(f'"{name}"' for name in columns)
        numbers = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({numbers})", *columns.values())
        return made

    async def task(self, **values: object) -> UUID:
        given = {
            "project_id": self.ids["project"],
            "status_id": self.ids["status"],
            "rank": "a",
            "title": "x",
        }
        return await self.insert("tasks", workspace_id=self.ids["workspace"], **(given | values))

    async def count(self, table: str) -> int:
        return int(await self.connection.fetchval(f"SELECT count(*) FROM {table}"))

    async def delete(self, table: str, name: str) -> None:
        await self.connection.execute(f"DELETE FROM {table} WHERE id = $1", self.ids[name])


@pytest.fixture(scope="module")
async def migrated(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(await stores.new_database())
    yield connection
    await connection.close()


@pytest.fixture
async def rows(migrated: asyncpg.Connection) -> AsyncIterator[Rows]:
    transaction = migrated.transaction()
    await transaction.start()
    made = Rows(migrated)
    ids = made.ids
    ids["user"] = await made.insert("users", email="Ada@example.com", name="Ada", password_hash="x")
    ids["workspace"] = await made.insert("workspaces", slug="acme", name="Acme", sync_epoch=new_id())
    inside = {"workspace_id": ids["workspace"]}
    await made.insert("memberships", **inside, user_id=ids["user"], role="OWNER")
    ids["project"] = await made.insert("projects", **inside, key="ENG", name="Engineering")
    of_project = {**inside, "project_id": ids["project"]}
    ids["status"] = await made.insert(
        "statuses", **of_project, name="Todo", color="#00aaff", type="UNSTARTED", position=0
    )
    ids["task"] = await made.task(number=1, creator_id=ids["user"], assignee_id=ids["user"])
    ids["subtask"] = await made.task(number=2, parent_id=ids["task"])
    ids["label"] = await made.insert("labels", **of_project, name="Bug", color="#ff0000")
    of_task = {**inside, "task_id": ids["task"]}
    await made.insert("task_labels", **of_task, label_id=ids["label"])
    ids["comment"] = await made.insert("comments", **of_task, author_id=ids["user"], body="x")
    await made.insert("comments", **of_task, parent_id=ids["comment"], body="reply")
    await made.insert("task_relations", **of_task, related_task_id=ids["subtask"], type="BLOCKS")
    ids["event"] = await made.insert(
        "events",
        **of_task,
        seq=1,
        type="task.created",
        actor_id=ids["user"],
        entity_type="task",
        entity_id=ids["task"],
        changes="[]",
    )
    yield made
    await transaction.rollback()


async def test_removing_a_user_leaves_what_they_wrote(rows: Rows) -> None:
    await rows.delete("users", "user")
    assert await rows.count("memberships") == 0
    assert await rows.connection.fetchval("SELECT creator_id FROM tasks WHERE number = 1") is None
    assert await rows.connection.fetchval("SELECT assignee_id FROM tasks WHERE number = 1") is None
    assert await rows.count("comments") == 2
    assert await rows.connection.fetchval("SELECT actor_id FROM events") is None


async def test_removing_a_task_takes_its_own_and_leaves_its_subtasks_and_its_log(rows: Rows) -> None:
    await rows.delete("tasks", "task")
    for table in ("comments", "task_labels", "task_relations"):
        assert await rows.count(table) == 0, table
    assert await rows.connection.fetchval("SELECT parent_id FROM tasks") is None
    assert await rows.connection.fetchval("SELECT task_id FROM events") == rows.ids["task"]


async def test_a_status_with_tasks_cannot_be_removed(rows: Rows) -> None:
    # PostgreSQL 18 has a code of its own for it.
    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.ForeignKeyViolationError)):
        await rows.delete("statuses", "status")


@pytest.mark.parametrize(("table", "left"), [("projects", 1), ("workspaces", 0)])
async def test_removing_a_project_or_workspace_takes_all_of_it(rows: Rows, table: str, left: int) -> None:
    await rows.delete(table, table.removesuffix("s"))
    for inside in ("tasks", "statuses", "labels", "comments", "task_labels", "task_relations"):
        assert await rows.count(inside) == 0, inside
    assert await rows.count("events") == await rows.count("memberships") == left


Act = Callable[[Rows], Awaitable[object]]
REFUSED: dict[str, Act] = {
    "users_email": lambda r: r.insert("users", email="ada@EXAMPLE.com", name="x", password_hash="x"),
    "users_email_present": lambda r: r.insert("users", email="", name="x", password_hash="x"),
    "workspaces_slug_form": lambda r: r.insert("workspaces", slug="A b", name="x", sync_epoch=new_id()),
    "memberships_role_known": lambda r: r.connection.execute("UPDATE memberships SET role = 'KING'"),
    "projects_key_form": lambda r: r.connection.execute("UPDATE projects SET key = 'e'"),
    "statuses_color_form": lambda r: r.connection.execute("UPDATE statuses SET color = 'red'"),
    "statuses_type_known": lambda r: r.connection.execute("UPDATE statuses SET type = 'LOST'"),
    "tasks_number_range": lambda r: r.task(number=0),
    "tasks_title_present": lambda r: r.task(number=3, title=""),
    "tasks_priority_range": lambda r: r.task(number=3, priority=5),
    "tasks_rank_present": lambda r: r.task(number=3, rank=""),
    "tasks_parent_other": lambda r: r.connection.execute("UPDATE tasks SET parent_id = id"),
    "tasks_due_date_range": lambda r: r.connection.execute("UPDATE tasks SET due_date = 'infinity'"),
    "tasks_estimate_range": lambda r: r.task(number=3, estimate=float("nan")),
    "task_relations_tasks_differ": lambda r: r.connection.execute(
        "UPDATE task_relations SET task_id = related_task_id"
    ),
    "labels_project_name": lambda r: r.insert(
        "labels",
        workspace_id=r.ids["workspace"],
        project_id=r.ids["project"],
        name="BUG",
        color="#ffffff",
    ),
    "events_changes_list": lambda r: r.connection.execute("UPDATE events SET changes = '{}'"),
}


@pytest.mark.parametrize("constraint", REFUSED)
async def test_the_database_refuses(rows: Rows, constraint: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refusal:
        await REFUSED[constraint](rows)
    assert refusal.value.constraint_name == constraint


async def test_a_number_belongs_to_one_task_of_its_project(rows: Rows) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await rows.task(number=2)


async def test_one_statement_puts_statuses_in_a_new_order(rows: Rows) -> None:
    await rows.insert(
        "statuses",
        workspace_id=rows.ids["workspace"],
        project_id=rows.ids["project"],
        name="Done",
        color="#00ff00",
        type="COMPLETED",
        position=1,
    )
    await rows.connection.execute("UPDATE statuses SET position = 1 - position")
    names = await rows.connection.fetch("SELECT name FROM statuses ORDER BY position")
    assert [row["name"] for row in names] == ["Done", "Todo"]


async def test_ranks_are_ordered_byte_by_byte(rows: Rows) -> None:
    for number, rank in enumerate(("Zz", "a0", "a0V", "b"), start=10):
        await rows.task(number=number, rank=rank)
    ranks = await rows.connection.fetch("SELECT rank FROM tasks WHERE number >= 10 ORDER BY rank")
    assert [row["rank"] for row in ranks] == ["Zz", "a0", "a0V", "b"]
