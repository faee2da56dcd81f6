"""Who has signed up shows to whoever adds members: so that is slow, whatever they make of it."""

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from tests.harness.client import Api, Json
from tests.harness.people import Person, sign_up, unique
from tests.harness.server import Server, Servers
from tests.harness.stores import Stores
from tests.members import ADD, MEMBERS


@pytest.fixture(scope="module")
async def limited(server: Server, servers: Servers, stores: Stores) -> AsyncIterator[Server]:
    redis_url = stores.new_redis() or pytest.skip("needs Redis")
    env = {**server.env, "MEMBER_ADD_MAX": "3", "REDIS_URL": redis_url}
    env.pop("APP_PORT")
    started = servers.start(env)
    await started.wait_ready()
    yield started
    started.stop()


@pytest.fixture
def at(limited: Server, api_of: Callable[[Server], Api]) -> Callable[[str], Api]:
    def seen_from(address: str) -> Api:
        api = api_of(limited)
        api.http.headers["x-forwarded-for"] = address
        return api

    return seen_from


async def add(person: Person, email: str, **more: object) -> Json:
    variables = {"workspaceId": person.workspace_id, "email": email, "role": "MEMBER", **more}
    payload: Json = (await person.run(ADD, variables)).data["memberAdd"]
    return payload


def code(payload: Json) -> str | None:
    return payload["userErrors"][0]["code"] if payload["userErrors"] else None


async def test_misses_hits_and_trials_count_alike(
    at: Callable[[str], Api], person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    person.api = at("198.51.100.1")
    assert code(await add(person, stranger.email, validateOnly=True)) is None
    assert code(await add(person, stranger.email)) is None
    assert code(await add(person, f"{unique('nobody')}@example.com")) == "NOT_FOUND"
    for address in ("198.51.100.1", "198.51.100.2"):
        person.api = at(address)
        for email in (stranger.email, "nobody@example.com"):
            for trial in (False, True):
                payload = await add(person, email, validateOnly=trial)
                assert code(payload) == "TOO_MANY_ATTEMPTS"
                assert "seconds" in payload["userErrors"][0]["message"]
                assert (payload["member"], payload["syncSeq"]) == (None, None)
    assert await sql.fetchval(MEMBERS, person.workspace_id) == 2


async def test_many_accounts_at_one_address_do_not_help(at: Callable[[str], Api], api: Api) -> None:
    codes = []
    for _ in range(3):
        person = await sign_up(api)
        person.api = at("198.51.100.9")
        codes += [code(await add(person, "nobody@example.com")) for _ in range(3)]
    assert codes == ["NOT_FOUND"] * 6 + ["TOO_MANY_ATTEMPTS"] * 3


async def test_a_repeat_with_its_key_does_not_count(
    at: Callable[[str], Api], person: Person, stranger: Person
) -> None:
    person.api = at("198.51.100.17")
    payloads = [await add(person, stranger.email, key="once") for _ in range(6)]
    assert [code(payload) for payload in payloads] == [None] * 6
