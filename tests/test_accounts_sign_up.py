import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.harness.client import Api
from tests.harness.people import PASSWORD, Person, unique

SignUp = Callable[..., Awaitable[Person]]

SIGN_UP = """
mutation ($input: SignUpInput!) {
  signUp(input: $input) {
    user { id email name timezone } accessToken refreshToken expiresAt
    userErrors { code message field }
  }
}"""
WORKSPACE = """
{
  viewer { id name }
  workspaces { nodes {
    slug name role syncSeq members { nodes { role user { id } } }
    projects { nodes { key name statuses { nodes { name type color position } } } }
  } }
}"""
NOTHING = {"user": None, "accessToken": None, "refreshToken": None, "expiresAt": None}


def given(**fields: object) -> dict[str, object]:
    return {"email": f"{unique('person')}@example.com", "password": PASSWORD, "name": "Robin", **fields}


async def test_signing_up_makes_a_user_a_workspace_and_a_project_to_begin_in(
    api: Api, sql: asyncpg.Pool
) -> None:
    sent = given(name="Zoë Näslund")
    payload = (await api.run(SIGN_UP, {"input": sent})).data["signUp"]
    assert payload["userErrors"] == []
    assert payload["user"]["email"] == sent["email"]
    assert payload["user"]["name"] == "Zoë Näslund"
    assert payload["user"]["timezone"] == "UTC"

    seen = (await api.run(WORKSPACE, token=payload["accessToken"])).data
    assert seen["viewer"]["id"] == payload["user"]["id"]
    [workspace] = seen["workspaces"]["nodes"]
    assert workspace["slug"].startswith("zoe-naslund-")
    assert workspace["name"] == "Zoë Näslund's workspace"
    assert workspace["role"] == "OWNER"
    assert workspace["members"]["nodes"] == [{"role": "OWNER", "user": {"id": payload["user"]["id"]}}]
    [project] = workspace["projects"]["nodes"]
    assert [(status["name"], status["type"]) for status in project["statuses"]["nodes"]] == [
        ("Backlog", "BACKLOG"),
        ("Todo", "UNSTARTED"),
        ("In Progress", "STARTED"),
        ("In Review", "STARTED"),
        ("Done", "COMPLETED"),
        ("Canceled", "CANCELED"),
    ]

    events = await sql.fetch(
        "SELECT event.seq, event.type, event.actor_id::text AS actor, event.batch_id, event.changes::text"
        " FROM events AS event JOIN workspaces AS workspace ON workspace.id = event.workspace_id"
        " WHERE workspace.slug = $1 ORDER BY seq",
        workspace["slug"],
    )
    assert [event["type"] for event in events] == [
        "workspace.created",
        "membership.created",
        "project.created",
        *["status.created"] * 6,
    ]
    assert [event["seq"] for event in events] == list(range(1, 10))
    assert workspace["syncSeq"] == "9"
    assert {event["actor"] for event in events} == {payload["user"]["id"]}
    assert len({event["batch_id"] for event in events}) == 1
    assert not [
        event for event in events if "argon2" in event["changes"] or str(sent["email"]) in event["changes"]
    ]


async def test_only_hashes_of_the_password_and_the_refresh_token_are_stored(
    api: Api, sql: asyncpg.Pool
) -> None:
    answer = await api.run(SIGN_UP, {"input": given()}, headers={"user-agent": "Garden/1.0 " + "x" * 500})
    payload = answer.data["signUp"]
    stored = await sql.fetchrow(
        "SELECT person.password_hash, session.user_agent, token.token_hash, token.spent_at,"
        " token.expires_at - token.created_at AS lifetime FROM users AS person"
        " JOIN sessions AS session ON session.user_id = person.id"
        " JOIN refresh_tokens AS token ON token.session_id = session.id WHERE person.id = $1::text::uuid",
        payload["user"]["id"],
    )
    assert stored["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert payload["refreshToken"].startswith("tfr_")
    assert len(payload["refreshToken"]) == 47
    assert len(stored["token_hash"]) == 32
    assert payload["refreshToken"].encode() not in stored["token_hash"]
    assert abs(stored["lifetime"].total_seconds() - 30 * 86_400) < 1
    assert stored["user_agent"].startswith("Garden/1.0 x")
    assert len(stored["user_agent"]) == 400


async def test_an_address_in_use_is_taken_in_any_case_and_nothing_is_left_behind(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    sent = given(email=person.email.upper(), name=unique("late"))
    payload = (await api.run(SIGN_UP, {"input": sent})).data["signUp"]
    [error] = payload.pop("userErrors")
    assert (error["code"], error["field"]) == ("TAKEN", ["input", "email"])
    assert payload == NOTHING
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE slug LIKE $1", f"{sent['name']}%") == 0
    assert await sql.fetchval("SELECT count(*) FROM users WHERE name = $1", sent["name"]) == 0


async def test_of_ten_who_sign_up_at_once_with_one_address_one_does(api: Api, sql: asyncpg.Pool) -> None:
    local, name = unique("person"), unique("crowd")
    spellings = [f"{local.upper() if number % 2 else local}@example.com" for number in range(10)]
    answers = await asyncio.gather(
        *(api.run(SIGN_UP, {"input": given(email=email, name=name)}) for email in spellings)
    )
    payloads = [answer.data["signUp"] for answer in answers]
    assert len([payload for payload in payloads if payload["user"]]) == 1
    errors = [error["code"] for payload in payloads for error in payload["userErrors"]]
    assert errors == ["TAKEN"] * 9
    assert await sql.fetchval("SELECT count(*) FROM users WHERE name = $1", name) == 1
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE name = $1", f"{name}'s workspace") == 1


@pytest.mark.parametrize(
    ("fields", "field", "limit"),
    [
        ({"email": ""}, "email", "254"),
        ({"email": "robin"}, "email", "254"),
        ({"email": "robin@exa mple.com"}, "email", "254"),
        ({"email": "robin\0@example.com"}, "email", "254"),
        ({"email": f"{'x' * 250}@example.com"}, "email", "254"),
        ({"password": "x" * 9}, "password", "10"),
        ({"password": "x" * 129}, "password", "128"),
        ({"password": "Password123"}, "password", "less common"),
        ({"email": "Robin.Wood@example.com", "password": "robin.wood@EXAMPLE.com"}, "password", "the email"),
        ({"name": "Robin  Wood-Hill", "password": "robin  wood-hill"}, "password", "the name"),
        ({"name": " "}, "name", "100"),
        ({"name": "x" * 101}, "name", "100"),
        ({"name": "Rob\0in"}, "name", "U+0000"),
    ],
)
async def test_bad_input_names_the_field_and_the_limit(
    api: Api, fields: dict[str, object], field: str, limit: str
) -> None:
    payload = (await api.run(SIGN_UP, {"input": given(**fields)})).data["signUp"]
    [error] = payload.pop("userErrors")
    assert (error["code"], error["field"]) == ("INVALID", ["input", field])
    assert limit in error["message"]
    assert payload == NOTHING


async def test_names_in_any_script_and_of_any_length_get_a_workspace(
    sign_up: SignUp, sql: asyncpg.Pool
) -> None:
    for name in ("木村", "x" * 100, "-", "🐎" * 100, "e\u0301" * 50):
        made = await sign_up(name=name)
        row = await sql.fetchrow(
            "SELECT slug, name FROM workspaces WHERE id = $1::text::uuid", made.workspace_id
        )
        assert row["name"].endswith("'s workspace")
        assert 3 <= len(row["slug"]) <= 48


async def test_a_broken_token_sent_along_is_ignored(api: Api) -> None:
    answer = await api.run(SIGN_UP, {"input": given()}, token="broken")
    assert answer.data["signUp"]["user"]


async def test_the_verbs_that_hand_out_tokens_take_no_key_and_no_trial(api: Api) -> None:
    fields = (await api.run('{ __type(name: "Mutation") { fields { name args { name } } } }')).data
    arguments = {
        field["name"]: {argument["name"] for argument in field["args"]}
        for field in fields["__type"]["fields"]
    }
    assert arguments["signUp"] == arguments["signIn"] == {"input"}
    assert arguments["tokenRefresh"] == {"refreshToken"}
    assert arguments["passwordChange"] == {
        *("currentPassword", "newPassword", "idempotencyKey", "validateOnly")
    }
    assert arguments["sessionRevoke"] == {"id", "idempotencyKey", "validateOnly"}
    assert arguments["signOut"] == {"everywhere", "idempotencyKey", "validateOnly"}
    assert arguments["workspaceCreate"] == {"input", "idempotencyKey", "validateOnly"}
    assert arguments["projectCreate"] == {"input", "idempotencyKey", "validateOnly"}
    assert arguments["memberAdd"] == {"workspaceId", "email", "role", "idempotencyKey", "validateOnly"}
    assert arguments["memberRemove"] == {"id", "expectedVersion", "idempotencyKey", "validateOnly"}
