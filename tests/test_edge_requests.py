"""Requests that are no GraphQL request: a 4xx with an error in GraphQL's shape, never a 500."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.harness.client import Api
from tests.harness.server import Server

JSON = {"content-type": "application/json"}
GRAPHQL_JSON = "application/graphql-response+json"
QUERY = b'{"query": "{ __typename }"}'

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a string": b'"x"',
    "a number": b"5",
    "null": b"null",
    "invalid UTF-8": b'{"query": "\xff"}',
    "a lone surrogate": b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}',
    "UTF-16": '{"query": "{ __typename }"}'.encode("utf-16"),
    "lists nested 40,000 deep": b"[" * 40_000 + b"]" * 40_000,
    "objects nested 40,000 deep": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "deep variables": QUERY[:-1] + b', "variables": {"a": ' + b"[" * 40_000 + b"]" * 40_000 + b"}}",
    "half an object": b'{"query": ',
    "no query": b"{}",
    "a null query": b'{"query": null}',
    "an empty query": b'{"query": " "}',
    "a query that is a number": b'{"query": 5}',
    "a query that is a list": b'{"query": ["{ __typename }"]}',
    "variables that are a list": QUERY[:-1] + b', "variables": []}',
    "variables that are text": QUERY[:-1] + b', "variables": "{}"}',
    "extensions that are text": QUERY[:-1] + b', "extensions": "x"}',
    "an operationName that is a number": QUERY[:-1] + b', "operationName": 5}',
    "an unknown operationName": QUERY[:-1] + b', "operationName": "Nobody"}',
    "two operations and no name": b'{"query": "query A { __typename } query B { __typename }"}',
    "no operation": b'{"query": "fragment F on Query { __typename }"}',
    "a subscription": b'{"query": "subscription { taskUpdated { id } }"}',
}


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == code
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert error["message"]
    assert "data" not in response.json()


@pytest.mark.parametrize("accept", ["*/*", "application/json", GRAPHQL_JSON])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_no_request(api: Api, name: str, accept: str) -> None:
    response = await api.http.post("/graphql", content=BODIES[name], headers=JSON | {"accept": accept})
    refused(response, 400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonx",
        "application/json; charset=utf-16",
    ],
)
async def test_another_content_type(api: Api, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    refused(await api.http.post("/graphql", content=QUERY, headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_compressed_body(api: Api) -> None:
    headers = JSON | {"content-encoding": "gzip"}
    refused(await api.http.post("/graphql", content=QUERY, headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("content_type", ["application/json", 'Application/JSON; charset="UTF-8"'])
async def test_json_is_taken(api: Api, content_type: str) -> None:
    response = await api.http.post("/graphql", content=QUERY, headers={"content-type": content_type})
    assert response.json()["data"] == {"__typename": "Query"}
    assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_mebibyte_is_the_limit(api: Api) -> None:
    at_the_limit = QUERY + b" " * (2**20 - len(QUERY))
    assert (await api.http.post("/graphql", content=at_the_limit, headers=JSON)).status_code == 200
    refused(
        await api.http.post("/graphql", content=at_the_limit + b" ", headers=JSON), 413, "PAYLOAD_TOO_LARGE"
    )


async def test_the_limit_holds_without_a_content_length(api: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    refused(await api.http.post("/graphql", content=endless(), headers=JSON), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_another_method(api: Api, method: str) -> None:
    response = await api.http.request(method, "/graphql")
    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert {"GET", "POST"} <= set(response.headers["allow"].split(", "))


async def test_a_query_by_get(api: Api) -> None:
    document = "query A($if: Boolean!) { __typename @include(if: $if) } query B { viewer { id } }"
    params = {"query": document, "variables": '{"if": true}', "operationName": "A"}
    response = await api.http.get("/graphql", params=params)
    assert response.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("params", [{}, {"query": ""}, {"query": "{ __typename }", "variables": "{"}])
async def test_a_get_that_is_no_request(api: Api, params: dict[str, str]) -> None:
    refused(await api.http.get("/graphql", params=params), 400, "BAD_REQUEST")


async def test_a_mutation_by_get(api: Api) -> None:
    params = {"query": "mutation { signOut { userErrors { code } } }"}
    response = await api.http.get("/graphql", params=params)
    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


FAILED_REQUESTS = {
    "{": "GRAPHQL_PARSE_FAILED",
    "{ a" * 5_000 + " }" * 5_000: "GRAPHQL_PARSE_FAILED",
    "{ nothingLikeIt }": "GRAPHQL_VALIDATION_FAILED",
    "query ($a: Boolean!) { __typename @include(if: $a) }": "BAD_USER_INPUT",
}


@pytest.mark.parametrize("document", FAILED_REQUESTS, ids=list(FAILED_REQUESTS.values()))
@pytest.mark.parametrize(("accept", "status"), [("application/json", 200), (GRAPHQL_JSON, 400)])
async def test_the_status_follows_the_media_type(api: Api, document: str, accept: str, status: int) -> None:
    answer = await api.run(document, headers={"accept": accept})
    assert answer.status == status
    assert answer.code == FAILED_REQUESTS[document]
    assert "data" not in answer.body
    assert answer.headers["content-type"] == f"{accept}; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/event-stream;q=0.5, application/json", "application/json"),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, application/json;q=0.9", GRAPHQL_JSON),
        (f"application/json, {GRAPHQL_JSON};q=0.5", "application/json"),
        (f"{GRAPHQL_JSON};q=0", "application/json"),
        (f"{GRAPHQL_JSON};q=rubbish", "application/json"),
        (f"{GRAPHQL_JSON};q=nan", "application/json"),
    ],
)
async def test_the_media_type_is_chosen_by_accept(api: Api, accept: str, expected: str) -> None:
    answer = await api.run("{ __typename }", headers={"accept": accept})
    assert answer.data == {"__typename": "Query"}
    assert answer.headers["content-type"] == f"{expected}; charset=utf-8"
    assert "accept" in answer.headers["vary"].lower()


async def test_an_unknown_address(api: Api) -> None:
    refused(await api.http.get("/nothing/here"), 404, "NOT_FOUND")


async def test_error_messages_quote_no_huge_values(api: Api) -> None:
    variables = {"a": ["x" * 1000] * 500}
    answer = await api.run("query ($a: Boolean!) { __typename @include(if: $a) }", variables)
    assert len(json.dumps(answer.body)) < 5000


def _doubling_fragments(levels: int) -> str:
    """Fragments that spread the next one twice: every level doubles what the operation selects."""
    spreads = [
        f"fragment F{n} on Task {{ a: parent {{ ...F{n + 1} }} b: parent {{ ...F{n + 1} }} }}"
        for n in range(levels)
    ]
    return " ".join(
        ['{ task(identifier: "X-1") { ...F0 } }', *spreads, f"fragment F{levels} on Task {{ id }}"]
    )


async def test_fragments_are_counted_as_often_as_they_are_spread(api: Api) -> None:
    answer = await api.run(_doubling_fragments(18))

    assert answer.status == 400
    assert answer.errors[0]["extensions"]["code"] == "TOO_MANY_FIELDS"
    assert "2,000 fields" in answer.errors[0]["message"]


@pytest.mark.parametrize(
    ("document", "argument"),
    [
        (
            'mutation { taskUpdate(id: "x", input: { dueDate: "2026-02-30" }) { task { id } } }',
            "input.dueDate",
        ),
        ('{ tasks(filter: { dueDate: { lt: "x" } }) { nodes { id } } }', "filter.dueDate.lt"),
        ('{ changes(workspaceId: "x", after: "x") { seq } }', "after"),
    ],
)
async def test_a_bad_literal_is_named(api: Api, document: str, argument: str) -> None:
    answer = await api.run(document)

    assert answer.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert answer.errors[0]["message"].startswith(f"{argument}: ")
    assert answer.errors[0]["locations"]


async def test_no_redirect_leads_to_the_host_that_a_client_names(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        for path in ("/graphql/", "/health/ready/", "/metrics/"):
            response = await client.get(path, headers={"Host": "elsewhere.example"})
            assert response.status_code == 404
            assert "location" not in response.headers
