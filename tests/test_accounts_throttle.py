"""Guessing passwords and emails is slow, whichever way it is spread, and locks nobody else out."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from app.infra.attempt_counters import AttemptCounters, Counter
from app.infra.redis import Redis
from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.own_redis import OwnRedis
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.server import Server, Servers
from tests.harness.stores import REPOSITORY, Stores
from tests.harness.taskflow import eventually
from tests.test_accounts_sign_in import COUNTING, REFUSED, SIGN_IN
from tests.test_accounts_sign_up import NOTHING, SIGN_UP, given

At = Callable[..., Api]

LIMITS = {
    "SIGN_IN_WINDOW": "1h",
    "SIGN_IN_MAX": "3",
    "SIGN_IN_MAX_PER_EMAIL": "5",
    "SIGN_IN_MAX_PER_ADDRESS": "8",
    "SIGN_UP_MAX": "3",
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def throttled(server: Server, servers: Servers, stores: Stores) -> AsyncIterator[Server]:
    redis_url = stores.new_redis() or pytest.skip("needs Redis")
    env = {**server.env, **LIMITS, "REDIS_URL": redis_url}
    env.pop("APP_PORT")
    started = servers.start(env)
    await started.wait_ready()
    yield started
    started.stop()


@pytest.fixture
def at(throttled: Server, api_of: Callable[[Server], Api]) -> At:
    """`at()`: the server as seen from an address that nobody has used yet; `at(address)` from that one."""

    def seen_from(address: str | None = None, *, server: Server = throttled) -> Api:
        number = next(_numbers)
        api = api_of(server)
        api.http.headers["x-forwarded-for"] = address or f"203.0.{number // 250}.{number % 250 + 1}"
        return api

    return seen_from


async def sign_in(api: Api, email: str, password: str = "a wrong password") -> Json:
    payload: Json = (await api.run(SIGN_IN, {"input": {"email": email, "password": password}})).data["signIn"]
    return payload


def wait_of(payload: Json, *, within: int = 3600) -> int:
    """The seconds that a refusal names; it must be one, with nothing beside it."""
    [error] = payload["userErrors"]
    assert (error["code"], error["field"]) == ("TOO_MANY_ATTEMPTS", None), error
    assert [value for name, value in payload.items() if name != "userErrors" and value is not None] == []
    found = re.fullmatch(r"Too many attempts\. Try again in (\d+) seconds\.", error["message"])
    assert found, error
    assert 1 <= int(found[1]) <= within
    return int(found[1])


async def fail(api: Api, email: str, times: int) -> None:
    for _ in range(times):
        assert await sign_in(api, email) == REFUSED


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


async def test_what_is_refused_is_not_hashed(
    start_server: StartServer, at: At, person: Person, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(COUNTING)
    counted = tmp_path / "verifications"
    counted.touch()
    env = {"PYTHONPATH": f"{tmp_path}:{REPOSITORY}", "VERIFICATIONS": str(counted), "REDIS_URL": redis_url}
    api = at(server=await start_server(**LIMITS, **env))
    for email in (person.email, "nobody@example.com"):
        before = counted.stat().st_size
        for _ in range(5):
            await sign_in(api, email)
        assert counted.stat().st_size - before == 3, email


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


async def test_addresses_of_one_ipv6_network_count_together(at: At, person: Person) -> None:
    for number in range(3):
        await fail(at(f"2001:db8:aa::{number}"), person.email, 1)
    wait_of(await sign_in(at("2001:db8:aa:0:ffff::1"), person.email))
    assert await sign_in(at("2001:db8:ab::1"), person.email) == REFUSED


async def test_servers_count_together(
    start_server: StartServer, throttled: Server, at: At, person: Person
) -> None:
    other = await start_server(**LIMITS, REDIS_URL=throttled.env["REDIS_URL"])
    api = at()
    address = api.http.headers["x-forwarded-for"]
    await fail(api, person.email, 1)
    await fail(at(address, server=other), person.email, 2)
    for server in (other, throttled):
        wait_of(await sign_in(at(address, server=server), person.email))


async def test_without_redis_each_process_counts_and_a_metric_says_so(
    start_server: StartServer, at: At, person: Person, tmp_path: Path
) -> None:
    redis = OwnRedis(tmp_path)
    api = at(server=await start_server(**LIMITS, REDIS_URL=redis.url))
    await fail(api, person.email, 2)
    assert (await sign_in(api, person.email, PASSWORD))["user"]
    assert await attempts(api, "sign_in", "allowed", "redis") == 3
    redis.kill()
    await fail(api, person.email, 3)
    wait_of(await sign_in(api, person.email))
    for number in range(5):
        await fail(api, f"nobody{number}@example.com", 1)
    wait_of(await sign_in(api, "nobody@example.com"))
    assert await attempts(api, "sign_in", "allowed", "process") == 8
    assert await attempts(api, "sign_in", "refused", "process") == 2
    # A success does here what it does in Redis.
    elsewhere = at(
        server=await start_server(**LIMITS, REDIS_URL="unix:///nowhere/redis.sock", wait="/health/live")
    )
    await until_served(elsewhere)
    for _ in range(2):
        await fail(elsewhere, person.email, 2)
        assert (await sign_in(elsewhere, person.email, PASSWORD))["user"]


# One verification at a time, which waits until a file is there; nobody may wait behind it.
ONE_PLACE = """
import os
import time

import argon2

from app.domain.passwords import Passwords

Passwords.__init__.__kwdefaults__.update(threads=1, waiting=0)
verify = argon2.PasswordHasher.verify


def gated(*given):
    open(os.environ["GATE"] + "-reached", "w").close()
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.02)
    return verify(*given)


argon2.PasswordHasher.verify = gated
"""


async def test_who_was_not_tried_because_too_many_wait_is_not_counted(
    start_server: StartServer, at: At, person: Person, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ONE_PLACE)
    gate = tmp_path / "gate"
    env = {"PYTHONPATH": f"{tmp_path}:{REPOSITORY}", "GATE": str(gate), "REDIS_URL": redis_url}
    api = at(server=await start_server(**LIMITS, **env))
    waiting = asyncio.create_task(sign_in(api, "nobody@example.com"))
    await asyncio.to_thread(eventually, lambda: (tmp_path / "gate-reached").exists())
    sent = {"input": {"email": person.email, "password": PASSWORD}}
    for _ in range(4):
        assert (await api.run(SIGN_IN, sent)).code == "SERVICE_UNAVAILABLE"
    gate.touch()
    assert await waiting == REFUSED
    assert (await sign_in(api, person.email, PASSWORD))["user"]


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


async def test_a_window_ends_and_begins_with_the_next_attempt(redis_url: str) -> None:
    redis = Redis(redis_url)
    counters = AttemptCounters(redis)
    one, other = Counter("one", 1, 2000), Counter("other", 5, 60_000)
    assert await counters.count([one, other]) == (0, True)
    wait, _ = await counters.count([one, other])
    assert 0 < wait <= 2000
    await until_allowed(counters, [one, other])
    # A refused attempt counts nowhere: of five two are used.
    assert [(await counters.count([other]))[0] for _ in range(3)] == [0, 0, 0]
    assert (await counters.count([other]))[0] > 0
    await redis.stop()


async def test_a_counter_without_an_expiry_gets_one(redis_url: str) -> None:
    redis = Redis(redis_url)
    await redis.run_script("return redis.call('SET', KEYS[1], 9)", ["taskflow:attempts:one"])
    counters = AttemptCounters(redis)
    assert (await counters.count([Counter("one", 3, 200)]))[0] > 0
    await asyncio.sleep(0.3)
    assert await counters.count([Counter("one", 3, 200)]) == (0, True)
    await redis.stop()


async def test_one_process_remembers_a_bounded_number_of_counters() -> None:
    counters = AttemptCounters(Redis(None))
    for number in range(100_100):
        await counters.count([Counter(str(number), 1, 60_000)])
    assert len(counters._local) == 100_000
    assert (await counters.count([Counter("100099", 1, 60_000)]))[0] > 0


async def test_no_email_stands_in_redis(throttled: Server, at: At, person: Person) -> None:
    await fail(at(), person.email, 1)
    redis = Redis(throttled.env["REDIS_URL"])
    keys = await redis.run_script("return redis.call('KEYS', '*')", [])
    assert keys
    assert not [key for key in keys if b"@" in bytes(key) or b"person" in bytes(key)]
    await redis.stop()


async def attempts(api: Api, verb: str, outcome: str, counted_in: str) -> float:
    name = f'taskflow_attempts_total{{counted_in="{counted_in}",outcome="{outcome}",verb="{verb}"}}'
    lines = (await api.http.get("/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


async def until_served(api: Api) -> None:
    for _ in range(100):
        if not (await api.run(SIGN_IN, {"input": {"email": "x", "password": "x"}})).errors:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("It never found PostgreSQL.")


async def until_allowed(counters: AttemptCounters, asked: list[Counter]) -> None:
    for _ in range(400):
        if await counters.count(asked) == (0, True):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("The window never ended.")
