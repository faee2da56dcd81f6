"""What stays open, through nginx/nginx.conf: WebSockets and event streams."""

import asyncio
import json
from contextlib import aclosing, suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.deploy.conftest import Edge, StartNginx
from tests.harness.client import Api
from tests.harness.events import open_events
from tests.harness.people import Person
from tests.harness.server import free_port
from tests.harness.sockets import PATIENCE, PROTOCOL, Socket
from tests.harness.upstream import hang_up, respond, upstream
from tests.test_sse_events import create_until_heard

pytestmark = pytest.mark.nginx

QUERY = {"query": "{ __typename }"}
STUB = "127.0.0.31"
CREATED = "subscription ($projectId: ID) { taskCreated(projectId: $projectId) { title } }"
# The timeouts of nginx.conf, made short enough to wait for.
IMPATIENT = (
    ("proxy_read_timeout 60s", "proxy_read_timeout 1s"),
    ("proxy_read_timeout 1h", "proxy_read_timeout 9s"),
)


async def open_through(edge: Edge, person: Person) -> Socket:
    connection = await connect(edge.nginx.websocket_url, ssl=edge.nginx.tls(), subprotocols=[PROTOCOL])
    payload = {"authorization": f"Bearer {person.token}"}
    await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert json.loads(await connection.recv()) == {"type": "connection_ack"}
    return Socket(connection)


async def test_a_subscription(edge: Edge, person: Person) -> None:
    socket = await open_through(edge, person)
    created = await socket.subscribe(CREATED, {"projectId": person.project_id}, settle=1)
    await person.task("Call the plumber")
    assert (await created.data())["taskCreated"] == {"title": "Call the plumber"}
    await socket.close()


async def test_a_subscription_by_events(edge: Edge, edge_api: Api, person: Person) -> None:
    """Each event is there while the stream is open: nginx keeps none back."""
    variables = {"projectId": person.project_id}
    async with open_events(edge_api, CREATED, variables, token=person.token) as events:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        for title in ("Call the plumber", "Buy a tap"):
            await create_until_heard(person, title, events.next)


async def test_a_reload_closes_no_socket_and_fails_no_request(edge: Edge, person: Person) -> None:
    socket = await open_through(edge, person)
    created = await socket.subscribe(CREATED, {"projectId": person.project_id}, settle=1)
    statuses: list[int] = []
    answered, finished = asyncio.Semaphore(0), asyncio.Event()

    async def ask() -> None:
        async with edge.nginx.client() as client:
            while not finished.is_set():
                # A connection each: nginx may close an idle one as its client sends on it (RFC 9112, 9.5).
                answer = await client.post("/graphql", json=QUERY, headers={"connection": "close"})
                statuses.append(answer.status_code)
                answered.release()

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    for _ in range(3):
        await asyncio.to_thread(edge.nginx.reload)
        for _ in range(20):
            await answered.acquire()
    finished.set()
    await asyncio.gather(*asking)
    await person.task("After the reload")
    assert set(statuses) == {200}
    assert (await created.data())["taskCreated"] == {"title": "After the reload"}
    await socket.close()


async def test_an_event_stream_is_not_held_back(start_nginx: StartNginx) -> None:
    port = free_port()
    nginx = start_nginx(STUB, port=port)
    sent_on = asyncio.Event()

    async def stream(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: next\ndata: 1\n\n")
        await writer.drain()
        await asyncio.wait_for(sent_on.wait(), PATIENCE)
        writer.write(b"event: complete\n\n")
        await writer.drain()

    headers = {"accept": "text/event-stream", "accept-encoding": "gzip"}
    body: dict[str, Any] = {"query": "subscription { taskCreated { id } }"}
    async with upstream(STUB, port, stream) as seen, nginx.client() as client:
        post = client.build_request("POST", "/graphql", headers=headers, json=body)
        get = client.build_request("GET", "/graphql", headers=headers, params=body)
        for request in (post, get):
            sent_on.clear()
            response = await client.send(request, stream=True)
            async with aclosing(response):
                chunks = response.aiter_text()
                first = await asyncio.wait_for(anext(chunks), PATIENCE)  # while the stream is held open
                sent_on.set()
                rest = "".join([chunk async for chunk in chunks])
            assert (first, rest) == ("event: next\ndata: 1\n\n", "event: complete\n\n")
            assert "content-encoding" not in response.headers
            assert response.headers["strict-transport-security"]
    assert [json.loads(one) if one else None for one in seen.bodies] == [body, None]


async def test_streams_outlast_the_patience_with_requests(start_nginx: StartNginx) -> None:
    port = free_port()
    nginx = start_nginx(STUB, port=port, changes=IMPATIENT)

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2.5)
        with suppress(ConnectionError):  # nginx no longer waits
            await respond("200 OK", "late", "text/event-stream")(writer)

    async with upstream(STUB, port, slow), nginx.client() as client:
        stream = await client.post("/graphql", json={}, headers={"accept": "text/event-stream"})
        request = await client.post("/graphql", json={})
    assert (stream.status_code, stream.text) == (200, "late")
    assert request.status_code == 503


async def test_a_stream_that_nobody_answers_is_refused_like_a_request(start_nginx: StartNginx) -> None:
    port = free_port()
    nginx = start_nginx(STUB, port=port)
    async with upstream(STUB, port, hang_up), nginx.client() as client:
        for headers in ({"accept": "text/event-stream"}, {}):
            response = await client.post("/graphql", json={}, headers=headers)
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            extensions = response.json()["errors"][0]["extensions"]
            assert extensions == {
                "code": "SERVICE_UNAVAILABLE",
                "requestId": response.headers["x-request-id"],
            }
            assert response.headers["x-frame-options"] == "DENY"
