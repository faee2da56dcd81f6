"""Attempts are counted for all processes together, or by each while Redis is away, in a bounded memory."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from app.infra.attempt_counters import AttemptCounters, Counter
from app.infra.redis import Redis
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.own_redis import OwnRedis
from tests.harness.people import PASSWORD, Person
from tests.harness.server import Server
from tests.harness.stores import REPOSITORY
from tests.harness.taskflow import eventually
from tests.test_accounts_sign_in import COUNTING, REFUSED, SIGN_IN
from tests.throttle import LIMITS, fail, sign_in, wait_of

ApiOf = Callable[[Server], Api]


async def test_servers_count_together(
    start_server: StartServer, api_of: ApiOf, person: Person, redis_url: str
) -> None:
    one, other = [await start_server(**LIMITS, REDIS_URL=redis_url) for _ in range(2)]
    await fail(api_of(one), person.email, 1)
    await fail(api_of(other), person.email, 2)
    for server in (other, one):
        wait_of(await sign_in(api_of(server), person.email))


async def test_without_redis_each_process_counts_and_a_metric_says_so(
    start_server: StartServer, api_of: ApiOf, person: Person, tmp_path: Path
) -> None:
    redis = OwnRedis(tmp_path)
    api = api_of(await start_server(**LIMITS, REDIS_URL=redis.url))
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
    elsewhere = api_of(
        await start_server(**LIMITS, REDIS_URL="unix:///nowhere/redis.sock", wait="/health/live")
    )
    await until_served(elsewhere)
    for _ in range(2):
        await fail(elsewhere, person.email, 2)
        assert (await sign_in(elsewhere, person.email, PASSWORD))["user"]


async def test_what_is_refused_is_not_hashed(
    start_server: StartServer, api_of: ApiOf, person: Person, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(COUNTING)
    counted = tmp_path / "verifications"
    counted.touch()
    env = {"PYTHONPATH": f"{tmp_path}:{REPOSITORY}", "VERIFICATIONS": str(counted), "REDIS_URL": redis_url}
    api = api_of(await start_server(**LIMITS, **env))
    for email in (person.email, "nobody@example.com"):
        before = counted.stat().st_size
        for _ in range(5):
            await sign_in(api, email)
        assert counted.stat().st_size - before == 3, email


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
    start_server: StartServer, api_of: ApiOf, person: Person, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ONE_PLACE)
    gate = tmp_path / "gate"
    env = {"PYTHONPATH": f"{tmp_path}:{REPOSITORY}", "GATE": str(gate), "REDIS_URL": redis_url}
    api = api_of(await start_server(**LIMITS, **env))
    waiting = asyncio.create_task(sign_in(api, "nobody@example.com"))
    await asyncio.to_thread(eventually, lambda: (tmp_path / "gate-reached").exists())
    sent = {"input": {"email": person.email, "password": PASSWORD}}
    for _ in range(4):
        assert (await api.run(SIGN_IN, sent)).code == "SERVICE_UNAVAILABLE"
    gate.touch()
    assert await waiting == REFUSED
    assert (await sign_in(api, person.email, PASSWORD))["user"]


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
