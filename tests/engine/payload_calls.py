"""What to run each mutation with: what succeeds, and what its user can mend."""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import parse

from app.domain import mailed_tokens
from app.domain.mailed_tokens import Purpose
from app.domain.viewer import Viewer, load_viewer
from tests.engine.survey import World
from tests.engine.tenant_rows import Tenants
from tests.engine.tenants import PASSWORD

TOKEN_MUTATIONS = ("signUp", "signIn", "tokenRefresh", "passwordResetRequest", "passwordReset", "emailVerify")
"""They take no validateOnly."""

_NOWHERE = 'id: "nonsense"'


@dataclass(frozen=True)
class Calls:
    """Arguments by which a mutation succeeds, and those by which it answers with userErrors."""

    good: tuple[str, ...]
    bad: tuple[str, ...] = ()
    viewer: str = "alex"

    def of(self, number: int) -> str:
        """Two good ones, then a bad one."""
        turn, place = divmod(number, 3)
        if place == 2 and self.bad:
            return self.bad[turn % len(self.bad)]
        return self.good[number % len(self.good)]


def validated_calls(tenants: Tenants) -> dict[str, Calls]:
    """By mutation, of all that take validateOnly."""
    return {**_of_accounts(tenants), **_of_workspaces(tenants), **_of_tasks(tenants)}


def _of_accounts(tenants: Tenants) -> dict[str, Calls]:
    current, other, _expired, revoked = _sessions(tenants, "alex")
    return {
        "signOut": Calls(("everywhere: false", "everywhere: true", "")),
        "passwordChange": Calls(
            (f'currentPassword: "{PASSWORD}", newPassword: "battery staple"',),
            (
                'currentPassword: "wrong one", newPassword: "battery staple"',
                f'currentPassword: "{PASSWORD}", newPassword: "short"',
                f'currentPassword: "{PASSWORD}", newPassword: "{PASSWORD}"',
            ),
        ),
        "sessionRevoke": Calls(
            (f'id: "{other}"', f'id: "{current}"'),
            (f'id: "{_sessions(tenants, "zoe")[0]}"', f'id: "{revoked}"', _NOWHERE),
        ),
        "emailVerificationRequest": Calls(("",), viewer="noa"),  # whose address is not verified
        "emailChange": Calls(
            (f'email: "new@example.com", password: "{PASSWORD}"',),
            (
                'email: "new@example.com", password: "wrong one"',
                f'email: "nonsense", password: "{PASSWORD}"',
            ),
        ),
        # The only owner of a workspace that nobody else belongs to.
        "accountDelete": Calls((f'password: "{PASSWORD}"',), ('password: "wrong one"',), viewer="ray"),
    }


def _of_workspaces(tenants: Tenants) -> dict[str, Calls]:
    rows = tenants.rows
    space = rows["tasks"][1]["workspace_id"]
    members = {row["role"]: row["id"] for row in rows["memberships"] if row["workspace_id"] == space}
    return {
        "workspaceCreate": Calls(
            ('input: {slug: "fresh-one", name: "Fresh"}',), ('input: {slug: "north", name: "Taken"}',)
        ),
        "memberAdd": Calls(
            (f'workspaceId: "{space}", email: "zoe@example.com", role: GUEST',),
            (f'workspaceId: "{space}", email: "nobody@example.com", role: GUEST',),
        ),
        "memberUpdate": Calls(
            (f'id: "{members["MEMBER"]}", input: {{role: GUEST}}',),
            (f'id: "{members["OWNER"]}", input: {{role: GUEST}}', f"{_NOWHERE}, input: {{role: GUEST}}"),
        ),
        "memberRemove": Calls((f'id: "{members["MEMBER"]}"',), (f'id: "{members["OWNER"]}"', _NOWHERE)),
        "projectCreate": Calls(
            (f'input: {{workspaceId: "{space}", key: "NEW", name: "New"}}',),
            (f'input: {{workspaceId: "{space}", key: "AAA", name: "Taken"}}',),
        ),
        "labelCreate": Calls(
            (f'input: {{name: "fresh", workspaceId: "{space}"}}',),
            (f'input: {{name: "", workspaceId: "{space}"}}',),
        ),
    }


def _of_tasks(tenants: Tenants) -> dict[str, Calls]:
    rows = tenants.rows
    task, other, done = rows["tasks"][1], rows["tasks"][2], rows["tasks"][4]
    project, label, relation = task["project_id"], rows["labels"][0]["id"], rows["task_relations"][0]
    status = next(row for row in rows["statuses"] if row["project_id"] == project and row["position"] == 2)
    foreign = next(row for row in rows["tasks"] if row["workspace_id"] != task["workspace_id"])
    stolen = (f'id: "{foreign["id"]}"', _NOWHERE)
    return {
        "taskCreate": Calls(
            (f'input: {{projectId: "{project}", title: "New", labelIds: ["{label}"], priority: HIGH}}',),
            (f'input: {{projectId: "{project}", title: ""}}',),
        ),
        "taskUpdate": Calls(
            (
                f'id: "{task["id"]}", input: {{title: "Changed", dueDate: "2026-07-01", parentId: null}}',
                f'id: "{task["id"]}", input: {{}}, expectedVersion: {task["version"]}',
            ),
            (f'id: "{foreign["id"]}", input: {{title: "Stolen"}}',),
        ),
        "taskMove": Calls(
            (f'id: "{task["id"]}", statusId: "{status["id"]}"',),
            (f'id: "{task["id"]}", statusId: "nonsense"',),
        ),
        "taskComplete": Calls((f'id: "{task["id"]}"',), stolen),
        "taskReopen": Calls((f'id: "{done["id"]}"',), stolen),
        "taskArchive": Calls((f'id: "{task["id"]}"',), stolen),
        "taskUnarchive": Calls((f'id: "{done["id"]}"',), stolen),
        "taskDelete": Calls((f'id: "{task["id"]}"',), stolen),
        "taskRestore": Calls((f'id: "{other["id"]}"',), stolen),
        "commentCreate": Calls(
            (f'input: {{taskId: "{task["id"]}", body: "Said."}}',),
            (f'input: {{taskId: "{foreign["id"]}", body: "Said."}}',),
        ),
        "taskRelationCreate": Calls(
            (f'input: {{taskId: "{task["id"]}", relatedTaskId: "{other["id"]}", type: DUPLICATES}}',),
            (f'input: {{taskId: "{task["id"]}", relatedTaskId: "{foreign["id"]}", type: DUPLICATES}}',),
        ),
        "taskRelationDelete": Calls((f'id: "{relation["id"]}"',), (_NOWHERE,)),
    }


async def token_call(world: World, viewer: Viewer, name: str, *, good: bool) -> str:
    """Arguments of one of TOKEN_MUTATIONS about `viewer`, good for one call."""
    fetch, user_id = world.ways.services.database.fetch, viewer.user_id
    [person] = await fetch("Test.email", 'SELECT "email" FROM "users" WHERE "id" = $1', [user_id])
    own, new = person["email"], _new_email()
    match name:
        case "signUp":
            return f'input: {{email: "{new if good else own}", password: "{PASSWORD}", name: "Ann"}}'
        case "signIn":
            return f'input: {{email: "{own}", password: "{PASSWORD if good else "wrong one"}"}}'
        case "tokenRefresh":
            return f'refreshToken: "{await _refresh_token(world, own) if good else "nonsense"}"'
        case "passwordResetRequest":
            return f'email: "{own if good else "nonsense"}"'
        case "passwordReset":
            token, _ = await mailed_tokens.make(fetch, user_id, Purpose.PASSWORD_RESET, own)
            return f'token: "{token}", newPassword: "{PASSWORD if good else "short"}"'
        case "emailVerify":
            address = new if good else "alex@example.com"  # who has signed up with it
            token, _ = await mailed_tokens.make(fetch, user_id, Purpose.EMAIL_CHANGE, address)
            return f'token: "{token}"'
    raise ValueError(name)


async def sign_up(world: World) -> Viewer:
    """Somebody of whom the tenants' rows know nothing."""
    text = f"""
    mutation ($email: String!) {{
      signUp(input: {{email: $email, password: "{PASSWORD}", name: "Ann"}}) {{
        user {{ id }} userErrors {{ message }}
      }}
    }}"""
    [signed_up] = await run(world, None, text, {"email": _new_email()}, by_engine=False)
    user_id = UUID(signed_up["user"]["id"])
    read = world.ways.services.database.fetch
    [session] = await read("Test.session", 'SELECT "id" FROM "sessions" WHERE "user_id" = $1', [user_id])
    viewer = await load_viewer(read, user_id, session["id"])
    assert viewer is not None
    return viewer


async def run(
    world: World, viewer: Viewer | None, text: str, variables: dict[str, Any], *, by_engine: bool
) -> list[Any]:
    """What the root fields answer."""
    ways = world.ways
    if by_engine:
        outcome = await ways.by_engine(parse(text), variables, viewer, over_socket=True)
    else:
        outcome = await ways.by_core(parse(text), variables, viewer)
    assert "errors" not in outcome.json, outcome.json
    return list(outcome.json["data"].values())


async def _refresh_token(world: World, email: str) -> str:
    text = f"""
    mutation ($email: String!) {{
      signIn(input: {{email: $email, password: "{PASSWORD}"}}) {{ refreshToken }}
    }}"""
    [signed_in] = await run(world, None, text, {"email": email}, by_engine=False)
    token: str = signed_in["refreshToken"]
    return token


def _new_email() -> str:
    return f"{secrets.token_hex(8)}@example.com"


def _sessions(tenants: Tenants, name: str) -> list[str]:
    viewer = tenants.viewers[name]
    assert viewer is not None
    return [row["id"] for row in tenants.rows["sessions"] if row["user_id"] == str(viewer.user_id)]
