"""No mail is lost and none sent twice without need, whichever process dies or stops."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from app.domain.outbox import LEASE
from app.infra.mail import SECONDS
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.mail import NEWEST, Post, is_finished, is_put_back
from tests.harness.people import sign_up
from tests.harness.server import Server
from tests.harness.taskflow import descendants, eventually, living

VERIFY = "mutation ($token: String!) { emailVerify(token: $token) { email userErrors { code } } }"


@pytest.fixture
def another(post: Post, start_server: StartServer) -> Callable[[], Awaitable[Server]]:
    """Starts one more server process on the same stores, with the same SMTP server."""

    async def start() -> Server:
        same = {
            name: value for name, value in post.server.env.items() if name not in ("APP_PORT", "REDIS_URL")
        }
        return await start_server(**same)

    return start


def test_a_lease_outlasts_an_attempt() -> None:
    assert timedelta(seconds=2 * SECONDS) < LEASE


async def test_killed_while_it_sends(post: Post, another: Callable[[], Awaitable[Server]]) -> None:
    """The process that has taken the mail dies before the SMTP server has answered."""
    async with _alone(post, another) as (server, api):
        post.mail.on_data = held = _Held("451 4.3.0 interrupted")
        person = await sign_up(api)
        await held.until_killed(server)
        post.mail.on_data = None
        row = await post.sql.fetchrow(NEWEST, person.id)
        assert (row["attempts"], row["finished_at"]) == (1, None)
        assert not is_put_back(row)
        assert row["due_at"] > await post.sql.fetchval("SELECT now()")
        assert post.mail.to(person.email) == []
        await another()
        await post.clock_of_outbox()
        mail = await post.mail.wait_for(person.email)
    assert await verifies(post.api, mail.token) == person.email


async def test_killed_between_the_last_reply_and_the_note_of_it(
    post: Post, another: Callable[[], Awaitable[Server]]
) -> None:
    """It is sent again: the double has the same Message-ID, and the link of either is good."""
    async with _alone(post, another) as (server, api):
        post.mail.on_data = held = _Held()
        person = await sign_up(api)
        await held.until_killed(server)
        first = await post.mail.wait_for(person.email)
        post.mail.on_data = None
        await another()
        await post.clock_of_outbox()
        second = await post.mail.wait_for(person.email, 2)
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message["Date"] == second.message["Date"]
    row = await post.row_when(person, is_finished)
    assert (row["outcome"], row["attempts"]) == ("SENT", 2)
    assert await verifies(post.api, first.token) == person.email


async def test_what_is_being_sent_arrives_once_when_the_server_stops(
    post: Post, another: Callable[[], Awaitable[Server]]
) -> None:
    sending = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def slow() -> None:
        loop.call_soon_threadsafe(sending.set)
        await asyncio.sleep(1)

    async with _alone(post, another) as (server, api):
        post.mail.on_data = slow
        person = await sign_up(api)
        await asyncio.wait_for(sending.wait(), 20)
        server.process.terminate()
        await asyncio.to_thread(server.process.wait, 20)
        post.mail.on_data = None
        row = await post.sql.fetchrow(NEWEST, person.id)
        assert (row["outcome"], row["attempts"]) == ("SENT", 1)
        assert len(post.mail.to(person.email)) == 1


async def test_processes_share_the_work(post: Post, another: Callable[[], Awaitable[Server]]) -> None:
    await another()
    await post.sql.execute(
        "INSERT INTO outbox_mails (id, kind, address, due_at)"
        " SELECT gen_random_uuid(), 'ACCOUNT_DELETED', 'many-' || n || '@example.com', now()"
        " FROM generate_series(1, 60) AS n"
    )
    for n in range(1, 61):
        await post.mail.wait_for(f"many-{n}@example.com")
    unfinished = "SELECT count(*) FROM outbox_mails WHERE kind = 'ACCOUNT_DELETED' AND finished_at IS NULL"
    deadline = time.monotonic() + 20
    while await post.sql.fetchval(unfinished):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert [len(post.mail.to(f"many-{n}@example.com")) for n in range(1, 61)] == [1] * 60


async def verifies(api: Api, token: str) -> str | None:
    payload = (await api.run(VERIFY, {"token": token})).data["emailVerify"]
    email: str | None = payload["email"]
    return email


class _Held:
    """An `on_data` that answers once the process that sends the mail is dead."""

    def __init__(self, reply: str | None = None) -> None:
        self._reply = reply
        self._loop = asyncio.get_running_loop()  # the SMTP server has one of its own, in another thread
        self._sending = asyncio.Event()
        self._died = threading.Event()

    async def __call__(self) -> str | None:
        self._loop.call_soon_threadsafe(self._sending.set)
        # Holds up the whole SMTP server: it cancels a handler that awaits when the connection ends.
        self._died.wait(20)
        return self._reply

    async def until_killed(self, server: Server) -> None:
        """Kills a server that sends a mail, then lets that mail be answered."""
        await asyncio.wait_for(self._sending.wait(), 20)
        workers = descendants(server.process.pid)
        server.kill()  # the kernel kills the workers with it
        await asyncio.to_thread(eventually, lambda: not living(workers))
        self._died.set()


class _alone:  # noqa: N801  # used as a function
    """The shared server sends nothing meanwhile: another one, which may be killed, takes all mail."""

    def __init__(self, post: Post, another: Callable[[], Awaitable[Server]]) -> None:
        self._post = post
        self._another = another
        self._api: Api | None = None

    async def __aenter__(self) -> tuple[Server, Api]:
        self._signal(signal.SIGSTOP)
        server = await self._another()
        self._api = Api(server.url)
        return server, self._api

    async def __aexit__(self, *_: object) -> None:
        self._post.mail.on_data = None
        self._signal(signal.SIGCONT)
        if self._api is not None:
            await self._api.close()

    def _signal(self, number: int) -> None:
        """To the workers too, each of which leads a group of its own."""
        parent = self._post.server.process.pid
        for pid in (parent, *descendants(parent)):
            os.kill(pid, number)
