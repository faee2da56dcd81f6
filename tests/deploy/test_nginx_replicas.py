"""Replicas behind nginx/nginx.conf: they come, go and die, and clients notice as little as can be."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import StartServer
from tests.deploy.conftest import REPLICA_ADDRESSES, Edge, StartNginx
from tests.harness.nginx import Nginx
from tests.harness.people import TASK_CREATE, Person
from tests.harness.server import free_port
from tests.harness.upstream import hang_up, respond, upstream

pytestmark = pytest.mark.nginx

FIRST, SECOND, THIRD = REPLICA_ADDRESSES
QUERY = {"query": "{ __typename }"}
PATIENCE = 15.0
TITLES = """
query ($after: String) {
  tasks(first: 100, after: $after) { nodes { title } pageInfo { endCursor hasNextPage } }
}"""


def replica_of(nginx: Nginx, response: httpx.Response) -> str:
    """The address of the replica that answered; the last one when several were tried."""
    tried: str = nginx.entry(response.headers["x-request-id"])["upstream"]
    return tried.split(", ")[-1].rpartition(":")[0]


async def answering(nginx: Nginx, client: httpx.AsyncClient, *, requests: int = 30) -> Counter[str]:
    responses = [await client.get("/graphql", params=QUERY) for _ in range(requests)]
    assert {response.status_code for response in responses} == {200}
    return Counter(replica_of(nginx, response) for response in responses)


async def test_all_replicas_are_used(edge: Edge) -> None:
    async with edge.nginx.client() as client:
        assert set(await answering(edge.nginx, client, requests=60)) == set(REPLICA_ADDRESSES)


async def test_replicas_come_and_go_without_a_reload(edge: Edge) -> None:
    names = edge.nginx.names
    async with edge.nginx.client() as client:
        for present in ([FIRST], [FIRST, SECOND, THIRD], [SECOND, THIRD], [*REPLICA_ADDRESSES]):
            names.addresses = present
            deadline = time.monotonic() + PATIENCE
            while set(await answering(edge.nginx, client)) != set(present):
                assert time.monotonic() < deadline, present


async def test_no_replica_at_all(start_nginx: StartNginx) -> None:
    nginx = start_nginx(port=free_port())
    async with nginx.client() as client:
        response = await client.post("/graphql", json=QUERY)
        assert response.status_code == 503
        assert response.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert response.headers["retry-after"] == "1"


async def test_a_request_is_sent_again_only_if_it_is_idempotent(start_nginx: StartNginx) -> None:
    port = free_port()
    nginx = start_nginx(FIRST, SECOND, port=port)
    busy = respond("503 Service Unavailable", '{"errors": []}')
    for failing in (hang_up, busy):
        async with (
            upstream(FIRST, port, failing) as broken,
            upstream(SECOND, port, respond("200 OK", "{}")) as sound,
            nginx.client() as client,
        ):
            gets = [await client.get("/graphql", params=QUERY) for _ in range(20)]
            tried_by_get = len(broken.requests)
            assert {response.status_code for response in gets} == {200}
            assert tried_by_get > 0
            assert len(sound.requests) == 20

            posts = [await client.post("/graphql", json=QUERY) for _ in range(20)]
            tried_by_post = len(broken.requests) - tried_by_get
            assert Counter(response.status_code for response in posts) == {
                200: 20 - tried_by_post,
                503: tried_by_post,
            }
            assert len(sound.requests) == 20 + 20 - tried_by_post
            assert 0 < tried_by_post < 20


async def test_a_replica_is_killed_under_load(
    start_server: StartServer, start_nginx: StartNginx, person: Person
) -> None:
    port = free_port()
    replicas = [await start_server(port=port, APP_HOST=address) for address in REPLICA_ADDRESSES]
    nginx = start_nginx(*REPLICA_ADDRESSES, port=port)
    statuses: dict[str, Counter[int]] = {"GET": Counter(), "POST": Counter()}
    acknowledged: list[str] = []
    finished = asyncio.Event()

    async def read(client: httpx.AsyncClient) -> None:
        while not finished.is_set():
            response = await client.get("/graphql", params=QUERY)
            statuses["GET"][response.status_code] += 1

    async def write(client: httpx.AsyncClient, writer: int) -> None:
        number = 0
        while not finished.is_set():
            title = f"{writer}-{(number := number + 1)}"
            body = {
                "query": TASK_CREATE,
                "variables": {"input": {"projectId": person.project_id, "title": title}},
            }
            response = await client.post(
                "/graphql", json=body, headers={"authorization": f"Bearer {person.token}"}
            )
            statuses["POST"][response.status_code] += 1
            if response.status_code == 200:
                acknowledged.append(response.json()["data"]["taskCreate"]["task"]["title"])

    async with nginx.client() as client:
        working = [asyncio.create_task(read(client)) for _ in range(4)]
        working += [asyncio.create_task(write(client, number)) for number in range(4)]
        await _until(lambda: len(acknowledged) >= 30)
        await asyncio.to_thread(replicas[0].kill)  # its address stays known
        before = len(acknowledged)
        await _until(lambda: len(acknowledged) >= before + 60)
        finished.set()
        await asyncio.gather(*working)
    assert set(statuses["GET"]) == {200}
    # Those on their way to the replica when it died may have been done: they are not sent again.
    assert set(statuses["POST"]) <= {200, 503}
    assert statuses["POST"][503] <= 4
    titles = await _titles(person)
    assert len(titles) == len(set(titles)), "a write was done twice"
    assert set(acknowledged) <= set(titles), "an acknowledged write is lost"


async def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def _titles(person: Person) -> list[str]:
    titles: list[str] = []
    after = None
    while True:
        tasks = (await person.run(TITLES, {"after": after})).data["tasks"]
        titles += [task["title"] for task in tasks["nodes"]]
        if not tasks["pageInfo"]["hasNextPage"]:
            return titles
        after = tasks["pageInfo"]["endCursor"]
