"""A real SMTP server, that takes, delays or refuses what it is told to."""

import asyncio
import re
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import asyncpg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from app.domain.outbox import LEASE
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server, Servers, free_port, server_environment
from tests.harness.stores import Stores
from tests.live import until

NEWEST = "SELECT * FROM outbox_mails WHERE user_id = $1 ORDER BY id DESC LIMIT 1"
USER, PASSWORD = "taskflow", "smtp secret"


@dataclass(frozen=True)
class Received:
    sender: str
    recipient: str
    message: EmailMessage
    tls: bool
    signed_in: bool

    @property
    def text(self) -> str:
        return _part(self.message, "plain")

    @property
    def html(self) -> str:
        return _part(self.message, "html")

    @property
    def links(self) -> list[str]:
        return re.findall(r"https?://\S+#token=\S+", self.text)

    @property
    def token(self) -> str:
        """Of the one link."""
        [link] = self.links
        return link.partition("#token=")[2]


class MailServer:
    """`replies` maps what an address begins with to the reply that RCPT TO gets instead of 250.

    `on_data` may answer otherwise too, or wait: it runs before a message counts as taken.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.received: list[Received] = []
        self.replies: dict[str, str] = {}
        self.tried: list[str] = []
        self.on_data: Callable[[], Any] | None = None
        self._options: dict[str, Any] = {}
        self._controller: Controller | None = None

    def start(self, **options: Any) -> None:
        """`options` of aiosmtpd's SMTP; `ssl_context` for TLS from the first byte."""
        self._options = options or self._options
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **self._options)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def to(self, address: str) -> list[Received]:
        return [mail for mail in self.received if mail.recipient == address]

    async def wait_for(self, address: str, count: int = 1, *, patience: float = 20) -> Received:
        """The newest mail to an address, once there are `count`. Raises AssertionError after `patience` s."""
        deadline = time.monotonic() + patience
        while len(self.to(address)) < count:
            assert time.monotonic() < deadline, (address, self.tried, self.received)
            await asyncio.sleep(0.05)
        return self.to(address)[-1]

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.tried.append(address)
        for beginning, reply in self.replies.items():
            if address.startswith(beginning):
                return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.on_data is not None and (reply := await self.on_data()) is not None:
            return str(reply)
        content = envelope.content
        assert isinstance(content, bytes)
        for recipient in envelope.rcpt_tos:
            self.received.append(
                Received(
                    sender=envelope.mail_from or "",
                    recipient=recipient,
                    message=message_from_bytes(content, policy=default),
                    tls=session.ssl is not None or "ssl_context" in self._options,
                    signed_in=bool(session.authenticated),
                )
            )
        return "250 OK"


@dataclass(frozen=True)
class Post:
    """A server that sends mail, with a database of its own: another server would take the mail from it."""

    mail: MailServer
    server: Server
    api: Api
    sql: asyncpg.Pool

    async def token_for(self, person: Person) -> str:
        """Of the mail that asks them to verify the address that they have signed up with."""
        return (await self.mail.wait_for(person.email)).token

    async def clock_of_outbox(self) -> None:
        """What was put off is due now."""
        await self.sql.execute("UPDATE outbox_mails SET due_at = now() WHERE finished_at IS NULL")

    async def row_when(
        self, person: Person, meets: Callable[[asyncpg.Record], bool], *, patience: float = 20
    ) -> asyncpg.Record:
        """The newest row of a mail to a person, once it is so."""
        deadline = time.monotonic() + patience
        while not meets(row := await self.sql.fetchrow(NEWEST, person.id)):
            assert time.monotonic() < deadline, (row, self.server.output())
            await asyncio.sleep(0.05)
        return row

    async def outcome(self, kind: str, user_id: str | None = None) -> asyncpg.Record:
        """The newest row of that kind, once it is finished."""
        query = (
            "SELECT * FROM outbox_mails WHERE kind = $1 AND ($2::uuid IS NULL OR user_id = $2)"
            " ORDER BY id DESC LIMIT 1"
        )
        deadline = time.monotonic() + 20
        while (row := await self.sql.fetchrow(query, kind, user_id)) is None or row["finished_at"] is None:
            assert time.monotonic() < deadline, row
            await asyncio.sleep(0.05)
        return row


@asynccontextmanager
async def open_post(stores: Stores, servers: Servers, **env: str) -> AsyncIterator[Post]:
    mail = MailServer()
    mail.start()
    own = server_environment(await stores.new_database(), stores.new_redis())
    server = servers.start({**own, **smtp_environment(mail), **env})
    await server.wait_ready(path="/health/ready" if stores.redis_url else "/health/live")
    api = Api(server.url)
    sql = await asyncpg.create_pool(server.database_url, min_size=1, max_size=4)
    try:
        yield Post(mail, server, api, sql)
    finally:
        await sql.close()
        await api.close()
        server.stop()
        mail.stop()


def smtp_environment(mail: MailServer) -> dict[str, str]:
    return {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.port),
        "SMTP_FROM": "TaskFlow <tasks@taskflow.example>",
        "PUBLIC_URL": "https://app.taskflow.example",
    }


def is_put_back(row: asyncpg.Record | None, attempts: int = 1) -> bool:
    """Waiting for less than a lease: nobody is sending it."""
    return (
        row is not None
        and row["attempts"] == attempts
        and row["finished_at"] is None
        and row["due_at"] - row["created_at"] < LEASE
    )


def is_finished(row: asyncpg.Record | None) -> bool:
    return row is not None and row["finished_at"] is not None


def authenticator(_server: Any, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for "localhost", and the file of the certificate that clients are to trust."""
    certificate, key = folder / "mail.pem", folder / "mail.key"
    names = "subjectAltName=DNS:localhost"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", names, "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


async def mail_is_done(sql: asyncpg.Pool | asyncpg.Connection, person: Person) -> None:
    """To this person: servers that other tests killed may hold others' for minutes.

    What sends it locks the user, and so waits beside others where a test has locked them.
    """
    waiting_for = (
        "SELECT count(*) FROM outbox_mails"
        " WHERE finished_at IS NULL AND (user_id = $1 OR lower(address) = lower($2))"
    )

    async def all_sent() -> bool:
        waiting: int = await sql.fetchval(waiting_for, person.id, person.email)
        return waiting == 0

    await until(all_sent, patience=30)
