"""Guessing passwords and emails is slow, whichever way it is spread, and locks nobody else out."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from app.infra.redis import Redis
from tests.harness.client import Api
from tests.harness.limited import limited_server, seen_from
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.server import Server, Servers
from tests.harness.stores import Stores
from tests.test_accounts_sign_in import REFUSED
from tests.test_accounts_sign_up import NOTHING, SIGN_UP, given
from tests.throttle import LIMITS, fail, sign_in, wait_of

At = Callable[..., Api]


@pytest.fixture(scope="module")
async def throttled(server: Server, servers: Servers, stores: Stores) -> AsyncIterator[Server]:
    async with limited_server(server, servers, stores, LIMITS) as started:
        yield started


@pytest.fixture
def at(throttled: Server, api_of: Callable[[Server], Api]) -> At:
    """`at()`: the server as seen from an address that nobody has used yet; `at(address)` from that one."""

    return lambda address=None: seen_from(api_of(throttled), address)


async def test_after_some_wrong_passwords_the_right_one_is_refused_too(at: At, person: Person) -> None:
    api = at()
    await fail(api, person.email, 3)
    wait_of(await sign_in(api, person.email))
    wait_of(await sign_in(api, person.email, PASSWORD))
    # Elsewhere they get in.
    assert (await sign_in(at(), person.email, PASSWORD))["user"]["id"] == person.id


async def test_an_unknown_email_is_refused_alike(at: At, person: Person) -> None:
    answers = []
    for email in (person.email, "nobody@example.com", "no address", f" {unique('No-One')}@Example.com "):
        api = at()
        await fail(api, email, 3)
        payload = await sign_in(api, email)
        wait_of(payload)
        answers.append(re.sub(r"\d+", "", payload["userErrors"][0]["message"]))
    assert len(set(answers)) == 1


async def test_spellings_of_one_email_count_together(at: At, person: Person) -> None:
    api = at()
    for email in (person.email, person.email.upper(), f"  {person.email.title()}\t"):
        assert await sign_in(api, email) == REFUSED
    wait_of(await sign_in(api, person.email))


async def test_each_alias_of_a_document_counts(at: At, person: Person) -> None:
    fields = " ".join(
        f'a{number}: signIn(input: {{email: "{person.email}", password: "guess number {number}"}})'
        " { user { id } accessToken refreshToken expiresAt userErrors { code message field } }"
        for number in range(6)
    )
    answers = (await at().run(f"mutation {{ {fields} }}")).data
    assert [answers[f"a{number}"] for number in range(3)] == [REFUSED] * 3
    for number in range(3, 6):
        wait_of(answers[f"a{number}"])


async def test_of_many_at_once_so_many_are_tried(at: At, person: Person) -> None:
    api = at()
    payloads = await asyncio.gather(*(sign_in(api, person.email) for _ in range(12)))
    tried = [payload for payload in payloads if payload == REFUSED]
    assert len(tried) == 3
    for payload in payloads:
        assert payload == REFUSED or wait_of(payload)


async def test_success_begins_the_emails_count_anew(at: At, person: Person) -> None:
    api = at()
    for _ in range(3):
        await fail(api, person.email, 2)
        assert (await sign_in(api, person.email, PASSWORD))["user"]
    await fail(api, person.email, 2)
    # The address has failed 8 times; what succeeded counts for nothing.
    wait_of(await sign_in(api, person.email, PASSWORD))


async def test_an_address_that_tries_many_emails_is_stopped(at: At, person: Person) -> None:
    api = at()
    for number in range(8):
        await fail(api, f"{unique('somebody')}{number}@example.com", 1)
    wait_of(await sign_in(api, person.email, PASSWORD))
    assert (await sign_in(at(), person.email, PASSWORD))["user"]


async def test_many_addresses_that_try_one_email_are_stopped(at: At, person: Person) -> None:
    for _ in range(5):
        await fail(at(), person.email, 1)
    wait_of(await sign_in(at(), person.email))
    wait_of(await sign_in(at(), person.email, PASSWORD))


async def test_who_has_signed_in_from_an_address_is_not_locked_out_there(at: At, person: Person) -> None:
    familiar = at()
    assert (await sign_in(familiar, person.email, PASSWORD))["user"]
    for _ in range(5):
        await fail(at(), person.email, 1)
    wait_of(await sign_in(at(), person.email, PASSWORD))
    assert (await sign_in(familiar, person.email, PASSWORD))["user"]
    # Nor is it a way around the strict count.
    await fail(familiar, person.email, 3)
    wait_of(await sign_in(familiar, person.email, PASSWORD))


async def test_who_has_signed_up_at_an_address_is_not_locked_out_there(at: At) -> None:
    """Though they have never signed in."""
    home = at()
    person = await sign_up(home)
    for _ in range(5):
        await fail(at(), person.email, 1)
    wait_of(await sign_in(at(), person.email, PASSWORD))
    assert (await sign_in(home, person.email, PASSWORD))["user"]


async def test_addresses_of_one_ipv6_network_count_together(at: At, person: Person) -> None:
    for number in range(3):
        await fail(at(f"2001:db8:aa::{number}"), person.email, 1)
    wait_of(await sign_in(at("2001:db8:aa:0:ffff::1"), person.email))
    assert await sign_in(at("2001:db8:ab::1"), person.email) == REFUSED


async def test_signing_up_is_throttled_per_address(at: At, sql: asyncpg.Pool) -> None:
    api, name = at(), unique("crowd")
    weak = (await api.run(SIGN_UP, {"input": given(password="password123")})).data["signUp"]
    assert [error["code"] for error in weak["userErrors"]] == ["INVALID"]
    taken = given(name=name)
    for sent, code in ((taken, None), (taken, "TAKEN"), (given(name=name), None)):
        payload = (await api.run(SIGN_UP, {"input": sent})).data["signUp"]
        assert [error["code"] for error in payload["userErrors"]] == ([code] if code else [])
    for sent in (given(name=name), taken):
        payload = (await api.run(SIGN_UP, {"input": sent})).data["signUp"]
        wait_of(payload)
        assert {**payload, "userErrors": None} == {**NOTHING, "userErrors": None}
    assert await sql.fetchval("SELECT count(*) FROM users WHERE name = $1", name) == 2
    assert (await at().run(SIGN_UP, {"input": given(name=name)})).data["signUp"]["user"]


async def test_zero_sets_no_limit(api: Api, person: Person) -> None:
    """The server that most tests share has none."""
    for _ in range(30):
        assert await sign_in(api, person.email) == REFUSED
    await asyncio.gather(*(sign_up(api) for _ in range(40)))


async def test_no_email_stands_in_redis(throttled: Server, at: At, person: Person) -> None:
    await fail(at(), person.email, 1)
    redis = Redis(throttled.env["REDIS_URL"])
    keys = await redis.run_script("return redis.call('KEYS', '*')", [])
    assert keys
    assert not [key for key in keys if b"@" in bytes(key) or b"person" in bytes(key)]
    await redis.stop()
