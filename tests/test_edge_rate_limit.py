"""RATE_LIMIT_MAX operations in RATE_LIMIT_WINDOW, per user or else per client address."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from app.infra.rate_limit import Allowance, RateLimit
from app.infra.redis import Redis
from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.limited import limited_server, seen_from
from tests.harness.own_redis import OwnRedis
from tests.harness.people import PASSWORD, Person
from tests.harness.server import Server, Servers
from tests.harness.sockets import PROTOCOL, SubscriptionClosed, open_socket
from tests.harness.stores import Stores

QUERY = "{ __typename }"
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken } }"
SERIES = [(outcome, where) for outcome in ("allowed", "refused") for where in ("redis", "process")]
SERIES.append(("refused", "none"))
ApiOf = Callable[[Server], Api]
LIMITED = {"RATE_LIMIT_MAX": "3", "RATE_LIMIT_WINDOW": "60000"}


def assert_limited(answer: Answer) -> None:
    assert answer.status == 429
    assert answer.code == "RATE_LIMITED"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit-limit"] == "3"
    assert answer.headers["ratelimit-remaining"] == "0"
    assert "data" not in answer.body


@pytest.fixture(scope="module")
async def counting_server(server: Server, servers: Servers, stores: Stores) -> AsyncIterator[Server]:
    async with limited_server(server, servers, stores, LIMITED) as started:
        yield started


@pytest.fixture
def limited(counting_server: Server, api_of: ApiOf) -> Api:
    """As seen from an address that nobody has used yet."""
    return seen_from(api_of(counting_server))


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
    counting_server: Server, limited: Api, start_server: StartServer, api_of: ApiOf
) -> None:
    other = api_of(await start_server(**LIMITED, REDIS_URL=counting_server.env["REDIS_URL"]))
    other.http.headers["x-forwarded-for"] = limited.http.headers["x-forwarded-for"]
    for api in (limited, other, limited):
        assert (await api.run(QUERY)).status == 200
    assert_limited(await other.run(QUERY))


async def test_the_window_ends(redis_url: str) -> None:
    redis = Redis(redis_url)
    limit = RateLimit(redis, window=1000, maximum=1)
    counted = [await limit.count("somebody") for _ in range(3)]
    assert [one is not None and one.exceeded is None for one in counted] == [True, False, False]
    await asyncio.sleep(1.1)
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


async def test_operations_over_websocket_count(counting_server: Server, limited: Api, person: Person) -> None:
    async with open_socket(counting_server.websocket_url, token=person.token) as socket:
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


async def test_what_is_no_address_counts_as_one(limited: Api) -> None:
    for name in ("garbage1", "unknown", "5.5.5.5%eth0"):
        await limited.run(QUERY, headers={"x-forwarded-for": name})
    assert_limited(await limited.run(QUERY, headers={"x-forwarded-for": "garbage2"}))
    assert (await limited.run(QUERY)).status == 200


async def test_a_flood_is_counted(start_server: StartServer, api_of: ApiOf, redis_url: str) -> None:
    api = api_of(await start_server(**LIMITED, REDIS_URL=redis_url))
    assert await counted(api) == dict.fromkeys(SERIES, 0)
    for _ in range(20):
        await api.run(QUERY)
    await api.http.put("/graphql")
    assert await counted(api) == dict.fromkeys(SERIES, 0) | {
        ("allowed", "redis"): 3,
        ("refused", "redis"): 2,  # the first one, and the one that is no operation
        ("refused", "none"): 16,
    }


async def test_opening_a_socket_is_no_operation(counting_server: Server) -> None:
    for _ in range(5):
        async with connect(counting_server.websocket_url, subprotocols=[PROTOCOL]) as connection:
            await connection.send(json.dumps({"type": "connection_init"}))
            assert json.loads(await connection.recv())["type"] == "connection_ack"


async def counted(api: Api) -> dict[tuple[str, str], float]:
    text = (await api.http.get("/metrics")).text
    return {
        (sample.labels["outcome"], sample.labels["counted_in"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "taskflow_rate_limit_operations_total"
    }


async def counted_by(limit: RateLimit, caller: str = "somebody") -> Allowance:
    allowance = await limit.count(caller)
    assert allowance is not None
    return allowance


async def test_the_token_of_an_ended_session_takes_nothing_from_its_user(
    counting_server: Server, limited: Api, api_of: ApiOf, person: Person
) -> None:
    stolen = person.token
    signed_in = await person.api.run(SIGN_IN, {"input": {"email": person.email, "password": PASSWORD}})
    token = signed_in.data["signIn"]["accessToken"]
    await limited.run(QUERY, token=stolen)  # while it is good: it is remembered
    assert (await limited.run("mutation { signOut { userErrors { message } } }", token=stolen)).data
    thief = seen_from(api_of(counting_server))
    answers = await asyncio.gather(*(thief.run(QUERY, token=stolen) for _ in range(60)))
    assert [answer.status for answer in answers].count(200) == 3  # of the address
    owner = await limited.run(QUERY, token=token)
    assert owner.status == 200
    assert owner.headers["ratelimit-remaining"] == "0"  # as their third
