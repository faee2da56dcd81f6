"""As many connections as a process takes, and as many of them as one address may have."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.events import open_events
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.sockets import PROTOCOL, open_socket
from tests.live import until

ApiOf = Callable[[Server], Api]


async def test_beyond_the_cap_only_health_is_answered(
    start_server: StartServer, api_of: ApiOf, person: Person
) -> None:
    server = await start_server(MAX_CONNECTIONS="4")
    api = api_of(server)
    assert (await api.run("{ __typename }")).status == 200
    async with AsyncExitStack() as opened:
        for _ in range(2):
            await opened.enter_async_context(open_socket(server.websocket_url, token=person.token))
        for _ in range(2):
            stream = open_events(api, "subscription { taskCreated { id } }", token=person.token)
            await opened.enter_async_context(stream)
        refused = await api.run("{ __typename }")
        assert (refused.status, refused.code) == (503, "SERVICE_UNAVAILABLE")
        assert refused.headers["retry-after"] == "1"
        with pytest.raises(Exception, match="503"):
            async with open_socket(server.websocket_url, token=person.token):
                pass
        for path in ("/health", "/health/live", "/health/ready", "/metrics"):
            assert (await api.http.get(path)).status_code == 200, path

    async def served() -> bool:
        return (await api.run("{ __typename }")).status == 200

    await until(served)


@pytest.mark.parametrize(
    ("one", "the_same", "another"),
    [("192.0.2.1", "192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")],
)
async def test_beyond_its_cap_an_address_is_refused_and_others_are_not(
    start_server: StartServer, api_of: ApiOf, one: str, the_same: str, another: str
) -> None:
    server = await start_server(MAX_CONNECTIONS="100", MAX_CONNECTIONS_PER_ADDRESS="3")
    api = api_of(server)

    async def ask(address: str) -> Answer:
        return await api.run("{ __typename }", headers={"x-forwarded-for": address})

    async with AsyncExitStack() as opened:
        for _ in range(3):
            await opened.enter_async_context(
                connect(
                    server.websocket_url, subprotocols=[PROTOCOL], additional_headers={"X-Forwarded-For": one}
                )
            )
        refused = await ask(the_same)
        assert (refused.status, refused.code) == (429, "TOO_MANY_CONNECTIONS")
        assert refused.headers["retry-after"] == "1"
        assert "3 connections" in refused.error["message"]
        with pytest.raises(InvalidStatus) as told:
            await connect(
                server.websocket_url, subprotocols=[PROTOCOL], additional_headers={"X-Forwarded-For": one}
            )
        assert told.value.response.status_code == 429
        assert b"TOO_MANY_CONNECTIONS" in (told.value.response.body or b"")
        assert (await ask(another)).status == 200
        health = await api.http.get("/health/ready", headers={"x-forwarded-for": one})
        assert health.status_code == 200

    async def served() -> bool:
        return (await ask(one)).status == 200

    await until(served)
