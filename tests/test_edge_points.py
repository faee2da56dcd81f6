"""RATE_LIMIT_POINTS in RATE_LIMIT_WINDOW per user, and what is left told by headers and by `rateLimit`."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.limited import limited_server, seen_from
from tests.harness.own_redis import OwnRedis
from tests.harness.people import PASSWORD, Person
from tests.harness.server import Server, Servers
from tests.harness.sockets import SubscriptionClosed, open_socket
from tests.harness.stores import Stores

STANDING = """
{ rateLimit { cost limit used remaining resetAt operations { limit used remaining resetAt } } }"""
DEAR = "{ rateLimit { cost } tasks(first: 100) { nodes { id } } }"
POINTS = 250
LIMITED = {"RATE_LIMIT_MAX": "20", "RATE_LIMIT_POINTS": str(POINTS), "RATE_LIMIT_WINDOW": "60000"}
ApiOf = Callable[[Server], Api]


@pytest.fixture(scope="module")
async def points_server(server: Server, servers: Servers, stores: Stores) -> AsyncIterator[Server]:
    async with limited_server(server, servers, stores, LIMITED) as started:
        yield started


@pytest.fixture
def limited(points_server: Server, api_of: ApiOf) -> Api:
    """As seen from an address that nobody has used yet."""
    return seen_from(api_of(points_server))


def assert_out_of_points(answer: Answer, cost: int, left: int) -> None:
    assert (answer.status, answer.code) == (429, "RATE_LIMITED")
    assert f"costs {cost} points; {left} of {POINTS} are left" in answer.error["message"]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert f'"points";r={left};t=' in answer.headers["ratelimit"]
    assert "data" not in answer.body


async def spend_on_dear_ones(person: Person, api: Api) -> tuple[int, int]:
    """Sends them until one is refused; what one costs, and the points that are left."""
    answers = [await person.run(DEAR, api=api)]
    cost = answers[0].data["rateLimit"]["cost"]
    assert 100 <= cost <= POINTS
    while answers[-1].status == 200:
        answers.append(await person.run(DEAR, api=api))
    assert len(answers) - 1 == POINTS // cost
    assert_out_of_points(answers[-1], cost, POINTS % cost)
    return cost, POINTS % cost


async def test_what_is_refused_for_its_cost_leaves_the_points(limited: Api, person: Person) -> None:
    cost, left = await spend_on_dear_ones(person, limited)
    standing = (await person.run(STANDING, api=limited)).data["rateLimit"]
    assert standing["remaining"] == left - standing["cost"]
    assert_out_of_points(await person.run(DEAR, api=limited), cost, standing["remaining"])


async def test_the_query_and_the_headers_say_the_same(limited: Api, person: Person) -> None:
    await person.run("{ viewer { id } }", api=limited)
    answer = await person.run(STANDING, api=limited)
    points = answer.data["rateLimit"]
    operations = points.pop("operations")
    assert (operations["limit"], operations["used"], operations["remaining"]) == (20, 2, 18)
    assert points["limit"] == POINTS
    assert points["used"] > points["cost"] >= 1
    assert points["remaining"] == POINTS - points["used"]
    reset = answer.headers["ratelimit-reset"]
    assert answer.headers["ratelimit-policy"] == f'"operations";q=20;w=60, "points";q={POINTS};w=60'
    assert answer.headers["ratelimit"] == (
        f'"operations";r=18;t={reset}, "points";r={points["remaining"]};t={reset}'
    )


async def test_an_address_has_no_points(limited: Api) -> None:
    answer = await limited.run(STANDING)
    standing = answer.data["rateLimit"]
    operations = standing.pop("operations")
    assert (operations["used"], operations["remaining"]) == (1, 19)
    assert standing.pop("cost") >= 1
    assert set(standing.values()) == {None}
    assert answer.headers["ratelimit-policy"] == '"operations";q=20;w=60'


async def test_without_a_limit_there_is_nothing_to_tell(person: Person) -> None:
    answer = await person.run(STANDING)
    standing = answer.data["rateLimit"]
    assert standing.pop("cost") >= 1
    assert set(standing.values()) == {None}
    assert "ratelimit" not in answer.headers


async def test_one_budget_on_every_transport(points_server: Server, limited: Api, person: Person) -> None:
    async with open_socket(points_server.websocket_url, token=person.token) as socket:
        first = (await (await socket.subscribe(STANDING)).data())["rateLimit"]
        second = (await person.run(STANDING, api=limited)).data["rateLimit"]
        assert second["used"] == first["used"] + second["cost"]
        cost, left = await spend_on_rest(person, limited, second["remaining"])
        refused = await socket.subscribe(DEAR)
        with pytest.raises(SubscriptionClosed) as closed:
            await refused.next()
    (message,) = closed.value.args
    (error,) = message["payload"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert f"costs {cost} points; {left} of" in error["message"]


async def spend_on_rest(person: Person, api: Api, remaining: int) -> tuple[int, int]:
    cost = 0
    while (answer := await person.run(DEAR, api=api)).status == 200:
        cost = answer.data["rateLimit"]["cost"]
    return cost, remaining % cost


async def test_servers_count_points_together(
    points_server: Server, limited: Api, start_server: StartServer, api_of: ApiOf, person: Person
) -> None:
    other = api_of(await start_server(**LIMITED, REDIS_URL=points_server.env["REDIS_URL"]))
    used = [(await person.run(STANDING, api=api)).data["rateLimit"]["used"] for api in (limited, other)]
    assert used[1] == 2 * used[0]


async def test_points_per_process_while_redis_is_away(
    start_server: StartServer, api_of: ApiOf, person: Person, tmp_path: Path
) -> None:
    redis = OwnRedis(tmp_path)
    api = api_of(await start_server(**LIMITED, REDIS_URL=redis.url))
    await person.run(STANDING, api=api)
    assert await counted(api) == {("allowed", "redis"): 1}
    redis.kill()
    await spend_on_dear_ones(person, api)
    seen = await counted(api)
    assert seen["refused", "process"] == 1
    assert seen["allowed", "process"] == POINTS // (await cost_of(person, DEAR))


async def test_who_has_nothing_left_is_refused_before_the_document_is_read(
    limited: Api, person: Person
) -> None:
    for _ in range(20):
        await limited.run("{ __typename }")
    assert (await limited.run("{ __typename }")).status == 429
    for broken in ("{", "{ nowhere }"):
        refused = await limited.run(broken)
        assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert (await person.run("{ nowhere }", api=limited)).code == "GRAPHQL_VALIDATION_FAILED"


async def cost_of(person: Person, document: str) -> int:
    return int((await person.run(document)).data["rateLimit"]["cost"])


async def counted(api: Api) -> dict[tuple[Any, ...], float]:
    text = (await api.http.get("/metrics")).text
    return {
        (sample.labels["outcome"], sample.labels["counted_in"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "taskflow_rate_limit_operations_total" and sample.value
    }


SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken user { id } } }"
SIGN_IN_AND_MORE = """
mutation ($input: SignInInput!, $project: ID!) {
  signIn(input: $input) { accessToken user { id } }
  taskCreate(input: { projectId: $project, title: "Dear" }, validateOnly: true) {
    task { project { tasks(first: 50) { nodes { id } } } }
  }
}"""


async def test_who_signs_in_pays_for_what_follows(
    server: Server, servers: Servers, stores: Stores, api_of: ApiOf, person: Person
) -> None:
    limits = {**LIMITED, "RATE_LIMIT_POINTS": "1000"}
    variables = {
        "input": {"email": person.email, "password": PASSWORD},
        "project": person.project_id,
    }
    async with limited_server(server, servers, stores, limits) as started:
        api = seen_from(api_of(started))
        before = (await person.run(STANDING, api=api)).data["rateLimit"]
        first = await api.run(SIGN_IN_AND_MORE, variables)
        assert first.data["taskCreate"]["task"]["project"]
        cost = first.extensions["cost"]["requested"]
        after = (await person.run(STANDING, api=api)).data["rateLimit"]
        assert after["used"] - after["cost"] == before["used"] + cost
        assert after["operations"]["used"] == before["operations"]["used"] + 1

        while not (answer := await api.run(SIGN_IN_AND_MORE, variables)).errors:
            pass  # the last points pay for one more
        assert answer.code == "RATE_LIMITED"
        assert answer.error["path"] == ["taskCreate"]
        assert "0 of 1,000 are left" in answer.error["message"]
        signed_in = (await api.run(SIGN_IN, {"input": variables["input"]})).data["signIn"]
        assert signed_in["accessToken"]
        assert signed_in["user"] is None
        assert (await person.run(DEAR, api=api)).status == 429
