"""Users, workspaces, projects and tasks, made through the API."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.client import Answer, Api, Json

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)

SIGN_UP = """
mutation ($input: SignUpInput!) {
  signUp(input: $input) {
    user { id } accessToken refreshToken expiresAt userErrors { code message field }
  }
}"""
PERSONAL = """
{ workspaces(first: 1) { nodes { id slug } } projects(first: 1) { nodes { id key } } }"""
WORKSPACE_CREATE = """
mutation ($input: WorkspaceCreateInput!) {
  workspaceCreate(input: $input) { workspace { id slug name } syncSeq userErrors { code message field } }
}"""
PROJECT_CREATE = """
mutation ($input: ProjectCreateInput!) {
  projectCreate(input: $input) {
    project { id key name statuses { nodes { id name type position } } } syncSeq
    userErrors { code message field }
  }
}"""
TASK_CREATE = """
mutation ($input: TaskCreateInput!) {
  taskCreate(input: $input) {
    task { id identifier number title version status { id name type } rank } syncSeq
    userErrors { code message field }
  }
}"""
MEMBER_ADD = """
mutation ($workspaceId: ID!, $email: String!, $role: Role!) {
  memberAdd(workspaceId: $workspaceId, email: $email, role: $role) {
    member { id role } userErrors { code message field }
  }
}"""


@dataclass
class Person:
    """Somebody signed in. `workspace_id` and `project_id` are what signing up made."""

    api: Api
    id: str
    email: str
    token: str
    refresh_token: str
    workspace_id: str
    project_id: str

    async def run(
        self,
        document: str,
        variables: Mapping[str, object] | None = None,
        *,
        api: Api | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Runs a document as this person, on another server's `api` if one is given."""
        return await (api or self.api).run(document, variables, token=self.token, headers=headers)

    async def create(self, document: str, variables: Mapping[str, object]) -> Json:
        """Runs a mutation of one field and returns its payload, which must have no userErrors."""
        answer = await self.run(document, variables)
        payload: Json = next(iter(answer.data.values()))
        assert payload["userErrors"] == [], payload
        return payload

    async def workspace(self, **fields: Any) -> Json:
        given = {"slug": unique("space"), "name": "Workshop", **fields}
        workspace: Json = (await self.create(WORKSPACE_CREATE, {"input": given}))["workspace"]
        return workspace

    async def project(self, workspace_id: str | None = None, **fields: Any) -> Json:
        """`statuses` of the answer maps a status's name to it."""
        given = {
            "workspaceId": workspace_id or self.workspace_id,
            "key": unique_key(),
            "name": "Garden",
            **fields,
        }
        project: Json = (await self.create(PROJECT_CREATE, {"input": given}))["project"]
        project["statuses"] = {status["name"]: status for status in project["statuses"]["nodes"]}
        return project

    async def task(
        self, title: str = "Water the plants", project_id: str | None = None, **fields: Any
    ) -> Json:
        given = {"projectId": project_id or self.project_id, "title": title, **fields}
        task: Json = (await self.create(TASK_CREATE, {"input": given}))["task"]
        return task

    async def add_member(
        self, person: "Person", role: str = "MEMBER", workspace_id: str | None = None
    ) -> Json:
        variables = {"workspaceId": workspace_id or self.workspace_id, "email": person.email, "role": role}
        member: Json = (await self.create(MEMBER_ADD, variables))["member"]
        return member


async def sign_up(api: Api, **fields: Any) -> Person:
    given = {"email": f"{unique('person')}@example.com", "password": PASSWORD, "name": "Robin", **fields}
    answer = await api.run(SIGN_UP, {"input": given})
    payload = answer.data["signUp"]
    assert payload["userErrors"] == [], payload
    token = payload["accessToken"]
    found = (await api.run(PERSONAL, token=token)).data
    return Person(
        api=api,
        id=payload["user"]["id"],
        email=given["email"],
        token=token,
        refresh_token=payload["refreshToken"],
        workspace_id=found["workspaces"]["nodes"][0]["id"],
        project_id=found["projects"]["nodes"][0]["id"],
    )


def unique(word: str) -> str:
    """A name that nothing else in this run or an earlier one has: letters, digits and a hyphen."""
    return f"{word}-{secrets.token_hex(3)}{next(_numbers)}"


def unique_key() -> str:
    """A project key."""
    return f"K{next(_numbers):X}"
