"""A tenant with at least one of everything, to look into from inside and from outside."""

from dataclasses import dataclass

import asyncpg

from tests.harness.board import LABEL_CREATE
from tests.harness.client import Json
from tests.harness.people import Person

COMMENT_CREATE = """
mutation ($input: CommentCreateInput!) {
  commentCreate(input: $input) { comment { id } syncSeq userErrors { code message field } }
}"""
RELATION_CREATE = """
mutation ($input: TaskRelationCreateInput!) {
  taskRelationCreate(input: $input) { taskRelation { id } syncSeq userErrors { code message field } }
}"""

# GraphQL's type → its table and the column that holds the tenant's id.
TABLES = {
    "Workspace": ("workspaces", "id"),
    "Member": ("memberships", "workspace_id"),
    "Project": ("projects", "workspace_id"),
    "Status": ("statuses", "workspace_id"),
    "Task": ("tasks", "workspace_id"),
    "TaskRelation": ("task_relations", "workspace_id"),
    "Label": ("labels", "workspace_id"),
    "Comment": ("comments", "workspace_id"),
    "Event": ("events", "workspace_id"),
}


@dataclass
class World:
    owner: Person
    member: Person
    workspace: Json
    project: Json
    task: Json
    """It has a subtask, labels, comments with a reply, and blocks `blocked`, which also blocks a third."""
    blocked: Json
    subtask: Json
    label_id: str
    project_label_id: str
    comment_id: str
    reply_id: str
    membership_id: str
    relation_id: str

    async def ids(self, sql: asyncpg.Pool) -> dict[str, list[str]]:
        """The ids of every node of the tenant, by type, as the tables hold them."""
        found = {"User": [self.owner.id, self.member.id]}
        for name, (table, column) in TABLES.items():
            query = f"SELECT id::text FROM {table} WHERE {column} = $1 ORDER BY id"
            found[name] = [row["id"] for row in await sql.fetch(query, self.workspace["id"])]
        return found


async def make_world(owner: Person, member: Person) -> World:
    """`member` joins the new workspace of `owner` as a MEMBER."""
    workspace = await owner.workspace()
    membership_id = (await owner.add_member(member, "MEMBER", workspace["id"]))["id"]
    project = await owner.project(workspace["id"])
    project_label_id = await make_label(owner, "only here", projectId=project["id"])
    label_ids = [
        await make_label(owner, name, workspaceId=workspace["id"]) for name in ("one", "Two", "three")
    ]
    task = await owner.task("Above", project["id"], labelIds=label_ids, assigneeId=member.id)
    subtask = await owner.task("Below", project["id"], parentId=task["id"], labelIds=label_ids[:1])
    blocked = await member.task("Waits", project["id"])
    third = await member.task("Waits longer", project["id"])
    relation_id = await relate(owner, task, blocked)
    await relate(owner, blocked, third)
    await relate(owner, task, third, "RELATES_TO")
    comment_id = await comment(owner, task, "First!")
    reply_id = await comment(member, task, "Second.", parentId=comment_id)
    await comment(member, task, "Third.")
    return World(
        owner,
        member,
        workspace,
        project,
        task,
        blocked,
        subtask,
        label_ids[0],
        project_label_id,
        comment_id,
        reply_id,
        membership_id,
        relation_id,
    )


async def make_label(person: Person, name: str, **fields: str) -> str:
    payload = await person.create(LABEL_CREATE, {"input": {"name": name, "color": "#aa3311", **fields}})
    return str(payload["label"]["id"])


async def relate(person: Person, task: Json, other: Json, relation: str = "BLOCKS") -> str:
    given = {"taskId": task["id"], "relatedTaskId": other["id"], "type": relation}
    return str((await person.create(RELATION_CREATE, {"input": given}))["taskRelation"]["id"])


async def comment(person: Person, task: Json, body: str, **fields: str) -> str:
    given = {"taskId": task["id"], "body": body, **fields}
    return str((await person.create(COMMENT_CREATE, {"input": given}))["comment"]["id"])
