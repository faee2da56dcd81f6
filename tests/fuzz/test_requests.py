"""Raw HTTP: methods, targets, headers and bodies that no client library would send."""

import json
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.fuzz.strategies import DOCUMENTS, SEED, any_of, json_values, many, payloads
from tests.fuzz.wire import exchange, status_and_body
from tests.harness.client import Api
from tests.harness.leaks import leaks
from tests.harness.people import Person
from tests.harness.server import Server

METHODS = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "X" * 40,
)
PATHS = (
    "/graphql",
    "/graphql",
    "/graphql",
    "/graphql/",
    "//graphql",
    "/%00",
    "/graphql%2F",
    "/account/export",
    "*",
    "/../etc/passwd",
)
CONTENT_TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=utf-16",
    "application/graphql-response+json",
    "application/graphql",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/json;;;=",
    "\xff\xfe",
    "",
)
ACCEPTS = (
    "application/json",
    "application/graphql-response+json",
    "text/event-stream",
    "text/html",
    "*/*;q=nan",
    "application/json;q=1e400,text/*;q=-1",
    "multipart/mixed",
    "," * 200,
    "",
)
bodies = st.one_of(
    payloads.map(lambda payload: json.dumps(payload).encode()),
    st.lists(payloads, max_size=3).map(lambda batch: json.dumps(batch).encode()),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
    # Cut off, not UTF-8, deep, with a byte order mark, with lone surrogates and what JSON does not know.
    payloads.map(lambda payload: json.dumps(payload).encode()[:-1]),
    any_of(
        (
            b'{"query": "{ __typename }\xff\xfe"}',
            b"[" * 50_000,
            b'{"query":' * 2_000,
            b'\xef\xbb\xbf{"query": "{ __typename }"}',
            b'{"query": "\\ud800"}',
            b'{"query": "{ __typename }", "variables": {"a": NaN}}',
            b'{"query": "{ __typename }", "query": 5}',
            b'{"query": "{ __typename }", "variables": {"a": 1' + b"0" * 5_000 + b"}}",
            b"query=%7B__typename%7D",
        )
    ),
)
queries = st.one_of(
    st.just(""),
    st.sampled_from(DOCUMENTS).map(lambda document: "?query=" + quote(document)),
    st.text(max_size=30).map(lambda text: "?query=" + quote(text)),
    json_values.map(lambda value: "?query=%7B__typename%7D&variables=" + quote(json.dumps(value))),
    json_values.map(lambda value: "?query=%7B__typename%7D&extensions=" + quote(json.dumps(value))),
    any_of(("?query=%FF%FE", "?query=%7B__typename%7D&variables=%7B", "?" + "a=1&" * 500, "?query", "?%zz")),
)
text = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30).map(
    lambda value: value.encode("latin-1")
)
headers = st.fixed_dictionaries(
    {"content-type": st.sampled_from(CONTENT_TYPES).map(lambda value: value.encode("latin-1"))},
    optional={
        "accept": st.sampled_from(ACCEPTS).map(str.encode) | text,
        "authorization": st.sampled_from((b"Bearer ", b"Basic eDp5", b"Bearer a.b.c")) | text,
        "content-encoding": st.sampled_from((b"gzip", b"identity", b"br")) | text,
        "origin": text,
        "x-request-id": text,
        "x-forwarded-for": text,
        "traceparent": text,
        "cookie": text,
        "expect": st.just(b"100-continue"),
    },
)


@st.composite
def requests(draw: Callable[[st.SearchStrategy[object]], object], token: str) -> bytes:
    method = str(draw(st.sampled_from(METHODS) if draw(st.booleans()) else st.sampled_from(("GET", "POST"))))
    target = f"{draw(st.sampled_from(PATHS))}{draw(queries)}"
    body = draw(bodies)
    given_headers = draw(headers)
    assert isinstance(body, bytes)
    assert isinstance(given_headers, dict)
    if draw(st.booleans()):
        given_headers |= {"authorization": f"Bearer {token}".encode()}
    if draw(st.booleans()):
        given_headers |= {"content-type": b"application/json"}
    lines = [f"{method} {target} HTTP/1.1".encode(), b"host: localhost", b"connection: close"]
    lines += [name.encode() + b": " + value for name, value in given_headers.items()]
    lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join((*lines, b"", body))


garbage = st.one_of(
    st.binary(min_size=1, max_size=200).map(lambda data: data + b"\r\n\r\n"),
    any_of(
        (
            b"GET /graphql HTTP/9.9\r\n\r\n",
            b"GET /graphql\r\n\r\n",
            b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
            b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"
            b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /graphql HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
            b"GET /graphql HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
            b"GET /graphql HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 5_000 + b"\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        )
    ),
)


@pytest.mark.parametrize("count", [300, pytest.param(5_000, marks=pytest.mark.soak)])
async def test_requests_of_all_kinds(
    start_server: StartServer, person: Person, count: int, record_property: Callable[[str, object], None]
) -> None:
    server = await start_server(LOG_LEVEL="error")
    statuses: Counter[int] = Counter()

    @many(count)
    @given(requests(person.token))
    def send(request: bytes) -> None:
        statuses[_civil_status(server, request)] += 1

    send()
    record_property("figures", f"seed {SEED}, {sum(statuses.values())} requests by status: {dict(statuses)}")
    assert sum(statuses.values()) >= count * 0.9
    assert {200, 400, 405, 415} <= statuses.keys()
    await _works(server, person)


async def test_what_is_no_http(start_server: StartServer, person: Person) -> None:
    server = await start_server(LOG_LEVEL="error")

    @many(80)
    @given(garbage)
    def send(data: bytes) -> None:
        answer = exchange(server, data, finish=True)
        assert not answer or status_and_body(answer)[0] < 500, answer
        assert not leaks(answer.decode("latin-1"), sent=data.decode("latin-1")), answer

    send()
    await _works(server, person)


def _civil_status(server: Server, request: bytes) -> int:
    answer = exchange(server, request)
    assert answer, request
    status, body = status_and_body(answer)
    assert status < 500, (request, answer)
    told = leaks(answer.decode("latin-1"), sent=request.decode("latin-1"))
    assert not told or b"text/html" in answer, (told, request, answer)
    if b"application/json" in answer or b"graphql-response+json" in answer:
        _check_body(request, status, body)
    return status


def _check_body(request: bytes, status: int, body: bytes) -> None:
    if request.startswith(b"HEAD "):
        return
    content = json.loads(body)
    for one in content if isinstance(content, list) else [content]:
        assert status == 200 or one.get("errors") or "data" in one, (request, body)
        for error in one.get("errors", ()):
            assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", (request, body)
            assert error["extensions"]["requestId"], (request, body)


async def _works(server: Server, person: Person) -> None:
    api = Api(server.url)
    try:
        answer = await person.run("{ viewer { id } }", api=api)
        assert answer.data == {"viewer": {"id": person.id}}
    finally:
        await api.close()
    assert "Traceback" not in server.output()
