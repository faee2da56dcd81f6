"""What a user sees of their sessions, and ending one."""

from collections.abc import Callable

import asyncpg
import pytest

from app.models.ids import new_id
from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.people import PASSWORD, Person
from tests.harness.refusals import BAD_IDS
from tests.harness.server import Server
from tests.test_accounts_sign_in import SIGN_IN
from tests.test_accounts_sign_out import REFRESH, refused, works

SESSIONS = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  sessions(first: $first, after: $after, last: $last, before: $before) {
    nodes { id isCurrent userAgent address createdAt lastUsedAt expiresAt }
    edges { cursor } pageInfo { hasNextPage endCursor } totalCount
  }
}"""
REVOKE = """
mutation ($id: ID!, $key: String, $validateOnly: Boolean) {
  sessionRevoke(id: $id, idempotencyKey: $key, validateOnly: $validateOnly) {
    revokedSessionId syncSeq userErrors { code message field }
  }
}"""


async def begin(person: Person, agent: str = "Garden/1.0", address: str = "192.0.2.1") -> Json:
    answer = await person.api.run(
        SIGN_IN,
        {"input": {"email": person.email, "password": PASSWORD}},
        headers={"user-agent": agent, "x-forwarded-for": address},
    )
    payload: Json = answer.data["signIn"]
    return payload


async def listed(api: Api, token: str, **page: object) -> Json:
    sessions: Json = (await api.run(SESSIONS, page, token=token)).data["sessions"]
    return sessions


async def revoke(person: Person, id: str, **more: object) -> Json:
    payload: Json = (await person.run(REVOKE, {"id": id, **more})).data["sessionRevoke"]
    return payload


async def test_they_are_listed_newest_first_with_the_current_one_marked(api: Api, person: Person) -> None:
    phone = await begin(person, "Phone/2 \t(7)", "192.0.2.7")
    await begin(person, "", "2001:db8::17")
    nodes = (await listed(api, phone["accessToken"]))["nodes"]
    assert [(node["userAgent"], node["address"], node["isCurrent"]) for node in nodes] == [
        (None, "2001:db8::17", False),
        ("Phone/2 (7)", "192.0.2.7", True),
        (nodes[2]["userAgent"], "127.0.0.1", False),
    ]
    assert len({node["id"] for node in nodes}) == 3
    for node in nodes:
        assert node["createdAt"] <= node["lastUsedAt"] < node["expiresAt"]
    own = (await listed(api, person.token))["nodes"]
    assert [node["isCurrent"] for node in own] == [False, False, True]


async def test_refreshing_notes_when_and_where(api: Api, person: Person) -> None:
    [before] = (await listed(api, person.token))["nodes"]
    headers = {"user-agent": "Tablet/3", "x-forwarded-for": "::ffff:192.0.2.99"}
    await api.run(REFRESH, {"token": person.refresh_token}, headers=headers)
    [after] = (await listed(api, person.token))["nodes"]
    assert (after["id"], after["createdAt"]) == (before["id"], before["createdAt"])
    assert after["lastUsedAt"] > before["lastUsedAt"]
    assert after["expiresAt"] > before["expiresAt"]
    assert (after["userAgent"], after["address"]) == ("Tablet/3", "192.0.2.99")


async def test_pages_run_both_ways(api: Api, person: Person) -> None:
    for number in range(4):
        await begin(person, f"Garden/{number}")
    everything = [node["id"] for node in (await listed(api, person.token))["nodes"]]
    first = await listed(api, person.token, first=2)
    assert first["totalCount"] == 5
    rest = await listed(api, person.token, first=3, after=first["pageInfo"]["endCursor"])
    assert [node["id"] for node in first["nodes"] + rest["nodes"]] == everything
    last = await listed(api, person.token, last=2)
    assert [node["id"] for node in last["nodes"]] == everything[-2:]


async def test_sessions_that_have_ended_are_not_listed(api: Api, person: Person, sql: asyncpg.Pool) -> None:
    ended = [await begin(person) for _ in range(2)]
    nodes = (await listed(api, person.token))["nodes"]
    await api.run("mutation { signOut { syncSeq } }", token=ended[1]["accessToken"])
    await sql.execute("UPDATE sessions SET expires_at = now() WHERE id = $1", nodes[1]["id"])
    [left] = (await listed(api, person.token))["nodes"]
    assert left["isCurrent"]
    for gone in nodes[:2]:
        document = "query ($id: ID!) { node(id: $id) { id } }"
        assert (await person.run(document, {"id": gone["id"]})).data["node"] is None
        assert _fault(await revoke(person, gone["id"])) == ("NOT_FOUND", ["id"])


async def test_nobody_else_sees_or_ends_them(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    await person.add_member(stranger)
    [session] = (await listed(person.api, person.token))["nodes"]
    assert session["id"] not in str(await listed(stranger.api, stranger.token))
    document = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await stranger.run(document, {"id": session["id"]})).data["node"] is None
    assert (await person.run(document, {"id": session["id"]})).data["node"] == {"id": session["id"]}
    payloads = [await revoke(stranger, one) for one in (session["id"], str(new_id()), *BAD_IDS)]
    assert payloads == [payloads[0]] * len(payloads)
    assert _fault(payloads[0]) == ("NOT_FOUND", ["id"])
    assert await works(person.api, person.token)
    assert not await refused(person.api, person.refresh_token)


async def test_one_that_is_revoked_ends_at_once_in_every_process_and_no_other(
    api: Api, person: Person, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    other = api_of(await start_server())
    lost, kept = await begin(person), await begin(person)
    for one in (api, other):
        for _ in range(3):  # so that both remember who asks
            assert await works(one, lost["accessToken"])
            assert await works(one, kept["accessToken"])
    session_id = (await listed(api, person.token))["nodes"][1]["id"]
    assert await revoke(person, session_id) == {
        "revokedSessionId": session_id,
        "syncSeq": None,
        "userErrors": [],
    }
    for one in (api, other):
        assert not await works(one, lost["accessToken"])
        assert await works(one, kept["accessToken"])
        assert await works(one, person.token)
    assert await refused(other, lost["refreshToken"])
    assert not await refused(api, kept["refreshToken"])


async def test_the_current_one_may_be_ended(api: Api, person: Person) -> None:
    [session] = (await listed(api, person.token))["nodes"]
    assert (await revoke(person, session["id"]))["revokedSessionId"] == session["id"]
    assert not await works(api, person.token)
    assert await refused(api, person.refresh_token)


async def test_a_trial_ends_nothing_and_a_repeat_with_its_key_answers_again(api: Api, person: Person) -> None:
    lost = await begin(person)
    session_id = (await listed(api, person.token))["nodes"][0]["id"]
    assert (await revoke(person, session_id, validateOnly=True))["revokedSessionId"] == session_id
    assert await works(api, lost["accessToken"])
    for _ in range(2):
        assert (await revoke(person, session_id, key="once"))["revokedSessionId"] == session_id
    assert not await works(api, lost["accessToken"])
    assert _fault(await revoke(person, session_id)) == ("NOT_FOUND", ["id"])


async def test_both_need_somebody_signed_in(api: Api) -> None:
    for token in (None, "broken"):
        assert (await api.run(SESSIONS, token=token)).code == "UNAUTHENTICATED"
        assert (await api.run(REVOKE, {"id": str(new_id())}, token=token)).code == "UNAUTHENTICATED"


@pytest.mark.parametrize("address", ["unknown", "_hidden", "192.0.2.1:80", "999.1.1.1"])
async def test_what_is_no_address_is_not_kept(api: Api, person: Person, address: str) -> None:
    await begin(person, address=address)
    assert (await listed(api, person.token))["nodes"][0]["address"] in (None, "192.0.2.1")


async def test_a_page_of_sessions_costs_one_statement(person: Person) -> None:
    answer = await person.run("{ sessions { nodes { id isCurrent userAgent } } }")
    assert answer.statements == ["Query.sessions"]


def _fault(payload: Json) -> tuple[str, list[str] | None]:
    [error] = payload["userErrors"]
    assert payload["revokedSessionId"] is None
    return error["code"], error["field"]
