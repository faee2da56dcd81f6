import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server

REFRESH = """
mutation ($token: String!) {
  tokenRefresh(refreshToken: $token) {
    user { id } accessToken refreshToken expiresAt userErrors { code message field }
  }
}"""
REFUSED = {
    "user": None,
    "accessToken": None,
    "refreshToken": None,
    "expiresAt": None,
    "userErrors": [
        {
            "code": "INVALID_TOKEN",
            "message": "The refresh token is not valid. Sign in again.",
            "field": ["refreshToken"],
        }
    ],
}
TOKENS_OF = (
    " FROM sessions AS session"
    " WHERE session.id = refresh_tokens.session_id AND session.user_id = $1::text::uuid"
)


async def refresh(api: Api, spent: object, *, token: str | None = None) -> dict[str, object]:
    payload: dict[str, object] = (await api.run(REFRESH, {"token": spent}, token=token)).data["tokenRefresh"]
    return payload


async def age_spent_tokens(sql: asyncpg.Pool, person: Person, seconds: int) -> None:
    await sql.execute(
        f"UPDATE refresh_tokens SET spent_at = spent_at - interval '{seconds} seconds'{TOKENS_OF}", person.id
    )


async def works(api: Api, token: object) -> bool:
    return not (await api.run("{ workspaces { nodes { id } } }", token=str(token))).errors


async def test_each_token_is_good_for_one_successor(api: Api, person: Person, sql: asyncpg.Pool) -> None:
    token: object = person.refresh_token
    seen = {token}
    for _ in range(3):
        payload = await refresh(api, token)
        assert payload["userErrors"] == []
        assert payload["user"] == {"id": person.id}
        assert await works(api, payload["accessToken"])
        token = payload["refreshToken"]
        seen.add(token)
    assert len(seen) == 4
    rows = await sql.fetch(
        "SELECT spent_at IS NULL AS fresh, session_id FROM refresh_tokens, sessions AS session"
        " WHERE session.id = session_id AND user_id = $1::text::uuid",
        person.id,
    )
    assert sorted(row["fresh"] for row in rows) == [False, False, False, True]
    assert len({row["session_id"] for row in rows}) == 1


async def test_a_spent_token_used_after_30_seconds_ends_the_session(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    successor = await refresh(api, person.refresh_token)
    await age_spent_tokens(sql, person, 31)
    assert await refresh(api, person.refresh_token) == REFUSED
    assert await refresh(api, successor["refreshToken"]) == REFUSED
    assert not await works(api, successor["accessToken"])
    assert not await works(api, person.token)


async def test_a_spent_token_used_within_30_seconds_gets_the_same_successor(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    first = await refresh(api, person.refresh_token)
    await age_spent_tokens(sql, person, 28)
    second = await refresh(api, person.refresh_token)
    assert second["userErrors"] == []
    assert first["refreshToken"] == second["refreshToken"]
    assert (await refresh(api, first["refreshToken"]))["userErrors"] == []
    for payload in (first, second):
        assert await works(api, payload["accessToken"])
    # The 30 seconds count from the first use: the second has not prolonged them.
    await age_spent_tokens(sql, person, 3)
    assert await refresh(api, person.refresh_token) == REFUSED


async def test_twenty_at_once_with_one_token_all_get_its_one_successor(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    payloads = await asyncio.gather(*(refresh(api, person.refresh_token) for _ in range(20)))
    assert [payload["userErrors"] for payload in payloads] == [[]] * 20
    [successor] = {payload["refreshToken"] for payload in payloads}
    assert all([await works(api, payload["accessToken"]) for payload in payloads])
    rows = await sql.fetch(
        "SELECT spent_at IS NULL AS fresh FROM refresh_tokens, sessions AS session"
        " WHERE session.id = session_id AND user_id = $1::text::uuid",
        person.id,
    )
    assert sorted(row["fresh"] for row in rows) == [False, True]
    assert (await refresh(api, successor))["userErrors"] == []


async def test_of_two_holders_of_one_token_the_second_to_go_on_is_found_out(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    """One used it at once after the other: no two chains of tokens live on side by side."""
    owners, thiefs = [await refresh(api, person.refresh_token) for _ in range(2)]
    thiefs = await refresh(api, thiefs["refreshToken"])
    await age_spent_tokens(sql, person, 31)
    assert await refresh(api, owners["refreshToken"]) == REFUSED
    assert await refresh(api, thiefs["refreshToken"]) == REFUSED
    assert not await works(api, thiefs["accessToken"])


async def test_a_successor_stays_the_same_through_a_change_of_the_secret(
    api: Api,
    person: Person,
    server: Server,
    start_server: StartServer,
    api_of: Callable[[Server], Api],
) -> None:
    first = await refresh(api, person.refresh_token)
    secrets = {"JWT_SECRET": "another-secret-" * 3, "JWT_SECRET_PREVIOUS": server.env["JWT_SECRET"]}
    changed = api_of(await start_server(**secrets))
    again = await refresh(changed, person.refresh_token)
    assert (again["refreshToken"], again["userErrors"]) == (first["refreshToken"], [])
    assert (await refresh(changed, first["refreshToken"]))["userErrors"] == []


async def test_twenty_at_once_with_a_stolen_token_get_nothing_and_the_owners_session_ends(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    successor = await refresh(api, person.refresh_token)
    await age_spent_tokens(sql, person, 60)
    tokens = [person.refresh_token] * 20 + [successor["refreshToken"]]
    payloads = await asyncio.gather(*(refresh(api, token) for token in tokens))
    assert payloads[:20] == [REFUSED] * 20
    # Whether its owner came before the thief or after: from now on it is over.
    assert await refresh(api, payloads[20]["refreshToken"] or successor["refreshToken"]) == REFUSED
    assert not await works(api, successor["accessToken"])


@pytest.mark.parametrize(
    "token", ["", "tfr_", f"tfr_{'A' * 43}", f"tfr_{'A' * 44}", "A" * 43, "tfr_\0", "x" * 9999]
)
async def test_what_is_no_token_is_refused(api: Api, token: str) -> None:
    assert await refresh(api, token) == REFUSED


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE refresh_tokens SET expires_at = now(){TOKENS_OF}",
        "UPDATE sessions SET revoked_at = now() WHERE user_id = $1::text::uuid",
        "UPDATE users SET disabled_at = now() WHERE id = $1::text::uuid",
        "DELETE FROM users WHERE id = $1::text::uuid",
    ],
)
async def test_expired_revoked_and_orphaned_ones_are_refused_alike(
    api: Api, person: Person, sql: asyncpg.Pool, change: str
) -> None:
    await sql.execute(change, person.id)
    assert await refresh(api, person.refresh_token) == REFUSED


async def test_a_revocation_under_way_is_waited_for(api: Api, person: Person, sql: asyncpg.Pool) -> None:
    async with sql.acquire() as connection:
        revocation = connection.transaction()
        await revocation.start()
        await connection.execute(
            "UPDATE sessions SET revoked_at = now() WHERE user_id = $1::text::uuid", person.id
        )
        refreshing = asyncio.create_task(refresh(api, person.refresh_token))
        await asyncio.sleep(0.3)
        assert not refreshing.done()
        await revocation.commit()
    assert await refreshing == REFUSED


async def test_an_access_token_is_no_refresh_token_nor_the_other_way_round(api: Api, person: Person) -> None:
    assert await refresh(api, person.token) == REFUSED
    assert not await works(api, person.refresh_token)


async def test_an_expired_or_broken_access_token_sent_along_is_ignored(api: Api, person: Person) -> None:
    assert (await refresh(api, person.refresh_token, token="broken"))["user"] == {"id": person.id}


async def test_expired_tokens_of_the_session_are_cleared_away_and_it_is_prolonged(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    successor = await refresh(api, person.refresh_token)
    await sql.execute(
        f"UPDATE refresh_tokens SET expires_at = now(){TOKENS_OF} AND spent_at IS NOT NULL", person.id
    )
    await sql.execute(
        "UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE user_id = $1::text::uuid", person.id
    )
    await refresh(api, successor["refreshToken"])
    row = await sql.fetchrow(
        "SELECT count(*) AS tokens, min(session.expires_at - now()) AS left FROM refresh_tokens AS token"
        " JOIN sessions AS session ON session.id = token.session_id WHERE user_id = $1::text::uuid",
        person.id,
    )
    assert row["tokens"] == 2
    assert row["left"].days == 29
