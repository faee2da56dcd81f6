"""/metrics: the guide's six, by name and type, with labels whose number is bounded."""

import re
import secrets

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.sockets import open_socket

TYPES = {
    "taskflow_http_requests_total": "counter",
    "taskflow_http_duration_seconds": "histogram",
    "taskflow_active_connections": "gauge",
    "taskflow_db_query_duration_seconds": "histogram",
    "taskflow_tasks_created_total": "counter",
    "taskflow_tasks_completed_total": "counter",
}


async def read(api: Api) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = await api.http.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def value(api: Api, name: str, **labels: str) -> float:
    return (await read(api)).get((name, frozenset(labels.items())), 0.0)


@pytest.mark.parametrize("name", TYPES)
async def test_the_guides_names_and_types(api: Api, person: Person, name: str) -> None:
    text = (await api.http.get("/metrics")).text
    assert f"# TYPE {name} {TYPES[name]}\n" in text
    assert re.search(rf"^# HELP {name} \S", text, re.MULTILINE)
    assert re.search(rf"^{name}(_count)?[ {{]", text, re.MULTILINE)


async def test_the_format_follows_accept(api: Api) -> None:
    plain = await api.http.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    accept = {"accept": "application/openmetrics-text;version=1.0.0"}
    openmetrics = await api.http.get("/metrics", headers=accept)
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


async def test_requests_count_by_the_routes_template(api: Api) -> None:
    labels = {"method": "POST", "path": "/graphql", "status": "200"}
    before = await value(api, "taskflow_http_requests_total", **labels)
    timed = await value(api, "taskflow_http_duration_seconds_count", method="POST", path="/graphql")
    await api.run("{ __typename }")
    assert await value(api, "taskflow_http_requests_total", **labels) == before + 1
    after = await value(api, "taskflow_http_duration_seconds_count", method="POST", path="/graphql")
    assert after == timed + 1


async def test_nobody_can_make_labels(api: Api) -> None:
    await api.http.get("/graphql/static/index.html")
    await api.http.get("/made-up")
    before = set(await read(api))
    for _ in range(5):
        made_up = secrets.token_hex(8)
        await api.http.get(f"/{made_up}")
        await api.http.get(f"/graphql/static/{made_up}", params={made_up: made_up})
        await api.http.request("OPTIONS", f"/{made_up}/{made_up}")
        await api.run(f"query {made_up.replace('0', 'a')} {{ x: __typename }}")
    new = {name for name in set(await read(api)) - before if "path" in dict(name[1])}
    paths = {dict(labels)["path"] for _, labels in new}
    assert paths <= {"(unmatched)", "/graphql/static", "/graphql"}


async def test_statements_count_by_their_label(api: Api, person: Person) -> None:
    await person.run("{ viewer { id } }")
    statements = {
        dict(labels)["statement"]
        for name, labels in await read(api)
        if name == "taskflow_db_query_duration_seconds_count"
    }
    assert "Viewer.load" in statements
    assert all(re.fullmatch(r"[\w.,:/ -]{1,80}", label) for label in statements), statements


async def test_open_sockets_count(api: Api, server: Server, person: Person) -> None:
    before = await value(api, "taskflow_active_connections")
    async with open_socket(server.websocket_url, token=person.token):
        assert await value(api, "taskflow_active_connections") == before + 1
    assert await value(api, "taskflow_active_connections") == before


CREATE = """
mutation ($input: TaskCreateInput!, $key: String, $only: Boolean) {
  taskCreate(input: $input, idempotencyKey: $key, validateOnly: $only) { task { id } userErrors { code } }
}"""
COMPLETE = "mutation ($id: ID!) { taskComplete(id: $id) { userErrors { code } } }"


async def test_tasks_count_once_they_are_committed(api: Api, person: Person) -> None:
    name = "taskflow_tasks_created_total"
    before = await value(api, name)
    task = {"projectId": person.project_id, "title": "Water the plants"}
    for variables in (
        {"input": task, "only": True},
        {"input": task, "key": "once"},
        {"input": task, "key": "once"},
        {"input": task | {"title": ""}},
    ):
        assert not (await person.run(CREATE, variables)).errors
    assert await value(api, name) == before + 1


async def test_tasks_count_when_they_become_complete(api: Api, person: Person) -> None:
    name = "taskflow_tasks_completed_total"
    before = await value(api, name)
    task = await person.task()
    for _ in range(2):
        assert not (await person.run(COMPLETE, {"id": task["id"]})).errors
    assert await value(api, name) == before + 1
