"""taskCreated and taskUpdated over graphql-transport-ws."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from websockets.asyncio.client import connect

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server, Servers
from tests.harness.sockets import PROTOCOL, Socket, Subscription, SubscriptionClosed, open_socket
from tests.live import CREATED, UPDATED, drain, follow, socket_of

SignUp = Callable[..., Awaitable[Person]]
ApiOf = Callable[[Server], Api]
TASK_UPDATE = """
mutation ($id: ID!, $input: TaskUpdateInput!) {
  taskUpdate(id: $id, input: $input) { task { id version } userErrors { code message field } }
}"""
TASK_VERB = """
mutation ($id: ID!) {{ {verb}(id: $id) {{ task {{ id }} userErrors {{ code message field }} }} }}"""
MEMBER_REMOVE = """
mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code message field } } }"""
SIGN_OUT = "mutation { signOut { userErrors { code message field } } }"
COMMENT = """
mutation ($input: CommentCreateInput!) {
  commentCreate(input: $input) { userErrors { code message field } }
}"""
NOWHERE = "0190a5d2-7c00-7000-8000-000000000000"


@pytest.fixture(scope="module")
async def elsewhere(server: Server, servers: Servers) -> AsyncIterator[Server]:
    """A second process on the same stores."""
    second = servers.start({name: value for name, value in server.env.items() if name != "APP_PORT"})
    await second.wait_ready()
    yield second
    second.stop()


async def ended(subscription: Subscription) -> str:
    """How the server ended it: "complete" or the code of its error."""
    with pytest.raises(SubscriptionClosed) as closed:
        await subscription.next()
    message = closed.value.args[0]
    return str(message["payload"][0]["extensions"]["code"] if message["type"] == "error" else message["type"])


async def test_a_created_task_reaches_a_subscriber_of_another_process(
    elsewhere: Server, person: Person
) -> None:
    async with socket_of(elsewhere, person) as socket:
        subscription = await follow(socket, person, person.project_id)
        for title in ("one", "two", "three"):
            await person.task(title)
        received = [(await subscription.data())["taskCreated"]["title"] for _ in range(3)]
        assert received == ["one", "two", "three"]
        await subscription.nothing()


async def test_every_change_of_a_task_reaches_a_subscriber_of_another_process(
    elsewhere: Server, person: Person
) -> None:
    task = await person.task("before")
    other = await person.task("another")
    async with socket_of(elsewhere, person) as socket:
        created = await follow(socket, person, person.project_id)
        updated = await socket.subscribe(UPDATED, {"taskId": task["id"]}, settle=0.5)
        await person.create(TASK_UPDATE, {"id": other["id"], "input": {"title": "not this one"}})
        await person.create(TASK_UPDATE, {"id": task["id"], "input": {"title": "after"}})
        assert (await updated.data())["taskUpdated"]["title"] == "after"
        await person.create(TASK_VERB.format(verb="taskComplete"), {"id": task["id"]})
        assert (await updated.data())["taskUpdated"]["status"]["name"] == "Done"
        for verb in ("taskReopen", "taskArchive", "taskUnarchive", "taskDelete", "taskRestore"):
            await person.create(TASK_VERB.format(verb=verb), {"id": task["id"]})
            assert (await updated.data())["taskUpdated"]["id"] == task["id"], verb
        # A comment is no change of the task.
        await person.create(COMMENT, {"input": {"taskId": task["id"], "body": "Hello"}})
        await updated.nothing()
        await created.nothing(0.1)


async def test_without_a_project_all_of_the_viewers_workspaces_are_followed(
    elsewhere: Server, person: Person, stranger: Person
) -> None:
    workspace = await person.workspace()
    project = await person.project(workspace["id"])
    async with socket_of(elsewhere, person) as socket:
        subscription = await follow(socket, person, person.project_id, everywhere=True)
        only_one = await follow(socket, person, project["id"])
        await drain(subscription, (await person.task("both are active"))["id"])
        await stranger.task("not to be seen")
        await person.task("in the personal workspace")
        await person.task("in the other", project["id"])
        titles = {(await subscription.data())["taskCreated"]["title"] for _ in range(2)}
        assert titles == {"in the personal workspace", "in the other"}
        assert (await only_one.data())["taskCreated"]["title"] == "in the other"
        await subscription.nothing(0.3)


async def test_an_update_that_changes_nothing_is_no_event(elsewhere: Server, person: Person) -> None:
    task = await person.task("same")
    async with socket_of(elsewhere, person) as socket:
        updated = await socket.subscribe(UPDATED, {"projectId": person.project_id}, settle=0.5)
        await person.create(TASK_UPDATE, {"id": task["id"], "input": {"title": "same"}})
        await updated.nothing()
        await person.create(TASK_UPDATE, {"id": task["id"], "input": {"title": "other"}})
        assert (await updated.data())["taskUpdated"]["version"] == task["version"] + 1


@pytest.mark.parametrize("argument", ["projectId", "taskId"])
async def test_ids_malformed_unknown_and_foreign_answer_alike(
    socket: Socket, stranger: Person, argument: str
) -> None:
    foreign = stranger.project_id if argument == "projectId" else (await stranger.task())["id"]
    answers = []
    for value in ("", "nonsense", NOWHERE, foreign, NOWHERE.upper()):
        subscription = await socket.subscribe(UPDATED, {argument: value})
        with pytest.raises(SubscriptionClosed) as closed:
            await subscription.next()
        (error,) = closed.value.args[0]["payload"]
        error["extensions"].pop("requestId")
        answers.append(error)
    assert answers[0]["extensions"] == {"code": "NOT_FOUND"}
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("document", [CREATED, UPDATED])
async def test_without_a_token_nothing_is_followed(server: Server, document: str) -> None:
    async with open_socket(server.websocket_url) as socket:
        assert await ended(await socket.subscribe(document)) == "UNAUTHENTICATED"


async def test_a_removed_member_gets_null_once_and_the_end(
    elsewhere: Server, person: Person, stranger: Person
) -> None:
    member = await person.add_member(stranger)
    async with socket_of(elsewhere, stranger) as socket:
        subscription = await follow(socket, person, person.project_id)
        everything = await follow(socket, person, person.project_id, everywhere=True)
        await drain(subscription, (await person.task("both are active"))["id"])
        await asyncio.gather(
            person.create(MEMBER_REMOVE, {"id": member["id"]}),
            *(person.task(f"meanwhile {number}") for number in range(5)),
        )
        await person.task("not to be seen")
        received = [(await subscription.data())["taskCreated"]]
        while received[-1] is not None:
            received.append((await subscription.data())["taskCreated"])
        assert await ended(subscription) == "complete"
        assert "not to be seen" not in [task["title"] for task in received if task]
        # The other one goes on in the workspace that is left.
        while (await everything.data())["taskCreated"] is not None:
            pass
        await stranger.task("mine")
        assert (await everything.data())["taskCreated"]["title"] == "mine"


async def test_signing_out_ends_the_subscription_with_the_next_event(
    elsewhere: Server, person: Person, stranger: Person
) -> None:
    await person.add_member(stranger)
    async with socket_of(elsewhere, stranger) as socket:
        subscription = await follow(socket, person, person.project_id)
        await stranger.create(SIGN_OUT, {})
        await person.task("not to be seen")
        payload = await subscription.next()
        assert payload["data"] is None
        assert payload["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await ended(subscription) == "complete"


async def test_an_access_token_that_expires_ends_the_subscription(
    start_server: StartServer, api_of: ApiOf, person: Person
) -> None:
    short_lived = await start_server(JWT_EXPIRY="2s")
    answer = await api_of(short_lived).run(
        "mutation ($token: String!) { tokenRefresh(refreshToken: $token) { accessToken } }",
        {"token": person.refresh_token},
    )
    token = answer.data["tokenRefresh"]["accessToken"]
    async with open_socket(short_lived.websocket_url, token=token) as socket:
        subscription = await socket.subscribe(CREATED)
        payload = await subscription.next(8)
        assert payload["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_client_that_reads_nothing_is_ended_and_costs_bounded_memory(
    elsewhere: Server, person: Person, sql: asyncpg.Pool
) -> None:
    task = await person.task("x" * 500, description="y" * 20_000)
    document = "subscription ($id: ID) { taskUpdated(taskId: $id) { title description } }"
    async with connect(
        elsewhere.websocket_url, subprotocols=[PROTOCOL], max_queue=1, ping_interval=None
    ) as raw:
        await raw.send(
            json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {person.token}"}})
        )
        await raw.recv()
        payload = {"query": document, "variables": {"id": task["id"]}}
        await raw.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        await asyncio.sleep(1)
        for _ in range(12):
            await append_updates(sql, person, task["id"], 500)
            await person.task("wakes the readers")
        before = resident_megabytes(elsewhere)
        assert before > 0
        for _ in range(40):
            await append_updates(sql, person, task["id"], 500)
            await person.task("wakes the readers")
        assert resident_megabytes(elsewhere) < before + 20
        messages = [json.loads(await asyncio.wait_for(raw.recv(), 10))]
        while messages[-1]["type"] != "complete":
            messages.append(json.loads(await asyncio.wait_for(raw.recv(), 10)))
    *answers, failure, _ = messages
    assert all(message["payload"]["data"]["taskUpdated"] for message in answers)
    assert failure["payload"]["errors"][0]["extensions"]["code"] == "SUBSCRIBER_TOO_SLOW"


async def append_updates(sql: asyncpg.Pool, person: Person, task_id: str, count: int) -> None:
    """Events of updates, more of them than writing through the API would give."""
    await sql.execute(
        """
        WITH counter AS (
            UPDATE workspace_counters SET seq = seq + $3 WHERE workspace_id = $1 RETURNING seq - $3 AS seq
        )
        INSERT INTO events (id, workspace_id, seq, type, entity_type, entity_id, project_id, task_id, changes)
        SELECT gen_random_uuid(), $1, counter.seq + number, 'task.updated', 'task', $2, $4, $2, '[]'
        FROM counter, generate_series(1, $3::int) AS number
        """,
        person.workspace_id,
        task_id,
        count,
        person.project_id,
    )


def resident_megabytes(server: Server) -> float:
    """Of the server's processes: those of its process group, as proc(5) tells."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            pages += int(fields[21]) if int(fields[2]) == server.process.pid else 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
