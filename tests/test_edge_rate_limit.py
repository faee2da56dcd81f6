"""RATE_LIMIT_MAX operations in RATE_LIMIT_WINDOW, per user or else per client address."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from app.infra.rate_limit import Allowance, RateLimit
from app.infra.redis import Redis
from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.own_redis import OwnRedis
from tests.harness.people import PASSWORD, Person
from tests.harness.server import Server, Servers
from tests.harness.sockets import PROTOCOL, SubscriptionClosed, open_socket
from tests.harness.stores import Stores

QUERY = "{ __typename }"
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken } }"
ApiOf = Callable[[Server], Api]
LIMITED = {"RATE_LIMIT_MAX": "3", "RATE_LIMIT_WINDOW": "60000"}


def assert_limited(answer: Answer) -> None:
    assert answer.status == 429
    assert answer.code == "RATE_LIMITED"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit-limit"] == "3"
    assert answer.headers["ratelimit-remaining"] == "0"
    assert "data" not in answer.body


_addresses = itertools.count(1)


@pytest.fixture(scope="module")
async def limited_server(server: Server, servers: Servers, stores: Stores) -> AsyncIterator[Server]:
    redis_url = stores.new_redis() or pytest.skip("needs Redis")
    env = {**server.env, **LIMITED, "REDIS_URL": redis_url}
    env.pop("APP_PORT")
    started = servers.start(env)
    await started.wait_ready()
    yield started
    started.stop()


@pytest.fixture
def limited(limited_server: Server, api_of: ApiOf) -> Api:
    """As seen from an address that nobody has used yet."""
    api = api_of(limited_server)
    api.http.headers["x-forwarded-for"] = f"192.0.2.{next(_addresses)}"
    return api


async def test_the_headers_count_down(limited: Api) -> None:
    for remaining in ("2", "1", "0"):
        answer = await limited.run(QUERY)
        assert answer.status == 200
        assert answer.headers["ratelimit-remaining"] == remaining
        assert 1 <= int(answer.headers["ratelimit-reset"]) <= 60
    assert_limited(await limited.run(QUERY))


async def test_each_user_counts_apart(limited: Api, person: Person, stranger: Person) -> None:
    for one in (person, stranger):
        for _ in range(3):
            assert (await one.run(QUERY, api=limited)).status == 200
        assert_limited(await one.run(QUERY, api=limited))
    assert (await limited.run(QUERY)).status == 200


async def test_a_broken_token_counts_for_its_address(limited: Api) -> None:
    for number in range(3):
        assert (await limited.run(QUERY, token=f"broken{number}")).status == 200
    assert_limited(await limited.run(QUERY))


async def test_the_token_of_an_ended_session_counts_for_its_address(
    limited: Api, api: Api, person: Person
) -> None:
    signed_in = await api.run(SIGN_IN, {"input": {"email": person.email, "password": PASSWORD}})
    token = signed_in.data["signIn"]["accessToken"]
    assert (await api.run("mutation { signOut { userErrors { code } } }", token=token)).data
    for _ in range(3):
        assert (await limited.run(QUERY, token=token)).status == 200
    assert_limited(await limited.run(QUERY, token=token))
    assert (await person.run(QUERY, api=limited)).headers["ratelimit-remaining"] == "2"


async def test_servers_count_together(
    limited_server: Server, limited: Api, start_server: StartServer, api_of: ApiOf
) -> None:
    other = api_of(await start_server(**LIMITED, REDIS_URL=limited_server.env["REDIS_URL"]))
    other.http.headers["x-forwarded-for"] = limited.http.headers["x-forwarded-for"]
    for api in (limited, other, limited):
        assert (await api.run(QUERY)).status == 200
    assert_limited(await other.run(QUERY))


async def test_the_window_ends(redis_url: str) -> None:
    redis = Redis(redis_url)
    limit = RateLimit(redis, window=300, maximum=1)
    counted = [await limit.count("somebody") for _ in range(3)]
    assert [one is not None and one.exceeded is None for one in counted] == [True, False, False]
    await asyncio.sleep(0.4)
    again = await limit.count("somebody")
    assert again is not None
    assert again.exceeded is None
    await redis.stop()


async def test_a_counter_without_an_expiry_gets_one(redis_url: str) -> None:
    redis = Redis(redis_url)
    await redis.run_script(
        "return redis.call('HSET', KEYS[1], 'operations', 100)", ["taskflow:spent:100:somebody"], []
    )
    limit = RateLimit(redis, window=100, maximum=1)
    assert (await counted_by(limit)).exceeded
    await asyncio.sleep(0.2)
    assert (await counted_by(limit)).exceeded is None
    await redis.stop()


async def test_one_process_remembers_a_bounded_number_of_callers() -> None:
    limit = RateLimit(Redis(None), window=60_000, maximum=1)
    for number in range(20_000):
        await limit.count(str(number))
    assert len(limit._local) == 10_000
    assert (await counted_by(limit, "19999")).exceeded


async def test_what_is_not_limited(limited: Api) -> None:
    while (await limited.run(QUERY)).status == 200:
        pass
    for path in ("/health", "/health/live", "/health/ready", "/metrics", "/graphql/static/index.html"):
        assert (await limited.http.get(path)).status_code == 200, path
    assert (await limited.http.get("/graphql", headers={"accept": "text/html"})).status_code == 200


async def test_operations_over_websocket_count(limited_server: Server, limited: Api, person: Person) -> None:
    async with open_socket(limited_server.websocket_url, token=person.token) as socket:
        for _ in range(3):
            assert (await (await socket.subscribe(QUERY)).data()) == {"__typename": "Query"}
        refused = await socket.subscribe("subscription { taskCreated { id } }")
        with pytest.raises(SubscriptionClosed) as closed:
            await refused.next()
    (message,) = closed.value.args
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert_limited(await person.run(QUERY, api=limited))


async def test_limits_per_process_while_redis_is_away(
    start_server: StartServer, api_of: ApiOf, tmp_path: Path
) -> None:
    redis = OwnRedis(tmp_path)
    api = api_of(await start_server(**LIMITED, REDIS_URL=redis.url))
    redis.kill()
    for _ in range(3):
        assert (await api.run(QUERY)).status == 200
    assert_limited(await api.run(QUERY))


async def test_forwarded_addresses_are_believed_of_trusted_proxies_alone(
    start_server: StartServer, api_of: ApiOf, redis_url: str
) -> None:
    server = await start_server(**LIMITED, REDIS_URL=redis_url, TRUSTED_PROXIES="10.0.0.0/8")
    wary = api_of(server)
    for number in range(3):
        await wary.run(QUERY, headers={"x-forwarded-for": f"198.51.100.{number}"})
    assert_limited(await wary.run(QUERY, headers={"x-forwarded-for": "203.0.113.1"}))


async def test_addresses_of_one_ipv6_network_count_together(limited: Api) -> None:
    for number in range(3):
        await limited.run(QUERY, headers={"x-forwarded-for": f"2001:db8:1:2::{number}"})
    assert_limited(await limited.run(QUERY, headers={"x-forwarded-for": "2001:db8:1:2:ffff::1"}))
    elsewhere = await limited.run(QUERY, headers={"x-forwarded-for": "2001:db8:1:3::1"})
    assert elsewhere.status == 200


async def test_opening_a_socket_is_no_operation(limited_server: Server) -> None:
    for _ in range(5):
        async with connect(limited_server.websocket_url, subprotocols=[PROTOCOL]) as connection:
            await connection.send(json.dumps({"type": "connection_init"}))
            assert json.loads(await connection.recv())["type"] == "connection_ack"


async def counted_by(limit: RateLimit, caller: str = "somebody") -> Allowance:
    allowance = await limit.count(caller)
    assert allowance is not None
    return allowance
