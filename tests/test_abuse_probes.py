"""The probes of graphql-cop (https://github.com/dolevf/graphql-cop), each as it sends it, against a server as
it runs in production. `found` is how graphql-cop tells that it has found something.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.harness.leaks import leaks
from tests.harness.server import Server, Servers

Json = dict[str, Any]


@dataclass(frozen=True)
class Probe:
    found: Callable[[Any], object]
    """Given the decoded body, or the text where it is no JSON."""
    code: str
    """Of the refusal."""
    query: str | None = None
    body: object = None
    parameters: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None


def _data(body: Any) -> Json:
    return (body.get("data") or {}) if isinstance(body, dict) else {}


def _errors(body: Any) -> list[Json]:
    return (body.get("errors") or []) if isinstance(body, dict) else []


INTROSPECTION = "query cop { __schema { types { name fields { name } } } }"
CIRCULAR = "query cop { __schema { types " + "{ fields { type " * 4 + "{ name }" + " } }" * 4 + " } }"
PROBES = {
    "alias overloading": Probe(
        query="query cop { " + " ".join(f"alias{number}:__typename" for number in range(101)) + " }",
        found=lambda body: _data(body).get("alias100"),
        code="TOO_MANY_ALIASES",
    ),
    "array-based query batching": Probe(
        body=[{"query": "query cop { __typename }", "operationName": "cop"} for _ in range(10)],
        found=lambda body: isinstance(body, list) and len(body) >= 10,
        code="BATCH_REFUSED",
    ),
    "directive overloading": Probe(
        query="query cop { __typename " + "@aa" * 10 + " }",
        found=lambda body: len(_errors(body)) == 10,
        code="GRAPHQL_VALIDATION_FAILED",
    ),
    "many directives": Probe(
        query="query cop { __typename " + "@include(if: true)" * 100 + " }",
        found=lambda body: _data(body) or len(_errors(body)) > 1,
        code="TOO_MANY_DIRECTIVES",
    ),
    "circular query by introspection": Probe(
        query=CIRCULAR, found=lambda body: _data(body).get("__schema"), code="GRAPHQL_VALIDATION_FAILED"
    ),
    "field duplication": Probe(
        query="query cop { " + "__typename \n" * 500 + " }",
        found=lambda body: _data(body).get("__typename"),
        code="TOO_MANY_ROOT_FIELDS",
    ),
    "introspection": Probe(
        query=INTROSPECTION, found=lambda body: _data(body).get("__schema"), code="GRAPHQL_VALIDATION_FAILED"
    ),
    "field suggestions": Probe(
        query="query cop { __schema { directive } }",
        found=lambda body: "did you mean" in json.dumps(body).lower(),
        code="GRAPHQL_VALIDATION_FAILED",
    ),
    "suggestions of our own fields": Probe(
        query="query cop { taskz { id } }",
        found=lambda body: "did you mean" in json.dumps(body).lower() or "tasks" in json.dumps(body),
        code="GRAPHQL_VALIDATION_FAILED",
    ),
    "mutation by GET": Probe(
        parameters={"query": "mutation cop {__typename}"},
        found=lambda body: _data(body).get("__typename"),
        code="METHOD_NOT_ALLOWED",
    ),
    "query by a POST of a form": Probe(
        form={"query": "query cop {__typename}"},
        found=lambda body: _data(body).get("__typename"),
        code="UNSUPPORTED_MEDIA_TYPE",
    ),
    "unhandled error": Probe(
        query="qwerty cop { abc }",
        found=lambda body: any("exception" in error.get("extensions", {}) for error in _errors(body)),
        code="GRAPHQL_PARSE_FAILED",
    ),
}


@pytest.fixture(scope="module")
async def production(servers: Servers, server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """As operators start it; nothing but the stores and the limits of the number of requests is given."""
    env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    started = servers.start({**env, "NODE_ENV": "production", "LOG_LEVEL": "error"})
    await started.wait_ready()
    async with httpx.AsyncClient(base_url=started.url, timeout=30) as client:
        yield client
    started.stop()


@pytest.mark.parametrize("name", PROBES)
async def test_probe(production: httpx.AsyncClient, name: str) -> None:
    probe = PROBES[name]
    if probe.parameters is not None:
        response = await production.get("/graphql", params=probe.parameters)
    elif probe.form is not None:
        response = await production.post("/graphql", data=probe.form)
    else:
        body = probe.body or {"query": probe.query, "operationName": "cop"}
        response = await production.post("/graphql", json=body)
    answer = response.json()
    assert not probe.found(answer), answer
    assert 400 <= response.status_code < 500 or "errors" in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} == {probe.code}
    assert not leaks(response.text, sent=str(probe))


async def test_one_fault_in_many_places_is_one_error(production: httpx.AsyncClient) -> None:
    query = PROBES["directive overloading"].query
    [error] = (await production.post("/graphql", json={"query": query})).json()["errors"]
    assert error["message"] == "Unknown directive '@aa'."
    assert len(error["locations"]) == 10


async def test_probe_of_trace_mode(production: httpx.AsyncClient) -> None:
    """Apollo's tracing and what a development server tells of its statements."""
    response = await production.post("/graphql", json={"query": "query cop { __typename }"})
    extensions = response.json().get("extensions", {})
    assert extensions.keys() <= {"cost"}
    assert "tracing" not in response.text


async def test_probe_of_the_get_method(production: httpx.AsyncClient) -> None:
    """Queries may come by GET, which the specification allows; graphql-cop notes that as possible CSRF.

    A page of another site cannot have a browser send it: not by a link, an image or a form.
    """
    parameters = {"query": "query cop {__typename}"}
    for mode in ("navigate", "no-cors"):
        response = await production.get("/graphql", params=parameters, headers={"sec-fetch-mode": mode})
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "CSRF_PREVENTION"


@pytest.mark.parametrize(
    "path", ["/", "/graphql", "/graphiql", "/playground", "/console", "/graphql/console"]
)
async def test_probe_of_an_ide(production: httpx.AsyncClient, path: str) -> None:
    response = await production.get(path, headers={"accept": "text/html"})
    assert response.status_code >= 400
    for word in ("graphiql", "graphql-playground", "GraphQL Playground", "apollo"):
        assert word.lower() not in response.text.lower()


async def test_development_is_what_the_probes_find(server: Server) -> None:
    """So that the probes are known to find something where it is."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        for name in ("introspection", "field suggestions"):
            response = await client.post("/graphql", json={"query": PROBES[name].query})
            assert PROBES[name].found(response.json()), name
