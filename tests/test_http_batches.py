"""Several requests in one: not taken unless BATCH_MAX says how many."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.people import Person
from tests.harness.server import Server, Servers
from tests.harness.stores import Stores

QUERY = {"query": "{ __typename }"}
CREATE = "mutation ($input: TaskCreateInput!) { taskCreate(input: $input) { task { number } } }"
ApiOf = Callable[[Server], Api]


@pytest.fixture(scope="module")
async def batching_server(server: Server, servers: Servers, stores: Stores) -> AsyncIterator[Server]:
    env = {**server.env, "BATCH_MAX": "3"}
    env.pop("APP_PORT")
    started = servers.start(env)
    await started.wait_ready(path="/health")
    yield started
    started.stop()


@pytest.fixture
def batching(batching_server: Server, api_of: ApiOf) -> Api:
    return api_of(batching_server)


async def post(api: Api, body: object, person: Person | None = None) -> tuple[int, list[Json]]:
    headers = {"authorization": f"Bearer {person.token}"} if person else {}
    response = await api.http.post("/graphql", json=body, headers=headers)
    answers = response.json()
    return response.status_code, answers if isinstance(answers, list) else [answers]


def code(answer: Json) -> str:
    (error,) = answer["errors"]
    return str(error["extensions"]["code"])


@pytest.mark.parametrize("body", [[], [QUERY], [1], [QUERY] * 1_000])
async def test_no_batches_unless_they_are_switched_on(api: Api, body: object) -> None:
    status, [answer] = await post(api, body)
    assert (status, code(answer)) == (400, "BATCH_REFUSED")
    assert "takes no batches" in answer["errors"][0]["message"]
    assert "data" not in answer


@pytest.mark.parametrize("number", [0, 4, 1_000])
async def test_a_batch_is_bounded(batching: Api, number: int) -> None:
    status, [answer] = await post(batching, [QUERY] * number)
    assert (status, code(answer)) == (400, "BATCH_REFUSED")
    assert answer["errors"][0]["message"] == f"A batch holds 1 to 3 requests, not {number}."


async def test_each_request_is_answered_in_its_place(batching: Api, person: Person) -> None:
    status, answers = await post(
        batching, [{"query": "{ viewer { id } }"}, 5, {"query": "{ nowhere }"}], person
    )
    assert status == 200
    assert answers[0]["data"] == {"viewer": {"id": person.id}}
    assert [code(answer) for answer in answers[1:]] == ["BAD_REQUEST", "GRAPHQL_VALIDATION_FAILED"]


async def test_mutations_run_in_their_order(batching: Api, person: Person) -> None:
    create = {"query": CREATE, "variables": {"input": {"projectId": person.project_id, "title": "in turn"}}}
    _, answers = await post(batching, [create] * 3, person)
    assert [answer["data"]["taskCreate"]["task"]["number"] for answer in answers] == [1, 2, 3]


async def test_a_batch_of_one_is_a_list(batching: Api) -> None:
    response = await batching.http.post("/graphql", json=[QUERY])
    assert [answer["data"] for answer in response.json()] == [{"__typename": "Query"}]


async def test_each_request_counts(
    start_server: StartServer, api_of: ApiOf, person: Person, redis_url: str
) -> None:
    limits = {"RATE_LIMIT_MAX": "4", "RATE_LIMIT_WINDOW": "60000", "BATCH_MAX": "3"}
    api = api_of(await start_server(**limits, REDIS_URL=redis_url))
    _, first = await post(api, [QUERY, 5, QUERY], person)
    assert [list(answer) for answer in first] == [["data", "extensions"], ["errors"], ["data", "extensions"]]
    status, second = await post(api, [QUERY, QUERY], person)
    assert status == 200
    assert second[0]["data"] == {"__typename": "Query"}
    assert code(second[1]) == "RATE_LIMITED"
