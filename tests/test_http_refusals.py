"""What never becomes a request, and what is wrong with one: refused in the shape of every other error."""

import json
import re
from collections.abc import AsyncIterator, Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.web.refusals import MAX_HEAD, MAX_HEADERS
from tests.conftest import StartServer
from tests.fuzz.wire import exchange
from tests.harness.client import Api
from tests.harness.server import Server, Servers
from tests.live import until

ApiOf = Callable[[Server], Api]
HOST = b"Host: here\r\n"
CLOSE = b"Connection: close\r\n"
ALLOWED = "https://app.example.com"
UPGRADE = (
    HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
)
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"

UNREADABLE = {
    "a method that is none": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a version that is none": b"GET / HTTP/1.9\r\n" + HOST + b"\r\n",
    "a length and chunks": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nabc",
    "two lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a length that is none": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "a chunk that is none": b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\n" + HOST + b"X-Odd: a\0b\r\n\r\n",
    "raw bytes in the address": b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.fixture(scope="module")
async def own(server: Server, servers: Servers) -> AsyncIterator[Server]:
    """Pages of one origin may call it."""
    env = {**server.env, "CORS_ORIGINS": ALLOWED}
    env.pop("APP_PORT")
    started = servers.start(env)
    await started.wait_ready()
    await until(lambda: "Ctrl-C" in started.output())  # the last of what it says of itself
    yield started
    started.kill()


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read(own: Server, name: str) -> None:
    before = len(own.output())
    refused(exchange(own, UNREADABLE[name]), 400, "BAD_REQUEST")
    assert own.output()[before:] == ""


async def test_what_cannot_be_read_is_counted(own: Server, api_of: ApiOf) -> None:
    async def counted() -> float:
        text = (await api_of(own).http.get("/metrics")).text
        labels = {"method": "OTHER", "path": "(unmatched)", "status": "400"}
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "taskflow_http_requests_total" and sample.labels == labels
        )

    before = await counted()
    for _ in range(3):
        exchange(own, UNREADABLE["TLS"])
    assert await counted() == before + 3


async def test_what_follows_a_request_and_cannot_be_read_leaves_its_answer_alone(own: Server) -> None:
    answer = exchange(own, b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n\x16\x03\x01")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"status":"ok"' in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "headers", [UPGRADE + VERSION, UPGRADE + KEY, UPGRADE + KEY + b"Sec-WebSocket-Version: 99\r\n"]
)
async def test_a_socket_whose_handshake_is_wrong(own: Server, headers: bytes) -> None:
    refused(exchange(own, b"GET /graphql HTTP/1.1\r\n" + headers + b"\r\n"), 400, "BAD_REQUEST")


async def test_a_socket_of_a_page_from_elsewhere(own: Server) -> None:
    before = len(own.output())
    handshake = b"GET /graphql HTTP/1.1\r\n" + UPGRADE + KEY + VERSION
    refused(exchange(own, handshake + b"Origin: https://evil.example\r\n\r\n"), 403, "ORIGIN_REFUSED")
    assert own.output()[before:] == ""


@pytest.mark.parametrize("path", [b"/foo", b"/graphql/", b"/health", b"/graphql/static/index.html"])
async def test_a_socket_at_another_address(own: Server, path: bytes) -> None:
    before = len(own.output())
    handshake = b"GET " + path + b" HTTP/1.1\r\n" + UPGRADE + KEY + VERSION
    refused(exchange(own, handshake + b"\r\n"), 404, "NOT_FOUND")
    assert own.output()[before:] == ""


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"origin": "https://evil.example", "access-control-request-method": "POST"}, "ORIGIN_REFUSED"),
        ({"origin": ALLOWED, "access-control-request-method": "DELETE"}, "BAD_REQUEST"),
        (
            {
                "origin": ALLOWED,
                "access-control-request-method": "POST",
                "access-control-request-headers": "x-other",
            },
            "BAD_REQUEST",
        ),
    ],
)
async def test_a_preflight_of_what_is_not_allowed(
    own: Server, api_of: ApiOf, asked: dict[str, str], code: str
) -> None:
    answer = await api_of(own).http.request("OPTIONS", "/graphql", headers=asked)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (400, code)
    assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
    assert answer.headers.get("access-control-allow-origin") == (ALLOWED if code == "BAD_REQUEST" else None)
    allowed = await api_of(own).http.request(
        "OPTIONS", "/graphql", headers={"origin": ALLOWED, "access-control-request-method": "POST"}
    )
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ALLOWED)


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        (b"", "Host"),
        (HOST + HOST, "Host"),
        (HOST + b"Content-Type: application/json\r\nContent-Type: text/plain\r\n", "Content-Type"),
    ],
)
async def test_headers_that_must_be_there_once(own: Server, headers: bytes, named: str) -> None:
    body = b'{"query": "{ __typename }"}'
    request = b"POST /graphql HTTP/1.1\r\n" + CLOSE + headers + b"Content-Length: %d\r\n\r\n" % len(body)
    error = refused(exchange(own, request + body), 400, "BAD_REQUEST")
    assert named in error["message"]


async def test_http_1_0_needs_no_host(own: Server) -> None:
    assert exchange(own, b"GET /health/live HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def filled(size: int) -> bytes:
    """A request whose line and headers have this size."""
    start = b"GET /health/live HTTP/1.1\r\n" + HOST + CLOSE + b"X-Filler: "
    return start + b"x" * (size - len(start) - len(b"\r\n")) + b"\r\n\r\n"


@pytest.mark.parametrize(("size", "status"), [(MAX_HEAD, 200), (MAX_HEAD + 1, 431), (2 * MAX_HEAD, 431)])
async def test_the_size_of_a_head(own: Server, size: int, status: int) -> None:
    answer = exchange(own, filled(size))
    if status == 200:
        assert answer.startswith(b"HTTP/1.1 200 ")
    else:
        error = refused(answer, status, "PAYLOAD_TOO_LARGE")
        assert "65,536" in error["message"]


@pytest.mark.parametrize(("number", "status"), [(MAX_HEADERS, 200), (MAX_HEADERS + 1, 431), (10_000, 431)])
async def test_the_number_of_headers(own: Server, number: int, status: int) -> None:
    request = b"GET /health/live HTTP/1.1\r\n" + HOST + CLOSE + b"X: 1\r\n" * (number - 2) + b"\r\n"
    answer = exchange(own, request)
    if status == 200:
        assert answer.startswith(b"HTTP/1.1 200 ")
    else:
        refused(answer, status, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("length", [65_530, 66_000, 500_000])
async def test_an_address_without_end(own: Server, length: int) -> None:
    request = b"GET /graphql?query=" + b"x" * length + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    error = refused(exchange(own, request), 414, "PAYLOAD_TOO_LARGE")
    assert "POST" in error["message"]


async def test_a_head_behind_a_large_body_counts_by_itself(own: Server) -> None:
    body = b" " * 200_000
    first = b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
    answer = exchange(own, first + body + filled(60_000))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"404", b"200"]


async def test_routes_and_methods_that_are_none(api: Api) -> None:
    for method, path, status in (("GET", "/foo", 404), ("POST", "/health", 405), ("PUT", "/graphql", 405)):
        answer = await api.http.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"


async def test_every_answer_of_the_endpoint_tells_the_budget(
    start_server: StartServer, api_of: ApiOf, redis_url: str
) -> None:
    server = await start_server(RATE_LIMIT_MAX="50", REDIS_URL=redis_url, GRAPHIQL="false")
    api = api_of(server)
    mutation = {"query": "mutation { signOut { userErrors { code } } }"}
    remaining = []
    for method, arguments, status in (
        ("PUT", {}, 405),
        ("OPTIONS", {}, 405),
        ("GET", {"params": mutation}, 405),
        ("GET", {"headers": {"accept": "text/html"}}, 400),
        ("GET", {}, 400),
        ("POST", {"content": b"{"}, 415),
        ("POST", {"json": {"query": "{"}}, 200),
        ("POST", {"content": b" " * 2**21, "headers": {"content-type": "application/json"}}, 413),
    ):
        answer = await api.http.request(method, "/graphql", **arguments)
        assert answer.status_code == status, (method, arguments)
        remaining.append(int(answer.headers["ratelimit-remaining"]))
    assert remaining == list(range(49, 41, -1))
    assert "ratelimit" not in (await api.http.get("/nowhere")).headers
    assert (await api.run("{ __typename }")).headers["ratelimit-remaining"] == "41"


async def test_a_name_that_an_address_has_twice(api: Api) -> None:
    query = "{ __typename }"
    for params in (
        [("query", query), ("query", "{ viewer { id } }")],
        [("query", query), ("variables", "{}"), ("variables", "{}")],
    ):
        answer = await api.http.get("/graphql", params=params)  # type: ignore[arg-type]  # httpx knows lists
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (400, "BAD_REQUEST")
        assert f"`{params[-1][0]}`" in error["message"]
    other = [("query", query), ("utm", "1"), ("utm", "2")]
    assert (await api.http.get("/graphql", params=other)).status_code == 200  # type: ignore[arg-type]  # too


def refused(answer: bytes, status: int, code: str) -> dict[str, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert int(head.split()[1]) == status, answer[:300]
    assert fields[b"content-type"] == b"application/json; charset=utf-8"
    assert fields[b"cache-control"] == b"no-store"
    assert int(fields[b"content-length"]) == len(body)
    (error,) = json.loads(body)["errors"]
    assert error["extensions"] == {"code": code, "requestId": fields[b"x-request-id"].decode()}
    assert error["message"]
    return dict(error)
