"""How a message reaches the SMTP server: TLS, credentials, and what the server says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from app.config import ConfigurationError, Settings, load_settings
from app.infra import mail as app_mail
from app.infra.mail import Letter, MailNotSent, SmtpMailer, compose
from app.models import new_id
from tests.harness.mail import PASSWORD, USER, MailServer, authenticator, make_certificate
from tests.harness.taskflow import run_taskflow


@pytest.fixture
def server() -> Iterator[MailServer]:
    opened = MailServer()
    yield opened
    opened.stop()


def settings(server: MailServer, **given: Any) -> Settings:
    return load_settings(smtp_host="localhost", smtp_port=server.port, **given)


def message(sender: str = "TaskFlow <tasks@taskflow.example>", name: str = "Robin") -> EmailMessage:
    letter = Letter("Hello", "Hello.\n", "<p>Hello.</p>\n")
    now = datetime.now(UTC)
    return compose(letter, sender=sender, name=name, address="robin@example.com", id=new_id(), created_at=now)


async def test_starttls_where_it_is_offered(
    server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = make_certificate(tmp_path)
    server.start(tls_context=context)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    await SmtpMailer(settings(server)).send(message())
    [mail] = server.received
    assert mail.tls
    assert (mail.sender, mail.recipient) == ("tasks@taskflow.example", "robin@example.com")


async def test_without_tls_where_none_is_offered(server: MailServer) -> None:
    server.start()
    await SmtpMailer(settings(server)).send(message())
    assert [mail.tls for mail in server.received] == [False]


async def test_credentials_go_over_tls(
    server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = make_certificate(tmp_path)
    server.start(tls_context=context, authenticator=authenticator, auth_required=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    await SmtpMailer(settings(server, smtp_user=USER, smtp_password=PASSWORD)).send(message())
    [mail] = server.received
    assert mail.tls
    assert mail.signed_in
    with pytest.raises(MailNotSent) as failure:
        await SmtpMailer(settings(server, smtp_user=USER, smtp_password="wrong")).send(message())
    assert (failure.value.reply, failure.value.permanent) == ("535 5.7.8", False)


async def test_credentials_never_go_without_tls(server: MailServer) -> None:
    """Whoever strips STARTTLS from the server's answer gets neither the password nor the mail."""
    asked: list[tuple[Any, ...]] = []

    def spy(*arguments: Any) -> Any:
        asked.append(arguments)
        return authenticator(*arguments)

    server.start(authenticator=spy, auth_require_tls=False)
    with pytest.raises(MailNotSent) as failure:
        await SmtpMailer(settings(server, smtp_user=USER, smtp_password=PASSWORD)).send(message())
    assert not failure.value.permanent
    assert asked == []
    assert server.received == []


async def test_a_certificate_of_nobodys_trust_is_refused(server: MailServer, tmp_path: Path) -> None:
    context, _ = make_certificate(tmp_path)
    server.start(tls_context=context)
    with pytest.raises(MailNotSent, match="CERTIFICATE_VERIFY_FAILED") as failure:
        await SmtpMailer(settings(server)).send(message())
    assert not failure.value.permanent
    assert server.received == []


async def test_tls_from_the_first_byte_on_its_port(
    server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = make_certificate(tmp_path)
    server.start(ssl_context=context, authenticator=authenticator, auth_require_tls=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert app_mail.IMPLICIT_TLS_PORT == 465
    monkeypatch.setattr(app_mail, "IMPLICIT_TLS_PORT", server.port)  # whose own only root may open
    await SmtpMailer(settings(server, smtp_user=USER, smtp_password=PASSWORD)).send(message())
    [mail] = server.received
    assert mail.tls
    assert mail.signed_in


@pytest.mark.parametrize(
    ("reply", "told", "permanent"),
    [
        ("550 5.1.1 <robin@example.com> unknown", "550 5.1.1", True),
        ("553 robin@example.com is no mailbox", "553", True),
        ("450 4.2.0 greylisted", "450 4.2.0", False),
        ("421 closing", "421", False),
    ],
)
async def test_what_a_refusal_means(server: MailServer, reply: str, told: str, permanent: bool) -> None:
    server.replies["robin"] = reply
    server.start()
    with pytest.raises(MailNotSent) as failure:
        await SmtpMailer(settings(server)).send(message())
    assert (failure.value.reply, failure.value.permanent) == (told, permanent)


async def test_nobody_listening_is_no_end(server: MailServer) -> None:
    with pytest.raises(MailNotSent) as failure:
        await SmtpMailer(settings(server)).send(message())
    assert not failure.value.permanent


async def test_a_sender_of_a_domain_in_other_letters(server: MailServer) -> None:
    server.start()
    await SmtpMailer(settings(server)).send(message("Bücher <tasks@bücher.example>"))
    [mail] = server.received
    assert mail.sender == "tasks@xn--bcher-kva.example"
    assert mail.message["From"].addresses[0].display_name == "Bücher"
    assert mail.message["Message-ID"].endswith("@xn--bcher-kva.example>")


@pytest.mark.parametrize(
    "sender",
    ["TaskFlow", "", "a@", "@b", "TaskFlow <tasks@example.com>\r\nBcc: x@example.com", "ö@example.com"],
)
def test_what_is_no_sender_is_refused_at_the_start(sender: str) -> None:
    with pytest.raises(ConfigurationError, match="SMTP_FROM"):
        load_settings(smtp_from=sender)


@pytest.mark.parametrize("trusted", [True, False])
def test_doctor_tries_it_as_the_server_would(server: MailServer, tmp_path: Path, trusted: bool) -> None:
    context, certificate = make_certificate(tmp_path)
    server.start(tls_context=context, authenticator=authenticator)
    given = {
        "SMTP_HOST": "localhost",
        "SMTP_PORT": str(server.port),
        "SMTP_USER": USER,
        "SMTP_PASSWORD": PASSWORD,
        **({"SSL_CERT_FILE": str(certificate)} if trusted else {}),
    }
    result = run_taskflow("doctor", cwd=tmp_path, **given)
    assert (f"ok      SMTP: answers at localhost:{server.port}" in result.stdout) is trusted, result.stdout
    assert ("FAILED  SMTP: [SSL: CERTIFICATE_VERIFY_FAILED]" in result.stdout) is not trusted, result.stdout
    assert server.received == []
