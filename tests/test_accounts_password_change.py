import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from app.domain.idempotency import canonical_hash
from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.people import PASSWORD, Person, sign_up
from tests.harness.server import Server
from tests.harness.sockets import open_socket
from tests.test_accounts_sign_in import sign_in
from tests.test_accounts_sign_out import refused, works

CHANGE = """
mutation ($current: String!, $new: String!, $key: String, $validateOnly: Boolean) {
  passwordChange(
    currentPassword: $current, newPassword: $new, idempotencyKey: $key, validateOnly: $validateOnly
  ) { user { id } syncSeq userErrors { code message field } }
}"""
NEW = "another horse and another battery"


async def change(person: Person, current: str = PASSWORD, new: str = NEW, **more: object) -> Json:
    answer = await person.run(CHANGE, {"current": current, "new": new, **more})
    payload: Json = answer.data["passwordChange"]
    return payload


def fault(payload: Json) -> tuple[str, list[str] | None]:
    [error] = payload["userErrors"]
    assert (payload["user"], payload["syncSeq"]) == (None, None)
    return error["code"], error["field"]


async def may_sign_in(api: Api, person: Person, password: str) -> bool:
    return (await sign_in(api, person.email, password))["user"] is not None


async def test_from_now_on_the_new_password_counts(api: Api, person: Person, sql: asyncpg.Pool) -> None:
    events = await _events(sql)
    assert await change(person) == {"user": {"id": person.id}, "syncSeq": None, "userErrors": []}
    assert await may_sign_in(api, person, NEW)
    assert not await may_sign_in(api, person, PASSWORD)
    assert await _events(sql) == events


async def test_the_other_sessions_end_at_once_in_every_process_and_this_one_goes_on(
    api: Api,
    person: Person,
    stranger: Person,
    start_server: StartServer,
    api_of: Callable[[Server], Api],
) -> None:
    other = api_of(await start_server())
    thief = await sign_in(api, person.email)
    for one in (api, other):
        for _ in range(3):  # so that both remember who asks
            assert await works(one, str(thief["accessToken"]))
            assert await works(one, person.token)
    assert (await change(person))["userErrors"] == []
    for one in (api, other):
        assert not await works(one, str(thief["accessToken"]))
        assert await works(one, person.token)
        assert await works(one, stranger.token)
    assert await refused(other, str(thief["refreshToken"]))
    assert not await refused(api, person.refresh_token)


async def test_subscriptions_of_the_other_sessions_end(api: Api, person: Person, server: Server) -> None:
    thief = str((await sign_in(api, person.email))["accessToken"])
    async with (
        open_socket(server.websocket_url, token=thief) as theirs,
        open_socket(server.websocket_url, token=person.token) as own,
    ):
        stolen = await theirs.subscribe("subscription { taskCreated { title } }", settle=0.5)
        kept = await own.subscribe("subscription { taskCreated { title } }", settle=0.5)
        assert (await change(person))["userErrors"] == []
        await person.task("Secret")
        assert (await kept.data())["taskCreated"] == {"title": "Secret"}
        answer = await stolen.next()
        assert not answer.get("data")
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_a_wrong_current_password_changes_nothing(api: Api, person: Person, sql: asyncpg.Pool) -> None:
    before = await _stored(sql, person)
    other = await sign_in(api, person.email)
    for wrong in ("", "x", PASSWORD.upper(), PASSWORD + "\0", NEW, "x" * 10_000):
        assert fault(await change(person, wrong)) == ("INVALID_CREDENTIALS", ["currentPassword"])
    assert await _stored(sql, person) == before
    assert await works(api, str(other["accessToken"]))


@pytest.mark.parametrize("new", ["", "x" * 9, "x7" * 65, "password123", "Robin\0", PASSWORD])
async def test_a_new_password_that_may_not_be_chosen(
    api: Api, person: Person, sql: asyncpg.Pool, new: str
) -> None:
    before = await _stored(sql, person)
    assert fault(await change(person, new=new)) == ("INVALID", ["newPassword"])
    assert fault(await change(person, new=person.email)) == ("INVALID", ["newPassword"])
    assert await _stored(sql, person) == before


async def test_of_two_at_once_one_wins(api: Api, person: Person) -> None:
    other = NEW + " too"
    payloads = await asyncio.gather(*(change(person, new=new) for new in (NEW, other) * 3))
    assert len([payload for payload in payloads if not payload["userErrors"]]) == 1
    assert {fault(payload)[0] for payload in payloads if payload["userErrors"]} == {"INVALID_CREDENTIALS"}
    assert [await may_sign_in(api, person, new) for new in (NEW, other)].count(True) == 1


async def test_whoever_signs_in_meanwhile_with_the_old_password_stays_outside(
    api: Api, person: Person
) -> None:
    _, *signed_in = await asyncio.gather(change(person), *(sign_in(api, person.email) for _ in range(6)))
    for payload in signed_in:
        assert not payload["accessToken"] or not await works(api, str(payload["accessToken"]))


async def test_a_trial_changes_nothing(api: Api, person: Person, sql: asyncpg.Pool) -> None:
    before = await _stored(sql, person)
    other = await sign_in(api, person.email)
    assert (await change(person, validateOnly=True))["userErrors"] == []
    assert fault(await change(person, "wrong password", validateOnly=True))[0] == "INVALID_CREDENTIALS"
    assert await _stored(sql, person) == before
    assert await works(api, str(other["accessToken"]))


async def test_a_repeat_with_its_key_is_done_once_and_no_password_is_kept(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    for _ in range(2):
        assert await change(person, key="once") == {
            "user": {"id": person.id},
            "syncSeq": None,
            "userErrors": [],
        }
    assert fault(await change(person, new=NEW + " too", key="once"))[0] == "IDEMPOTENCY_KEY_REUSED"
    # Neither a hash that anybody could try passwords on without JWT_SECRET, nor one that two people share.
    sent: Json = {"currentPassword": PASSWORD, "newPassword": NEW}
    plain = [sent, {"current_password": PASSWORD, "new_password": NEW}]
    fast = [canonical_hash({**given, "expectedVersion": None}) for given in plain]
    twin = await sign_up(api)
    assert (await change(twin, key="once"))["userErrors"] == []
    kept = [
        await sql.fetchval("SELECT input_hash FROM idempotency_keys WHERE user_id = $1", one.id)
        for one in (person, twin)
    ]
    assert len({*fast, *kept}) == 4


async def test_attempts_are_throttled_and_a_success_counts_too(
    start_server: StartServer, api_of: Callable[[Server], Api], person: Person, redis_url: str
) -> None:
    limited = api_of(await start_server(SIGN_IN_MAX="3", REDIS_URL=redis_url))
    person.api = limited
    # Refused before anything is verified, so not counted.
    assert fault(await change(person, new="password123"))[0] == "INVALID"
    assert fault(await change(person, "wrong password"))[0] == "INVALID_CREDENTIALS"
    assert (await change(person))["userErrors"] == []
    for address in ("198.51.100.7", "198.51.100.8"):
        limited.http.headers["x-forwarded-for"] = address
        payload = await change(person, "wrong password", NEW + " too", validateOnly=True)
        if payload["userErrors"][0]["code"] == "INVALID_CREDENTIALS":
            continue
        assert fault(payload) == ("TOO_MANY_ATTEMPTS", None)
        assert "seconds" in payload["userErrors"][0]["message"]
        break
    else:
        raise AssertionError("Changing the address gives more attempts.")
    assert fault(await change(person, NEW, NEW + " too"))[0] == "TOO_MANY_ATTEMPTS"
    assert await may_sign_in(limited, person, NEW)


async def test_links_that_were_mailed_before_are_void_and_the_user_is_told(
    person: Person, sql: asyncpg.Pool
) -> None:
    request = "mutation ($email: String!) { passwordResetRequest(email: $email) { userErrors { code } } }"
    assert not (await person.run(request, {"email": person.email})).errors
    await sql.execute(
        "INSERT INTO mailed_tokens (id, user_id, purpose, token_hash, address, expires_at)"
        " VALUES (gen_random_uuid(), $1, 'PASSWORD_RESET', $2, 'x', now() + interval '1 hour')",
        person.id,
        person.id.encode(),
    )
    assert (await change(person))["userErrors"] == []
    assert not await sql.fetchval(
        "SELECT count(*) FROM mailed_tokens WHERE token_hash = $1", person.id.encode()
    )
    kinds = await sql.fetch("SELECT kind FROM outbox_mails WHERE user_id = $1", person.id)
    assert "PASSWORD_CHANGED" in {row["kind"] for row in kinds}


async def test_it_needs_somebody_signed_in(api: Api) -> None:
    for token in (None, "broken"):
        answer = await api.run(CHANGE, {"current": PASSWORD, "new": NEW}, token=token)
        assert answer.code == "UNAUTHENTICATED"


async def _stored(sql: asyncpg.Pool, person: Person) -> list[object]:
    return [
        await sql.fetchval("SELECT password_hash FROM users WHERE email = $1", person.email),
        await sql.fetchval(
            "SELECT count(*) FROM sessions WHERE user_id = $1::text::uuid AND revoked_at IS NOT NULL",
            person.id,
        ),
    ]


async def _events(sql: asyncpg.Pool) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM events")
    return count
