"""What the walks send. A new field that takes an id needs an entry here; without one the walks fail.

A function of a tenant, whose owner can send all of it.
"""

from jose import jwt

from tests.harness.people import unique
from tests.walls.slots import Variables
from tests.walls.tenants import Tenant

ABOUT_ONESELF = {"workspaceCreate", "sessionRevoke"}
"""Mutations for which no role in a workspace matters."""

HARMLESS = {("taskUpdate", ("input", "removeLabelIds"))}
"""Where an unknown id is no fault: who takes away what is not there changes nothing."""


def mutations(tenant: Tenant) -> dict[str, list[Variables]]:
    """By mutation, variables that succeed. Together they name every argument that takes an id."""
    world = tenant.world
    workspace_id, project = world.workspace["id"], world.project
    task_id, other_id = world.task["id"], world.subtask["id"]
    by_id = [{"id": task_id}]
    fields = {
        "title": "New",
        "description": "x",
        "statusId": project["statuses"]["Done"]["id"],
        "assigneeId": world.member.id,
        "parentId": task_id,
        "labelIds": [world.label_id],
    }
    session_id = jwt.get_unverified_claims(tenant.owner.token)["sid"]
    return {
        "sessionRevoke": [{"id": session_id}],
        "workspaceCreate": [{"input": {"slug": unique("new"), "name": "New"}}],
        "memberAdd": [{"workspaceId": workspace_id, "email": tenant.newcomer.email, "role": "MEMBER"}],
        "memberUpdate": [{"id": world.membership_id, "input": {"role": "GUEST"}}],
        "memberRemove": [{"id": world.membership_id}],
        "projectCreate": [
            {"input": {"workspaceId": workspace_id, "key": "NEW", "name": "New", "description": "x"}}
        ],
        "taskCreate": [{"input": {**fields, "projectId": project["id"]}}],
        "taskUpdate": [
            {"id": other_id, "input": fields},
            {"id": other_id, "input": {"addLabelIds": [world.project_label_id]}},
            {"id": other_id, "input": {"removeLabelIds": [world.label_id]}},
        ],
        "taskMove": [
            {
                "id": other_id,
                "statusId": fields["statusId"],
                "beforeId": world.blocked["id"],
                "afterId": task_id,
            }
        ],
        **dict.fromkeys(("taskComplete", "taskReopen", "taskArchive", "taskUnarchive"), by_id),
        **dict.fromkeys(("taskDelete", "taskRestore"), by_id),
        "labelCreate": [
            {"input": {"projectId": project["id"], "name": "new", "color": "#123456"}},
            {"input": {"workspaceId": workspace_id, "name": "new", "color": "#123456"}},
        ],
        "commentCreate": [{"input": {"taskId": task_id, "body": "x", "parentId": world.comment_id}}],
        "taskRelationCreate": [
            {"input": {"taskId": task_id, "relatedTaskId": other_id, "type": "RELATES_TO"}}
        ],
        "taskRelationDelete": [{"id": world.relation_id}],
    }


def beside(tenant: Tenant) -> dict[str, Variables]:
    """By slot of a query, the arguments without which its id has no say."""
    return {
        "Query.project(workspaceId)": {"key": tenant.world.project["key"]},
        "Query.task(workspaceId)": {"identifier": tenant.world.task["identifier"]},
        "Query.changes(workspaceId)": {"after": "0"},
        "Query.changes(epoch)": {"workspaceId": tenant.world.workspace["id"], "after": "0"},
    }


def above(tenant: Tenant) -> dict[str, str]:
    """By type, an object that has fields which take ids, and something for them to find."""
    project = tenant.world.project
    return {"Project": project["id"], "Status": project["statuses"]["Todo"]["id"]}


def subscriptions(tenant: Tenant) -> dict[str, Variables]:
    """By subscription, variables with which `stir` reaches its subscriber."""
    project_id = tenant.world.project["id"]
    return {
        "taskCreated": {"projectId": project_id},
        "taskUpdated": {"projectId": project_id, "taskId": tenant.world.task["id"]},
    }


async def stir(tenant: Tenant) -> str:
    """Writes something that every subscription tells of. Returns the title that it gives."""
    world, title = tenant.world, unique("Stirred")
    await world.owner.task(title, world.project["id"])
    update = """
    mutation ($id: ID!, $input: TaskUpdateInput!) {
      taskUpdate(id: $id, input: $input) { userErrors { code message } }
    }"""
    await world.owner.create(update, {"id": world.task["id"], "input": {"title": title}})
    return title
