"""Sends what is in the outbox, from every process: at least once each, however processes end."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Final, TypeVar

import structlog

from app.config import Settings
from app.domain import mail_readers, outbox
from app.domain.mail_readers import Reader
from app.domain.outbox import Mail, MailOutcome
from app.domain.viewer import Fetch
from app.infra.db import Database, DatabaseUnavailable
from app.infra.mail import Mailer, MailNotSent, compose
from app.infra.metrics import mails
from app.jobs import letters

AT_ONCE: Final = 4
"""Mails that one process sends side by side: one slow recipient must not hold up the rest."""
EVERY: Final = 1.0
"""Seconds between two looks for mail that is due, give or take a half."""
_STOP_SECONDS: Final = 5

T = TypeVar("T")
_log = structlog.stdlib.get_logger("taskflow.mail")


for _outcome in (*MailOutcome, "PUT_BACK"):
    mails.labels(_outcome)  # from 0 on: of a series that is born with 1 no increase is seen


class Sender:
    def __init__(
        self, database: Database, mailer: Mailer, settings: Settings, *, every: float = EVERY
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._from = settings.smtp_from
        self._public_url = settings.public_url
        self._every = every
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """What fails stays in the outbox, for this process or another."""
        self._task = asyncio.create_task(self._run(), name="outbox")

    async def stop(self) -> None:
        """Lets what is being sent arrive, so that it is not sent again, but not for long."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_STOP_SECONDS)
            unfinished = {self._task, *self._sending}
            for task in unfinished:
                task.cancel()
            await asyncio.wait(unfinished)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            if len(self._sending) >= AT_ONCE:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            elif not await self._begin_due():
                await self._pause()
        if self._sending:
            await asyncio.wait(self._sending)

    async def _begin_due(self) -> int:
        """Begins to send what is due, as far as there is room. Returns how many that is."""
        taken: list[Mail] = []
        try:
            if await outbox.any_due(self._database.fetch):
                room = AT_ONCE - len(self._sending)
                taken = await self._write(lambda fetch: outbox.take(fetch, room))
        except DatabaseUnavailable:
            return 0
        except Exception:
            _log.exception("The outbox could not be read")
        for mail in taken:
            sending = asyncio.create_task(self._try(mail), name=f"mail-{mail.id}")
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return len(taken)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._every * random.uniform(0.5, 1.5)):  # noqa: S311 (jitter)
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _try(self, mail: Mail) -> None:
        """When anything but the mail server fails, the lease ends, and somebody tries again."""
        try:
            await self._deliver(mail)
        except DatabaseUnavailable:
            return
        except Exception:
            _log.exception("Mail could not be sent")

    async def _deliver(self, mail: Mail) -> None:
        if mail.attempts > outbox.ATTEMPTS:
            await self._end(mail, MailOutcome.GIVEN_UP, "no attempt came to its end")
            return
        reader = await self._write(lambda fetch: mail_readers.reader_of(fetch, mail))
        if reader is None:
            await self._end(mail, MailOutcome.NOT_NEEDED)
            return
        try:
            await self._mailer.send(self._message(mail, reader))
        except MailNotSent as failure:
            await self._fail(mail, failure)
        else:
            await self._end(mail, MailOutcome.SENT)

    def _message(self, mail: Mail, reader: Reader) -> EmailMessage:
        """Raises MailNotSent for an address that no header can hold."""
        try:
            return compose(
                letters.write(mail.kind, reader, self._public_url),
                sender=self._from,
                name=reader.name,
                address=reader.address,
                id=mail.id,
                created_at=mail.created_at,
            )
        except ValueError:  # browsers take more than RFC 5322 does: a..b@example.com
            raise MailNotSent("the address cannot be written", permanent=True) from None

    async def _fail(self, mail: Mail, failure: MailNotSent) -> None:
        if failure.permanent:
            await self._end(mail, MailOutcome.REFUSED, failure.reply)
        elif mail.attempts == outbox.ATTEMPTS:
            await self._end(mail, MailOutcome.GIVEN_UP, failure.reply)
        else:
            await self._write(lambda fetch: outbox.put_back(fetch, mail))
            self._tell(mail, "PUT_BACK", failure.reply)

    async def _end(self, mail: Mail, outcome: MailOutcome, reply: str | None = None) -> None:
        await self._write(lambda fetch: outbox.finish(fetch, mail, outcome))
        self._tell(mail, outcome.value, reply)

    def _tell(self, mail: Mail, outcome: str, reply: str | None) -> None:
        """Without the address: logs are read by more people than accounts are."""
        mails.labels(outcome).inc()
        _log.log(
            _LEVELS.get(outcome, logging.WARNING),
            "Mail",
            outcome=outcome,
            id=str(mail.id),
            kind=mail.kind.value,
            user=None if mail.user_id is None else str(mail.user_id),
            attempt=mail.attempts,
            reply=reply,
        )

    async def _write(self, work: Callable[[Fetch], Awaitable[T]]) -> T:
        transaction = await self._database.begin()
        try:
            done = await work(transaction.fetch)
            await transaction.commit()
        finally:
            await transaction.rollback()
        return done


_LEVELS: Final = {MailOutcome.SENT.value: logging.INFO, MailOutcome.NOT_NEEDED.value: logging.INFO}
