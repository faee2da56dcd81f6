"""Automatic persisted queries: a document's SHA-256 instead of it, once the server knows it."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.infra.redis import Redis
from app.web.errors import RequestError
from app.web.graphql_request import GraphQLRequest
from app.web.stored_documents import MAX_KEPT, MAX_LENGTH, MAX_SHARED, PersistedQueries
from tests.conftest import StartServer
from tests.harness import npm
from tests.harness.client import Answer, Api, Json
from tests.harness.events import Events
from tests.harness.limited import limited_server, seen_from
from tests.harness.own_redis import OwnRedis
from tests.harness.people import Person, unique
from tests.harness.server import Server, Servers
from tests.harness.sockets import Subscription, open_socket
from tests.harness.stores import Stores

ApiOf = Callable[[Server], Api]


def new_document() -> str:
    """One that no server has seen."""
    return f"{{ {unique('a').replace('-', '_')}: __typename }}"


def sha256(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def apollo(digest: object, **fields: object) -> Json:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}, **fields}


def assert_not_found(answer: Answer, status: int = 200) -> None:
    assert answer.status == status
    assert (answer.code, answer.error["message"]) == ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
    assert "data" not in answer.body


async def test_a_document_is_sent_once(api: Api) -> None:
    document = new_document()
    hashed = apollo(sha256(document))
    assert_not_found(await api.post(hashed))
    first = await api.post(hashed | {"query": document})
    assert set(first.data.values()) == {"Query"}
    assert (await api.post(hashed)).data == first.data
    assert (await api.post({"documentId": sha256(document)})).data == first.data
    assert (await api.post({"documentId": f"sha256:{sha256(document)}"})).data == first.data


async def test_the_status_of_an_unknown_one_follows_the_media_type(api: Api) -> None:
    hashed = apollo(sha256(new_document()))
    for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
        assert_not_found(await api.post(hashed, headers={"accept": accept}), status)
        params = {"extensions": json.dumps(hashed["extensions"])}
        response = await api.http.get("/graphql", params=params, headers={"accept": accept})
        assert_not_found(Answer(response.status_code, response.headers, response.json()), status)


async def test_an_unknown_one_is_told_in_a_stream(api: Api) -> None:
    hashed = apollo(sha256(new_document()))
    headers = {"accept": "text/event-stream"}
    async with api.http.stream("POST", "/graphql", json=hashed, headers=headers) as response:
        events = Events(response)
        event = await events.next()
        assert event is not None
        assert event[1]["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        assert await events.next() == ("complete", None)
        await events.close()


async def test_two_ids_are_of_one_document(api: Api) -> None:
    document = new_document()
    both = apollo(sha256(document), documentId=f"sha256:{sha256(document)}")
    assert set((await api.post(both | {"query": document})).data.values()) == {"Query"}
    assert (await api.post(both)).data
    refused = await api.post(both | {"documentId": sha256(new_document())})
    assert (refused.status, refused.code) == (400, "BAD_REQUEST")
    assert "`documentId`" in refused.error["message"]
    assert "`extensions.persistedQuery.sha256Hash`" in refused.error["message"]


async def test_by_get(api: Api) -> None:
    document = new_document()
    hashed = {"extensions": json.dumps(apollo(sha256(document))["extensions"])}
    assert (await api.http.get("/graphql", params=hashed)).json()["errors"][0][
        "message"
    ] == "PersistedQueryNotFound"
    known = await api.http.get("/graphql", params=hashed | {"query": document})
    assert (await api.http.get("/graphql", params=hashed)).json()["data"] == known.json()["data"]
    by_id = await api.http.get("/graphql", params={"documentId": sha256(document)})
    assert by_id.json()["data"] == known.json()["data"]


async def test_over_every_transport(api: Api, server: Server, person: Person) -> None:
    document = f"query {unique('Q').replace('-', '_')} {{ viewer {{ id }} }}"
    hashed = apollo(sha256(document))
    async with open_socket(server.websocket_url, token=person.token) as socket:
        unknown = await subscribe(socket, hashed)
        refused = await unknown.messages.get()
        assert refused["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        assert await (await subscribe(socket, hashed | {"query": document})).data() == {
            "viewer": {"id": person.id}
        }
        assert await (await subscribe(socket, hashed)).data() == {"viewer": {"id": person.id}}
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {person.token}"}
    async with api.http.stream("POST", "/graphql", json=hashed, headers=headers) as response:
        events = Events(response)
        assert await events.data() == {"viewer": {"id": person.id}}
        await events.close()


@pytest.mark.parametrize(
    "body",
    [
        apollo(sha256("{ __typename }"), query="{ other: __typename }"),
        {"documentId": sha256("{ __typename }"), "query": "{ other: __typename }"},
        apollo("abc"),
        apollo("A" * 64),
        apollo(5),
        apollo(None),
        {"documentId": 5},
        {"documentId": ""},
        {"documentId": "x" * 1_000},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}}},
        {"extensions": {"persistedQuery": "0" * 64}},
    ],
)
async def test_a_wrong_hash(api: Api, body: Json) -> None:
    answer = await api.post(body)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert "data" not in answer.body


async def test_an_invalid_document_is_not_kept(api: Api) -> None:
    document = new_document().replace("__typename", "nowhere")
    hashed = apollo(sha256(document))
    assert (await api.post(hashed | {"query": document})).code == "GRAPHQL_VALIDATION_FAILED"
    assert_not_found(await api.post(hashed))


async def test_servers_share_what_one_has_learnt(
    server: Server, api: Api, start_server: StartServer, api_of: ApiOf
) -> None:
    if "REDIS_URL" not in server.env:
        pytest.skip("needs Redis")
    document = new_document()
    known = await api.post(apollo(sha256(document), query=document))
    other = api_of(await start_server())
    assert (await other.post(apollo(sha256(document)))).data == known.data


async def test_without_redis_each_server_knows_its_own(
    start_server: StartServer, api_of: ApiOf, tmp_path: Path
) -> None:
    redis = OwnRedis(tmp_path)
    api = api_of(await start_server(REDIS_URL=redis.url))
    redis.kill()
    document = new_document()
    assert_not_found(await api.post(apollo(sha256(document))))
    known = await api.post(apollo(sha256(document), query=document))
    assert (await api.post(apollo(sha256(document)))).data == known.data


async def test_what_is_kept_is_bounded_and_expires(redis_url: str) -> None:
    redis = Redis(redis_url)
    persisted = PersistedQueries(redis)
    for number in range(MAX_KEPT + 10):
        persisted.keep(request(f"{{ a{number}: __typename }}"))
    assert len(persisted._kept) == MAX_KEPT
    left = await redis.run_script(
        "return redis.call('TTL', KEYS[1])", [f"taskflow:document:{sha256('{ a0: __typename }')}"]
    )
    assert left is not None
    assert 0 < left <= 24 * 60 * 60
    # The oldest has gone from here, and comes back from Redis.
    assert (await persisted.resolve(request("{ a0: __typename }", send=False))).query == "{ a0: __typename }"
    long = "{ __typename }" + " " * MAX_LENGTH
    persisted.keep(request(long))
    with pytest.raises(RequestError, match="PersistedQueryNotFound"):
        await persisted.resolve(request(long, send=False))
    await redis.stop()


async def test_redis_keeps_a_bounded_number_for_all(redis_url: str) -> None:
    redis = Redis(redis_url)
    persisted = PersistedQueries(redis)
    for number in range(MAX_SHARED):
        persisted.keep(request(f"{{ a{number}: __typename }}"))
    # Times are in whole seconds: what is asked for again must not be of the same one.
    asked, count = "{ a0: __typename }", "return redis.call('ZCARD', KEYS[1])"
    earlier = """
        local keys = redis.call('ZRANGE', KEYS[1], 0, -1)
        for _, key in ipairs(keys) do redis.call('ZINCRBY', KEYS[1], -9, key) end
        return 1
    """
    assert await redis.run_script(count, ["taskflow:documents"]) == MAX_SHARED
    await redis.run_script(earlier, ["taskflow:documents"])
    another = PersistedQueries(redis)
    assert (await another.resolve(request(asked, send=False))).query == asked
    for more in range(MAX_SHARED, MAX_SHARED + 10):
        persisted.keep(request(f"{{ a{more}: __typename }}"))
    assert await redis.run_script(count, ["taskflow:documents"]) == MAX_SHARED
    keys = await redis.run_script("return #redis.call('KEYS', 'taskflow:document:*')", [])
    assert keys == MAX_SHARED
    assert (await PersistedQueries(redis).resolve(request(asked, send=False))).query == asked
    await redis.stop()


async def test_what_is_refused_is_not_kept(
    server: Server, servers: Servers, stores: Stores, api_of: ApiOf
) -> None:
    limits = {"RATE_LIMIT_MAX": "1", "RATE_LIMIT_WINDOW": "60000"}
    async with limited_server(server, servers, stores, limits) as started:
        api, document = seen_from(api_of(started)), new_document()
        assert (await api.run("{ __typename }")).status == 200
        other = seen_from(api_of(started))
        assert (await api.post(apollo(sha256(document), query=document))).status == 429
        assert_not_found(await other.post(apollo(sha256(document))))


async def test_what_redis_holds_is_checked(redis_url: str) -> None:
    redis = Redis(redis_url)
    key = f"taskflow:document:{sha256('{ __typename }')}"
    await redis.run_script("return redis.call('SET', KEYS[1], ARGV[1])", [key], ["{ viewer { email } }"])
    with pytest.raises(RequestError, match="PersistedQueryNotFound"):
        await PersistedQueries(redis).resolve(request("{ __typename }", send=False))
    await redis.stop()


@pytest.mark.node
@pytest.mark.skipif(not (npm.NPM / "node_modules" / "@apollo").exists(), reason="needs tests/npm")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("accept", "unknown"),
    [("application/graphql-response+json,application/json;q=0.9", 400), ("application/json", 200)],
    ids=["as Apollo Client sends it", "JSON"],
)
async def test_apollo_client(method: str, accept: str, unknown: int, server: Server, person: Person) -> None:
    name = unique("n").replace("-", "_")
    process = await asyncio.create_subprocess_exec(
        "node", "persisted.mjs", f"{server.url}/graphql", person.token, method, name, accept, cwd=npm.NPM,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, wrong = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, wrong.decode()
    assert json.loads(printed) == {
        "answers": [person.id, person.id],
        "sent": [
            {"method": method, "query": False, "status": unknown},
            {"method": "POST", "query": True, "status": 200},
            {"method": method, "query": False, "status": 200},
        ],
    }


def request(document: str, *, send: bool = True) -> GraphQLRequest:
    return GraphQLRequest(document if send else "", None, None, sha256(document))


async def subscribe(socket: Any, payload: Json) -> Subscription:
    """With any payload, not only a query."""
    subscription = Subscription(socket, unique("operation"))
    socket._subscriptions[subscription.id] = subscription
    await socket.send({"id": subscription.id, "type": "subscribe", "payload": payload})
    return subscription
