"""What helps developers is on in development, and in production only where its setting says so."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Answer, Api
from tests.harness.people import sign_up
from tests.harness.server import Server, Servers

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
INTROSPECTION = "{ __schema { queryType { name } } }"
MISSPELT = "{ viewer { nam } }"
ApiOf = Callable[[Server], Api]


@pytest.fixture(scope="module")
async def production_server(server: Server, servers: Servers) -> AsyncIterator[Server]:
    env = {**server.env, "NODE_ENV": "production"}
    for name in ("APP_PORT", "ERROR_DETAIL"):
        env.pop(name)
    if "REDIS_URL" not in env:
        pytest.skip("needs Redis, which production requires")
    started = servers.start(env)
    await started.wait_ready()
    yield started
    started.stop()


@pytest.fixture
def production(production_server: Server, api_of: ApiOf) -> Api:
    return api_of(production_server)


async def test_all_is_on_in_development(api: Api) -> None:
    assert (await api.run(INTROSPECTION)).data == {"__schema": {"queryType": {"name": "Query"}}}
    assert (await api.http.get("/graphql", headers=BROWSER)).status_code == 200
    assert "Did you mean 'name'" in (await api.run(MISSPELT)).error["message"]


async def test_introspection_is_off_in_production(production: Api) -> None:
    for document in (
        INTROSPECTION,
        '{ __type(name: "Task") { name } }',
        "{ ...F } fragment F on Query { " + INTROSPECTION[1:],
    ):
        answer = await production.run(document)
        assert answer.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "introspection has been disabled" in answer.errors[0]["message"]
        assert "data" not in answer.body
    assert (await production.run("{ __typename }")).data == {"__typename": "Query"}


async def test_graphiql_is_off_in_production(production: Api) -> None:
    page = await production.http.get("/graphql", headers=BROWSER)
    assert (page.status_code, page.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert "page" in page.json()["errors"][0]["message"]
    file = await production.http.get("/graphql/static/index.html", headers=BROWSER)
    assert (file.status_code, file.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")


async def test_without_graphiql_a_query_that_accepts_html_too_is_run(production: Api) -> None:
    query = {"query": "{ __typename }"}
    for accept in (BROWSER["accept"], "text/html, application/*", "text/html, application/json;q=0.5"):
        answer = await production.http.get("/graphql", params=query, headers={"accept": accept})
        assert (answer.status_code, answer.json()) == (200, answer.json() | {"data": {"__typename": "Query"}})
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
    refused = await production.http.get("/graphql", params=query, headers={"accept": "text/html"})
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (406, "BAD_REQUEST")
    opened = BROWSER | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    page = await production.http.get("/graphql", headers=opened)
    assert (page.status_code, "page" in page.json()["errors"][0]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (MISSPELT, {}),
        ("{ viewr { id } }", {}),
        ("{ tasks(frst: 1) { totalCount } }", {}),
        ("{ viewer { ... on Usr { id } } }", {}),
        ("{ tasks(sort: [{field: PRIORITI}]) { totalCount } }", {}),
        ("query ($f: TaskFilter) { tasks(filter: $f) { totalCount } }", {"f": {"titel": {"eq": "x"}}}),
        ("query ($s: [TaskSort!]) { tasks(sort: $s) { totalCount } }", {"s": [{"field": "PRIORITI"}]}),
        ("query ($f: TaskFiltr) { tasks(filter: $f) { totalCount } }", {}),
    ],
)
async def test_names_are_not_suggested_in_production(
    api: Api, production: Api, document: str, variables: dict[str, object]
) -> None:
    suggested = await api.run(document, variables)
    assert "Did you mean" in suggested.errors[0]["message"]
    bare = await production.run(document, variables)
    assert [error["message"] for error in bare.errors] == [
        re.sub(r" Did you mean [^?]*\?", "", error["message"]) for error in suggested.errors
    ]


async def test_each_is_on_in_production_where_it_is_set(start_server: StartServer, api_of: ApiOf) -> None:
    switches = dict.fromkeys(("INTROSPECTION", "GRAPHIQL", "SUGGESTIONS"), "true")
    api = api_of(await start_server(NODE_ENV="production", **switches))
    assert (await api.run(INTROSPECTION)).data
    assert (await api.http.get("/graphql", headers=BROWSER)).status_code == 200
    assert "Did you mean" in (await api.run(MISSPELT)).error["message"]


async def test_each_is_off_in_development_where_it_is_set(start_server: StartServer, api_of: ApiOf) -> None:
    switches = dict.fromkeys(("INTROSPECTION", "GRAPHIQL", "SUGGESTIONS"), "false")
    api = api_of(await start_server(**switches))
    assert "introspection has been disabled" in (await api.run(INTROSPECTION)).errors[0]["message"]
    assert (await api.http.get("/graphql", headers=BROWSER)).status_code == 400
    assert "Did you mean" not in (await api.run(MISSPELT)).error["message"]


async def test_an_internal_error_is_masked_and_its_id_finds_the_log_line(
    start_server: StartServer, api_of: ApiOf, new_database: Callable[..., Awaitable[str]]
) -> None:
    server = await start_server(NODE_ENV="production", DATABASE_URL=await new_database(), ERROR_DETAIL=None)
    answer = await broken(server, api_of)
    assert set(answer.error["extensions"]) == {"code", "requestId"}
    assert "title" not in str(answer.error["message"])
    assert "title" not in str(answer.body["extensions"])
    lines = [line for line in server.output().splitlines() if answer.error["extensions"]["requestId"] in line]
    [line] = [line for line in lines if "UndefinedColumnError" in line]
    assert '"path":"tasks.nodes"' in line


async def test_development_tells_the_cause(
    start_server: StartServer, api_of: ApiOf, new_database: Callable[..., Awaitable[str]]
) -> None:
    server = await start_server(DATABASE_URL=await new_database(), ERROR_DETAIL=None)
    told = (await broken(server, api_of)).error["extensions"]["exception"]
    assert told[0].startswith("Traceback")
    assert "UndefinedColumnError" in told[-1]


async def broken(server: Server, api_of: ApiOf) -> Answer:
    """The answer of a server whose database lacks a column that it reads."""
    person = await sign_up(api_of(server))
    connection = await asyncpg.connect(server.database_url)
    await connection.execute('ALTER TABLE "tasks" RENAME COLUMN "title" TO "heading"')
    await connection.close()
    answer = await person.run("{ tasks { nodes { title } } }")
    assert answer.code == "INTERNAL_SERVER_ERROR"
    return answer
