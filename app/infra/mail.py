"""Mail: what a message looks like on the wire (RFC 5322), and how it reaches the SMTP server (RFC 5321)."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from typing import Final, Protocol
from uuid import UUID

import aiosmtplib
import structlog

from app.config import Settings

SECONDS: Final = 60.0
"""For one message, from connecting to the last reply."""
IMPLICIT_TLS_PORT: Final = 465  # RFC 8314, 3.3

_LONGEST_NAME: Final = 100
_log = structlog.stdlib.get_logger("taskflow.mail")


@dataclass(frozen=True, slots=True)
class Letter:
    """The same in plain text and in HTML."""

    subject: str
    text: str
    html: str


class MailNotSent(Exception):
    """`reply` is the SMTP status, such as "550 5.1.1", or what kept the server from being asked.

    It holds no address. `permanent`: the server will not take this mail later either.
    """

    def __init__(self, reply: str, *, permanent: bool) -> None:
        super().__init__(reply)
        self.reply = reply
        self.permanent = permanent


class Mailer(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Returns once somebody has taken responsibility for the message. Raises MailNotSent."""


def compose(
    letter: Letter, *, sender: str, name: str | None, address: str, id: UUID, created_at: datetime
) -> EmailMessage:
    """A message in its wire form. With the same `id` it has the same Message-ID.

    Raises ValueError for an `address` that is none.
    """
    from_ = parse_sender(sender)
    message = EmailMessage(policy=WIRE)
    message["From"] = from_
    message["To"] = Address(_one_line(name or ""), addr_spec=address)
    message["Subject"] = _one_line(letter.subject)
    message["Date"] = format_datetime(created_at.astimezone(UTC))
    message["Message-ID"] = f"<{id}@{from_.domain}>"
    # No automatic answer is wanted: RFC 3834, 5, and what Exchange understands.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    # Whatever the server: it need not know 8BITMIME, nor take lines of more than 998 bytes.
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message


def parse_sender(sender: str) -> Address:
    """Of SMTP_FROM, which the settings have checked; a domain in other letters becomes its xn-- form."""
    name, address = parseaddr(sender)
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain.encode("idna").decode())


class SmtpMailer:
    """Each message over a connection of its own: there are few, and servers close idle ones.

    TLS from the first byte on port 465, else STARTTLS where the server offers it; credentials are never sent
    without. A certificate must be valid for SMTP_HOST (SSL_CERT_FILE names authorities of one's own).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, message: EmailMessage) -> None:
        try:
            async with asyncio.timeout(SECONDS), connect(self._settings) as server:
                recipients = [address.addr_spec for address in message["To"].addresses]
                await server.send_message(message, recipients=recipients)
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise MailNotSent(_status(refused), permanent=refused.code >= 500) from None
        except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPSenderRefused) as error:
            # A refused sender is the operator's to mend, and the mail waits for that.
            by_content = isinstance(error, aiosmtplib.SMTPDataError)
            raise MailNotSent(_status(error), permanent=by_content and error.code >= 500) from None
        except aiosmtplib.SMTPResponseException as error:  # a greeting, EHLO, STARTTLS or a sign-in
            raise MailNotSent(_status(error), permanent=False) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailNotSent(str(error) or type(error).__name__, permanent=False) from error


class LoggingMailer:
    """For development without an SMTP server: the log shows the mail, with its link."""

    async def send(self, message: EmailMessage) -> None:
        text = message.get_body(("plain",))
        _log.info(
            "SMTP_HOST is not set, so this mail is only shown here.",
            to=str(message["To"]),
            subject=str(message["Subject"]),
            text=text.get_content() if text else "",
        )


def mailer_for(settings: Settings) -> Mailer | None:
    """None in production without SMTP_HOST: no mail is sent."""
    if settings.smtp_host is not None:
        return SmtpMailer(settings)
    return LoggingMailer() if settings.sends_mail else None


def connect(settings: Settings) -> aiosmtplib.SMTP:
    """The SMTP server, signed in to when used as a context. Raises aiosmtplib's and the system's errors."""
    implicit = settings.smtp_port == IMPLICIT_TLS_PORT
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
    return aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_user,
        password=password if settings.smtp_user else None,
        use_tls=implicit,
        # None: where it is offered. Credentials make it a condition.
        start_tls=False if implicit else True if settings.smtp_user else None,
        tls_context=ssl.create_default_context(),
        local_hostname=parse_sender(settings.smtp_from).domain,
        timeout=SECONDS / 2,
    )


def _one_line(text: str) -> str:
    """Without control characters, of which CR and LF would begin a header of somebody else's making."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST_NAME]


def _status(error: aiosmtplib.SMTPResponseException) -> str:
    """The reply's code and enhanced code (RFC 3463): its text may repeat the address."""
    first = error.message.split(maxsplit=1)[0] if error.message.strip() else ""
    enhanced = f" {first}" if first.count(".") == 2 and first.replace(".", "").isdigit() else ""
    return f"{error.code}{enhanced}"
