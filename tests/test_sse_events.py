"""GraphQL over SSE in its distinct connections mode: one request, one operation."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.web import event_stream
from app.web.answers import Answer
from app.web.event_stream import send_events
from tests.conftest import StartServer
from tests.harness import npm
from tests.harness.client import Api
from tests.harness.events import Events, open_events
from tests.harness.own_redis import OwnRedis
from tests.harness.people import Person
from tests.harness.server import Server
from tests.live import until

CREATED = "subscription ($projectId: ID) { taskCreated(projectId: $projectId) { title } }"
ApiOf = Callable[[Server], Api]


async def test_a_query_is_one_result_and_the_end(api: Api, person: Person) -> None:
    async with open_events(api, "{ viewer { id } }", token=person.token) as events:
        assert events.response.status_code == 200
        assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert events.response.headers["cache-control"] == "no-store"
        assert await events.data() == {"viewer": {"id": person.id}}
        assert await events.next() == ("complete", None)
        assert await events.next() is None


async def test_a_mutation_is_done_once(api: Api, person: Person) -> None:
    mutation = "mutation ($input: TaskCreateInput!) { taskCreate(input: $input) { task { number } } }"
    variables = {"input": {"projectId": person.project_id, "title": "by an event stream"}}
    async with open_events(api, mutation, variables, token=person.token) as events:
        assert await events.data() == {"taskCreate": {"task": {"number": 1}}}
        assert await events.next() == ("complete", None)
    found = await person.run("{ tasks { nodes { title } } }")
    assert found.data["tasks"]["nodes"] == [{"title": "by an event stream"}]


async def test_a_subscription_tells_what_happens(api: Api, person: Person, stranger: Person) -> None:
    variables = {"projectId": person.project_id}
    async with open_events(api, CREATED, variables, token=person.token) as events:
        await stranger.task("elsewhere")
        for title in ("first", "second"):
            await create_until_heard(person, title, events.next)


async def test_a_client_that_leaves_is_forgotten(
    start_server: StartServer, api_of: ApiOf, person: Person, tmp_path: Path
) -> None:
    redis = OwnRedis(tmp_path)
    api = api_of(await start_server(REDIS_URL=redis.url))
    before = await subscriptions(api)
    async with open_events(api, CREATED, token=person.token) as events:
        await create_until_heard(person, "heard", events.next, api=api)
        assert await subscriptions(api) == before + 1
        assert redis.channels() == {person.workspace_id}

    async def forgotten() -> bool:
        return await subscriptions(api) == before and redis.channels() == set()

    await until(forgotten)


async def test_what_is_wrong_with_a_document_is_told_in_the_stream(api: Api) -> None:
    for document, code in (
        ("{ nowhere }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("query A { __typename } query B { __typename }", "BAD_REQUEST"),
        (CREATED, "UNAUTHENTICATED"),
    ):
        async with open_events(api, document) as events:
            assert events.response.status_code == 200
            event = await events.next()
            assert event is not None
            assert event[0] == "next"
            assert [error["extensions"]["code"] for error in event[1]["errors"]] == [code], document
            assert await events.next() == ("complete", None)


async def test_what_is_no_request_is_answered_as_ever(api: Api) -> None:
    accept = {"accept": "text/event-stream"}
    for content, status in ((b"{", 400), (b"[]", 400), (b"\xff", 400)):
        headers = accept | {"content-type": "application/json"}
        response = await api.http.post("/graphql", content=content, headers=headers)
        assert response.status_code == status
        assert response.headers["content-type"].startswith("application/json")
    plain = await api.http.post("/graphql", content=b"{}", headers=accept | {"content-type": "text/plain"})
    assert plain.status_code == 415
    mutation = {"query": "mutation { signOut { userErrors { code } } }"}
    refused = await api.http.get("/graphql", params=mutation, headers=accept)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_a_head_request_opens_no_stream(api: Api) -> None:
    response = await api.http.head(
        "/graphql", params={"query": CREATED}, headers={"accept": "text/event-stream"}
    )
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "accept",
    [
        "application/json, text/event-stream",
        "application/graphql-response+json, text/event-stream;q=0.1",
        "text/*",
        "text/*;q=0.1, application/json",
    ],
)
async def test_a_subscription_is_streamed_where_that_is_accepted_at_all(
    api: Api, person: Person, accept: str
) -> None:
    headers = {"accept": accept, "authorization": f"Bearer {person.token}"}
    async with api.http.stream("POST", "/graphql", json={"query": CREATED}, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        events = Events(response)
        await create_until_heard(person, "heard", events.next)
        await events.close()
    query = await api.run("{ viewer { id } }", headers=headers)
    assert query.data == {"viewer": {"id": person.id}}
    assert "json" in query.headers["content-type"]


async def test_a_stream_that_is_not_accepted_is_not_given(person: Person) -> None:
    answer = await person.run(CREATED, headers={"accept": "application/json, text/event-stream;q=0"})
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


async def test_without_the_type_a_subscription_is_told_the_way(person: Person) -> None:
    answer = await person.run(CREATED)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert "text/event-stream" in answer.error["message"]


async def test_a_subscription_counts_and_is_refused_with_429(
    start_server: StartServer, api_of: ApiOf, person: Person, redis_url: str
) -> None:
    limits = {"RATE_LIMIT_MAX": "2", "RATE_LIMIT_WINDOW": "60000"}
    api = api_of(await start_server(**limits, REDIS_URL=redis_url))
    for remaining in ("1", "0"):
        async with open_events(api, CREATED, token=person.token) as events:
            assert events.response.headers["ratelimit-remaining"] == remaining
    async with open_events(api, CREATED, token=person.token) as events:
        assert events.response.status_code == 429
        assert events.response.headers["content-type"].startswith("application/json")
        assert events.response.headers["retry-after"]


async def test_a_server_that_stops_does_not_wait_for_streams(
    start_server: StartServer, api_of: ApiOf, person: Person
) -> None:
    server = await start_server(SHUTDOWN_TIMEOUT="300")
    async with open_events(api_of(server), CREATED, token=person.token):
        server.stop(grace=30)
        assert server.process.returncode == 0


async def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE", 0.01)
    sent: list[bytes] = []
    heard = asyncio.Event()

    async def answers() -> AsyncIterator[Answer]:
        await heard.wait()
        yield Answer(data={"late": True}, executed=True)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if sent.count(b":\n\n") >= 3:
            heard.set()

    await send_events(answers(), None, receive, send)
    assert sent[-2:] == [b'event: next\ndata: {"data":{"late":true}}\n\n', b"event: complete\ndata: \n\n"]


@pytest.mark.node
@pytest.mark.skipif(not (npm.NPM / "node_modules" / "graphql-sse").exists(), reason="needs tests/npm")
async def test_the_client_of_graphql_sse(server: Server, person: Person) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        "events.mjs",
        f"{server.url}/graphql",
        person.token,
        CREATED,
        json.dumps({"projectId": person.project_id}),
        cwd=npm.NPM,
        stdout=asyncio.subprocess.PIPE,
    )

    told: asyncio.Queue[Any] = asyncio.Queue()

    async def read() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if "data" in (said := json.loads(line)):
                told.put_nowait(("next", said))

    async def following(patience: float) -> tuple[str, Any] | None:
        event: tuple[str, Any] = await asyncio.wait_for(told.get(), patience)
        return event

    reading = asyncio.create_task(read())
    try:
        for title in ("first", "second"):
            await create_until_heard(person, title, following)
    finally:
        reading.cancel()
        process.kill()
        await process.wait()


async def create_until_heard(
    person: Person,
    title: str,
    following: Callable[[float], Awaitable[tuple[str, Any] | None]],
    *,
    api: Api | None = None,
) -> None:
    """Creates tasks of that title until the subscription, which may still be beginning, tells of one."""
    creator = dataclasses.replace(person, api=api or person.api)
    for _ in range(40):
        await creator.task(title)
        try:
            event = await following(0.5)
        except TimeoutError:
            continue
        while event is not None and event[1]["data"]["taskCreated"]["title"] != title:
            event = await following(10)
        assert event is not None
        return
    raise AssertionError("the subscription never became active")


async def subscriptions(api: Api) -> float:
    text = (await api.http.get("/metrics")).text
    [value] = [line.split()[1] for line in text.splitlines() if line.startswith("taskflow_subscriptions ")]
    return float(value)
