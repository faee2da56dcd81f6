"""TRUSTED_DOCUMENTS: a server that runs the documents of a manifest, and no others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.config import ConfigurationError, load_settings
from app.config.trusted_documents import read_manifest
from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.events import Events
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.sockets import SubscriptionClosed, open_socket

VIEWER = "query Viewer { viewer { id } }"
CREATED = "subscription Created { taskCreated { title } }"
DOCUMENTS = {"viewer-1": VIEWER, "created-1": CREATED}
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": key, "name": "x", "type": "query", "body": text} for key, text in DOCUMENTS.items()
    ],
}
INTROSPECTION = "query IntrospectionQuery { __schema { queryType { name } } }"
ApiOf = Callable[[Server], Api]


@pytest.mark.parametrize("content", [DOCUMENTS, APOLLO], ids=["codegen and Relay", "Apollo"])
def test_manifests_are_read(tmp_path: Path, content: Any) -> None:
    assert read_manifest(written(tmp_path, content)) == DOCUMENTS


@pytest.mark.parametrize(
    "content", [[], {}, "x", None, {"id": 5}, {"format": "apollo-persisted-query-manifest"}, b"{"]
)
def test_what_is_no_manifest_is_told_at_the_start(tmp_path: Path, content: Any) -> None:
    path = written(tmp_path, content)
    for wrong in (path, tmp_path / "nowhere.json"):
        with pytest.raises(ConfigurationError, match="TRUSTED_DOCUMENTS names a"):
            load_settings(trusted_documents=wrong)


async def test_only_what_is_in_the_manifest_runs(
    start_server: StartServer, api_of: ApiOf, person: Person, tmp_path: Path
) -> None:
    server = await start_server(TRUSTED_DOCUMENTS=str(written(tmp_path, DOCUMENTS)))
    api = api_of(server)
    by_extension = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "viewer-1"}}}
    for body in ({"documentId": "viewer-1"}, by_extension, {"query": VIEWER}):
        assert (await api.post(body, token=person.token)).data == {"viewer": {"id": person.id}}, body
    for refused in ({"query": "{ __typename }"}, {"query": INTROSPECTION}, {"documentId": "viewer-2"},
                    {"documentId": "viewer-1", "query": INTROSPECTION}):  # fmt: skip
        answer = await api.post(refused, token=person.token)
        assert (answer.status, answer.code) == (403, "UNTRUSTED_DOCUMENT"), refused
        assert "data" not in answer.body
    page = await api.http.get("/graphql", headers={"accept": "text/html"})
    assert (page.status_code, "page" in page.json()["errors"][0]["message"]) == (400, True)
    await assert_streams(api, server, person)


async def assert_streams(api: Api, server: Server, person: Person) -> None:
    async with open_socket(server.websocket_url, token=person.token) as socket:
        assert await (await socket.subscribe(VIEWER)).data() == {"viewer": {"id": person.id}}
        with pytest.raises(SubscriptionClosed) as closed:
            await (await socket.subscribe("{ __typename }")).next()
        (message,) = closed.value.args
        assert message["payload"][0]["extensions"]["code"] == "UNTRUSTED_DOCUMENT"
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {person.token}"}
    body: Json = {"documentId": "viewer-1"}
    async with api.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        events = Events(response)
        assert await events.data() == {"viewer": {"id": person.id}}
        await events.close()
    refused = await api.http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert refused.status_code == 403


def written(folder: Path, content: Any) -> Path:
    path = folder / "manifest.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path
