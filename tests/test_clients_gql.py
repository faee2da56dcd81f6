"""gql, the Python client, against a live server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from gql import Client, GraphQLRequest, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from tests.harness.people import Person
from tests.harness.server import Server

TASKS = gql("query ($projectId: ID!) { project(id: $projectId) { tasks { nodes { title } totalCount } } }")
TASK_CREATE = gql(
    """
    mutation ($input: TaskCreateInput!) {
      taskCreate(input: $input) { task { title priority } userErrors { code field } }
    }"""
)
TASK_CREATED = gql("subscription ($projectId: ID) { taskCreated(projectId: $projectId) { title } }")


@pytest.fixture
async def session(server: Server, person: Person) -> AsyncIterator[AsyncClientSession]:
    """Over HTTP. gql reads the schema from the server and holds each document against it."""
    headers = {"authorization": f"Bearer {person.token}"}
    transport = HTTPXAsyncTransport(f"{server.url}/graphql", headers=headers)
    async with Client(transport=transport, fetch_schema_from_transport=True) as opened:
        yield opened


async def test_gql_queries_and_mutates(session: AsyncClientSession, person: Person) -> None:
    given = {"projectId": person.project_id, "title": "Read the manual", "priority": "HIGH"}
    created = await session.execute(_request(TASK_CREATE, {"input": given}))
    assert created["taskCreate"] == {
        "task": {"title": "Read the manual", "priority": "HIGH"},
        "userErrors": [],
    }
    read = await session.execute(_request(TASKS, {"projectId": person.project_id}))
    assert read["project"]["tasks"] == {"nodes": [{"title": "Read the manual"}], "totalCount": 1}


async def test_gql_tells_a_users_errors_from_the_servers(session: AsyncClientSession, person: Person) -> None:
    given = {"projectId": person.project_id, "title": ""}
    refused = await session.execute(_request(TASK_CREATE, {"input": given}))
    assert refused["taskCreate"]["userErrors"] == [{"code": "INVALID", "field": ["input", "title"]}]
    with pytest.raises(TransportQueryError) as raised:
        await session.execute(gql("{ tasks(first: 1000) { totalCount } }"))
    assert raised.value.errors is not None
    assert raised.value.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_gql_listens(server: Server, person: Person) -> None:
    transport = WebsocketsTransport(
        server.websocket_url,
        init_payload={"authorization": f"Bearer {person.token}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    async with Client(transport=transport) as session:
        events = session.subscribe(_request(TASK_CREATED, {"projectId": person.project_id}))
        heard = asyncio.create_task(anext(events))
        await _until(heard, lambda: person.task("Heard"))
        assert await heard == {"taskCreated": {"title": "Heard"}}
        await events.aclose()


def _request(document: GraphQLRequest, variables: dict[str, object]) -> GraphQLRequest:
    return GraphQLRequest(document, variable_values=variables)


async def _until(heard: "asyncio.Task[object]", write: Callable[[], Awaitable[object]]) -> None:
    """The protocol does not tell when a subscription is active: writes until it is heard of."""
    for _ in range(40):
        await write()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(heard), 0.5)
            return
