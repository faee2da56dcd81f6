"""/metrics of operations: their time by name, errors by code, subscriptions, pools."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import Mock
from urllib.parse import urlsplit

from graphql import OperationDefinitionNode, OperationType, parse

from app.web.documents import PreparedOperation
from app.web.operation_names import MOST_NAMES, OperationNames
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person, unique
from tests.harness.server import Server
from tests.harness.sockets import open_socket
from tests.live import CREATED, until
from tests.test_metrics_names import COMPLETE, read, value

ApiOf = Callable[[Server], Api]
COUNT = "taskflow_operation_duration_seconds_count"
FLOOD = 1_000
AT_ONCE = 4


async def operations(api: Api) -> dict[str, float]:
    return {
        dict(labels)["operation"]: count
        for (name, labels), count in (await read(api)).items()
        if name == COUNT
    }


async def test_errors_that_alerts_ask_for_begin_at_zero(start_server: StartServer, api_of: ApiOf) -> None:
    """Of a series that is born with 1 Prometheus sees no increase: an alert would miss the first error."""
    read_now = await read(api_of(await start_server(workers=2)))
    counted = {
        dict(labels)["code"]: count
        for (name, labels), count in read_now.items()
        if name == "taskflow_errors_total"
    }
    assert counted == {"INTERNAL_SERVER_ERROR": 0, "SERVICE_UNAVAILABLE": 0, "TIMEOUT": 0}


async def test_a_flood_of_names_makes_a_hundred(
    start_server: StartServer, api_of: ApiOf, person: Person
) -> None:
    server = await start_server()
    api = api_of(server)
    await person.run("query Ours { __typename }", api=api)
    await person.run("{ viewer { id } }", api=api)
    names = [f"Name{number}" for number in range(FLOOD)]
    await asyncio.gather(
        *(flood(server.url, person.token, names[start::AT_ONCE]) for start in range(AT_ONCE))
    )
    await person.run("query Ours { __typename }", api=api)
    counted = await operations(api)
    assert sum(counted.values()) == FLOOD + 3
    assert counted["Ours"] == 2
    assert counted["query __typename"] == FLOOD - (MOST_NAMES - 1)
    assert len(counted) == MOST_NAMES + 2  # viewer, __typename
    for (metric, labels), _ in (await read(api)).items():
        assert "Name" not in str(labels) or metric.startswith("taskflow_operation_duration_seconds")


def test_ten_thousand_names_make_a_hundred() -> None:
    names, [node] = OperationNames(), parse("{ __typename }").definitions
    assert isinstance(node, OperationDefinitionNode)
    one = PreparedOperation(Mock(), node, "Ours", OperationType.QUERY, Mock())
    ours = names.seconds(one, signed_in=True)
    met = {
        names.seconds(replace(one, name=f"Direct{number}"), signed_in=number % 2 == 0)
        for number in range(10_000)
    }
    assert len(met) == MOST_NAMES  # beside Ours, what all others are counted as
    assert names.seconds(one, signed_in=False) is ours


async def flood(url: str, token: str, names: list[str]) -> None:
    """Sends an operation of each name, one after the other; httpx would take three times as long."""
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    for name in names:
        body = json.dumps({"query": f"query {name} {{ __typename }}"})
        writer.write(
            f"POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", head)
        assert length is not None
        assert b'"__typename":"Query"' in await reader.readexactly(int(length[1]))
    writer.close()


async def test_names_of_strangers_and_very_long_ones_are_not_told(
    start_server: StartServer, api_of: ApiOf, person: Person
) -> None:
    api = api_of(await start_server())
    await api.run("query Anonymous { __typename }")
    await api.run("query Both { __typename again: __typename }")
    await api.run("query Spread { ...F } fragment F on Query { __typename }")
    await api.run('mutation Reset { passwordResetRequest(email: "nobody") { userErrors { code } } }')
    await person.run(f"query {'L' * 65} {{ viewer {{ id }} }}", api=api)
    await person.run("query Short { viewer { id } }", api=api)
    assert set(await operations(api)) == {
        "query __typename",
        "query *",
        "mutation passwordResetRequest",
        "query viewer",
        "Short",
    }


async def test_operations_over_websocket_count_too(api: Api, server: Server, person: Person) -> None:
    before = (await operations(api)).get("query __typename", 0)
    async with open_socket(server.websocket_url) as socket:
        await (await socket.subscribe("{ __typename }")).data()
    assert (await operations(api))["query __typename"] == before + 1


async def test_errors_count_by_code(api: Api, person: Person) -> None:
    name = "taskflow_errors_total"
    cases = {
        "GRAPHQL_PARSE_FAILED": "{",
        "GRAPHQL_VALIDATION_FAILED": "{ nothing }",
        "UNAUTHENTICATED": "{ viewer { id } tasks { nodes { id } } }",
    }
    for code, document in cases.items():
        before = await value(api, name, code=code)
        assert (await api.run(document)).code == code
        assert await value(api, name, code=code) == before + 1
    # From 0 on, or the first one of them would not be seen as an increase.
    told = {dict(labels)["code"] for metric, labels in await read(api) if metric == name}
    assert {"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"} <= told


async def test_user_errors_count_by_code(api: Api, person: Person) -> None:
    name = "taskflow_user_errors_total"
    before = await value(api, name, code="NOT_FOUND")
    answer = await person.run(COMPLETE, {"id": unique("task")})
    assert answer.data["taskComplete"]["userErrors"] == [{"code": "NOT_FOUND"}]
    assert await value(api, name, code="NOT_FOUND") == before + 1


async def test_open_subscriptions_count(api: Api, server: Server, person: Person) -> None:
    name = "taskflow_subscriptions"
    before = await value(api, name)

    async def are(number: float) -> bool:
        return await value(api, name) == number

    async with open_socket(server.websocket_url, token=person.token) as socket:
        subscriptions = [await socket.subscribe(CREATED) for _ in range(2)]
        await until(lambda: are(before + 2))
        await subscriptions[0].stop()
        await until(lambda: are(before + 1))
    await until(lambda: are(before))


async def test_what_is_looked_up(api: Api, person: Person, redis_url: str) -> None:
    await person.task()
    assert await value(api, "taskflow_workers") == 1
    assert await value(api, "taskflow_db_pool_size", pool="reads") == 10
    assert await value(api, "taskflow_db_pool_size", pool="writes") == 5
    for dependency in ("database", "redis"):
        assert await value(api, "taskflow_dependency_up", dependency=dependency) == 1
    assert await value(api, "taskflow_cpu_seconds_total") > 0.1
    assert 2**24 < await value(api, "taskflow_resident_memory_bytes") < 2**31
