"""Traces as a collector gets them: a small OTLP receiver stands in its place."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import sign_up
from tests.harness.server import Server, Servers, free_port
from tests.harness.sockets import open_socket
from tests.harness.taskflow import command_line, descendants
from tests.harness.upstream import Upstream, respond, upstream

ApiOf = Callable[[Server], Api]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
SECRET = "only_the_variables_say_this"
TASKS = "query Mine($text: String) { tasks(first: 2, filter: {title: {contains: $text}}) { nodes { id } } }"
ADD = "mutation Add($input: TaskCreateInput!) { taskCreate(input: $input) { task { id } } }"

OK = respond("200 OK", "", "application/x-protobuf")
AWAY = respond("503 Service Unavailable", "")


@dataclass(frozen=True)
class Span:
    name: str
    trace: str
    id: str
    parent: str
    kind: int
    nanoseconds: int
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    url: str
    received: Upstream

    def spans(self) -> list[Span]:
        return [span for body in self.received.bodies for span in _spans(body)]

    def named(self, name: str) -> Span:
        """The one span of this name."""
        [span] = [span for span in self.spans() if span.name == name]
        return span

    def below(self, span: Span) -> list[Span]:
        return [one for one in self.spans() if one.parent == span.id]


@dataclass(frozen=True)
class Collected:
    """What one server has sent, after an operation of each kind and its end."""

    collector: Collector
    statements: list[str]
    """Of the query Mine, as its answer tells them."""
    token: str
    libraries: str


@asynccontextmanager
async def collecting(reply: Any = OK) -> AsyncIterator[Collector]:
    port = free_port()
    async with upstream("127.0.0.1", port, reply) as received:
        yield Collector(f"http://127.0.0.1:{port}", received)


async def stop(server: Server) -> None:
    """A server sends what is left before it ends."""
    await asyncio.to_thread(server.stop)


@pytest.fixture(scope="module")
async def collected(server: Server, servers: Servers) -> AsyncIterator[Collected]:
    async with collecting() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b,x-team=one",
        }
        shared = {name: value for name, value in server.env.items() if name != "APP_PORT"}
        traced = servers.start(shared | settings)
        await traced.wait_ready()
        api = Api(traced.url)
        person = await sign_up(api)
        mine = await person.run(TASKS, {"text": SECRET})
        assert mine.data["tasks"] == {"nodes": []}
        given = {"projectId": person.project_id, "title": SECRET}
        assert (await person.run(ADD, {"input": given})).data["taskCreate"]["task"]
        await person.run(f'{{ tasks(filter: {{title: {{contains: "{SECRET}"}}}}) {{ nodes {{ id }} }} }}')
        await person.run(f"query Mistaken {{ {SECRET} }}")
        assert (await api.run("query Who { viewer { id } tasks { nodes { id } } }")).errors
        await api.http.get(f"/elsewhere?{SECRET}={SECRET}")
        async with open_socket(traced.websocket_url, token=person.token) as socket:
            await (await socket.subscribe(TASKS.replace("Mine", "Live"), {"text": SECRET})).data()
        await api.close()
        [worker] = workers(traced)
        libraries = loaded(worker)
        await stop(traced)
        yield Collected(collector, mine.statements, person.token, libraries)


async def test_a_request_its_operation_and_its_statements(collected: Collected) -> None:
    collector = collected.collector
    operation = collector.named("query Mine")
    [request] = [span for span in collector.spans() if span.id == operation.parent]
    assert (request.name, request.trace, request.parent) == ("POST /graphql", operation.trace, "")
    assert request.attributes == {
        "http.request.method": "POST",
        "url.path": "/graphql",
        "http.route": "/graphql",
        "http.response.status_code": 200,
    }
    assert operation.attributes == {"graphql.operation.type": "query", "graphql.operation.name": "Mine"}
    statements = collector.below(operation)
    assert [span.name for span in statements] == collected.statements
    assert statements
    for span in statements:
        assert span.attributes == {"db.system.name": "postgresql", "db.query.summary": span.name}
        assert 0 < span.nanoseconds < operation.nanoseconds < request.nanoseconds
    assert not any(span.failed for span in (request, operation, *statements))


async def test_a_mutation_with_its_transaction(collected: Collected) -> None:
    collector = collected.collector
    names = [span.name for span in collector.below(collector.named("mutation Add"))]
    assert names[0] == "Transaction.begin"
    assert "Transaction.commit" in names
    assert "Event.append" in names


async def test_a_failure_is_marked_by_its_code(collected: Collected) -> None:
    collector = collected.collector
    operation = collector.named("query Who")
    assert operation.failed
    assert operation.attributes["error.type"] == "UNAUTHENTICATED"
    [request] = [span for span in collector.spans() if span.id == operation.parent]
    assert not request.failed
    elsewhere = collector.named("GET")
    assert elsewhere.attributes["http.response.status_code"] == 404


async def test_an_operation_over_websocket_is_a_trace(collected: Collected) -> None:
    operation = collected.collector.named("query Live")
    assert operation.parent == ""
    assert collected.collector.below(operation)


async def test_nothing_that_people_write_is_sent(collected: Collected) -> None:
    sent = b"".join(collected.collector.received.bodies)
    assert b"query Mine" in sent
    for text in (SECRET, collected.token, "SELECT", "INSERT", "$text", "Mistaken", "@example.com"):
        assert text.encode() not in sent, text


async def test_the_collector_gets_its_headers(collected: Collected) -> None:
    received = collected.collector.received
    assert received.requests[0].startswith("POST /v1/traces ")
    assert received.header("api-key") == "a b"
    assert received.header("x-team") == "one"


async def test_off_the_exporter_is_not_even_loaded(collected: Collected, server: Server) -> None:
    """It brings protobuf's library. OpenTelemetry's SDK is no sign: Redis' client loads it where it can."""
    [worker] = workers(server)
    assert "google/_upb/" in collected.libraries
    assert "google/_upb/" not in loaded(worker)


async def test_a_trace_of_a_trusted_proxy_goes_on_and_the_log_names_it(
    start_server: StartServer, api_of: ApiOf
) -> None:
    async with collecting() as collector:
        server = await start_server(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_TRACES_SAMPLER_ARG="0",
            NODE_ENV="production",
            LOG_LEVEL="info",
        )
        api = api_of(server)
        await api.run("query Ours { __typename }", headers=SAMPLED)
        await api.run("query Told { __typename }", headers=SAMPLED | {"x-forwarded-for": "192.0.2.7"})
        await api.run("query Broken { __typename }", headers={"traceparent": "00-nonsense-01"})
        await api.run("query Alone { __typename }")
        await stop(server)
    traces = {span.name: span.trace for span in collector.spans() if span.name.startswith("query")}
    assert traces == {"query Ours": TRACE, "query Told": TRACE}
    requests = [span for span in collector.spans() if span.name == "POST /graphql"]
    assert {span.parent for span in requests} == {PARENT}
    lines = [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]
    told = {line["operation"]: line.get("trace_id") for line in lines if "operation" in line}
    assert told == {"Ours": TRACE, "Told": TRACE, "Broken": None, "Alone": None}


async def test_nobody_else_begins_or_ends_a_trace(start_server: StartServer, api_of: ApiOf) -> None:
    async with collecting() as collector:
        server = await start_server(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, TRUSTED_PROXIES="192.0.2.0/24")
        api = api_of(server)
        await api.run("query Sampled { __typename }", headers=SAMPLED)
        await api.run("query Other { __typename }", headers=NOT_SAMPLED | {"x-forwarded-for": "192.0.2.7"})
        await stop(server)
    for name in ("query Sampled", "query Other"):
        assert collector.named(name).trace != TRACE


async def test_a_collector_that_fails_holds_up_nothing(start_server: StartServer, api_of: ApiOf) -> None:
    async with collecting(AWAY) as collector:
        server = await start_server(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        api = api_of(server)
        for _ in range(20):
            assert (await api.run("{ __typename }")).data
        await stop(server)
    assert collector.received.requests
    assert server.process.returncode == 0
    assert "Traceback" not in server.output()


def workers(server: Server) -> list[int]:
    return [pid for pid in descendants(server.process.pid) if "spawn_main" in command_line(pid)]


def loaded(pid: int) -> str:
    """The files that a process has mapped, its shared libraries among them."""
    return Path(f"/proc/{pid}/maps").read_text()


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    found = []
    for resource in request.resource_spans:
        [service] = [
            one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
        ]
        assert service == "taskflow"
        for scope in resource.scope_spans:
            found += [_span(span) for span in scope.spans]
    return found


def _span(span: Any) -> Span:
    return Span(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
        failed=span.status.code == 2,
        attributes={one.key: one.value.int_value or one.value.string_value for one in span.attributes},
    )
