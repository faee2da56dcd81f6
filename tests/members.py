"""Adding members to a workspace and removing them."""

import asyncpg

from tests.harness.client import Json
from tests.harness.people import Person

ADD = """
mutation ($workspaceId: ID!, $email: String!, $role: Role!, $key: String, $validateOnly: Boolean) {
  memberAdd(
    workspaceId: $workspaceId, email: $email, role: $role, idempotencyKey: $key, validateOnly: $validateOnly
  ) {
    member { id role version removedAt user { id email } workspace { id } } syncSeq
    userErrors { code message field }
  }
}"""
REMOVE = """
mutation ($id: ID!, $expectedVersion: Int, $validateOnly: Boolean) {
  memberRemove(id: $id, expectedVersion: $expectedVersion, validateOnly: $validateOnly) {
    member { id role version removedAt } syncSeq userErrors { code message field }
  }
}"""
EVENTS = """
SELECT
    type, entity_id::text AS entity, entity_version AS version, actor_id::text AS actor,
    changes::text AS changes
FROM events WHERE workspace_id = $1::text::uuid AND seq > 2 ORDER BY seq
"""
MEMBERS = """
SELECT count(*) FROM memberships WHERE workspace_id = $1::text::uuid AND removed_at IS NULL
"""


async def add(
    person: Person, other: Person | str, role: str = "MEMBER", workspace_id: str | None = None, **more: object
) -> Json:
    email = other if isinstance(other, str) else other.email
    if workspace_id is None:
        workspace_id = person.workspace_id
    variables = {"workspaceId": workspace_id, "email": email, "role": role, **more}
    payload: Json = (await person.run(ADD, variables)).data["memberAdd"]
    return payload


async def remove(person: Person, id: str, **more: object) -> Json:
    payload: Json = (await person.run(REMOVE, {"id": id, **more})).data["memberRemove"]
    return payload


async def membership_of(sql: asyncpg.Pool, person: Person, workspace_id: str) -> str:
    return str(
        await sql.fetchval(
            "SELECT id::text FROM memberships"
            " WHERE user_id = $1::text::uuid AND workspace_id = $2::text::uuid",
            person.id,
            workspace_id,
        )
    )


def code_of(payload: Json) -> tuple[str, list[str] | None]:
    [error] = payload["userErrors"]
    return error["code"], error["field"]


async def sees(person: Person, workspace_id: str) -> bool:
    answer = await person.run("query ($id: ID!) { workspace(id: $id) { id } }", {"id": workspace_id})
    return answer.data["workspace"] is not None
