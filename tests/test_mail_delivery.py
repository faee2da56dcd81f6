"""What the outbox makes of the SMTP server's answers, and what arrives."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from app.domain.outbox import ATTEMPTS, PAUSES
from app.jobs.outbox import AT_ONCE
from tests.harness.client import Api
from tests.harness.mail import Post, is_finished, is_put_back
from tests.harness.people import SIGN_UP, sign_up, unique

VERIFY = "mutation ($token: String!) { emailVerify(token: $token) { email userErrors { code } } }"
RESET_REQUEST = "mutation ($email: String!) { passwordResetRequest(email: $email) { userErrors { code } } }"
REQUEST = "mutation { emailVerificationRequest { userErrors { code } } }"


async def count_of(post: Post, outcome: str) -> float:
    name = f'taskflow_mails_total{{outcome="{outcome}"}} '
    lines = (await post.api.http.get("/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


async def test_the_mail_is_there_when_its_cause_is_and_only_then(post: Post) -> None:
    person = await sign_up(post.api)
    await post.mail.wait_for(person.email)
    before = await post.sql.fetchval("SELECT count(*) FROM outbox_mails")
    again = {"email": person.email, "password": "a quite different battery", "name": "Robin"}
    answer = await post.api.run(SIGN_UP, {"input": again})
    assert [error["code"] for error in answer.data["signUp"]["userErrors"]] == ["TAKEN"]
    trial = REQUEST.replace("Request", "Request(validateOnly: true)", 1)
    assert (await person.run(trial)).data["emailVerificationRequest"]["userErrors"] == []
    assert await post.sql.fetchval("SELECT count(*) FROM outbox_mails") == before


async def test_a_server_that_is_down_and_back(post: Post) -> None:
    sent = await count_of(post, "SENT")
    post.mail.stop()
    try:
        person = await sign_up(post.api)
        row = await post.row_when(person, is_put_back)
        assert row["address"] == person.email
    finally:
        post.mail.start()
    await post.clock_of_outbox()
    mail = await post.mail.wait_for(person.email)
    row = await post.row_when(person, lambda row: row["finished_at"] is not None)
    assert (row["outcome"], row["attempts"], row["address"]) == ("SENT", 2, None)
    assert mail.message["Message-ID"] == f"<{row['id']}@taskflow.example>"
    assert await count_of(post, "SENT") == sent + 1


async def test_a_mail_that_hangs_holds_up_no_other(post: Post) -> None:
    # The mail server has a thread and an event loop of its own.
    hanging, released = threading.Event(), threading.Event()

    async def hang_once() -> None:
        if not hanging.is_set():
            hanging.set()
            await asyncio.to_thread(released.wait, 60)

    post.mail.on_data = hang_once
    try:
        slow = await sign_up(post.api)
        assert await asyncio.to_thread(hanging.wait, 20)
        for _ in range(AT_ONCE):
            await post.mail.wait_for((await sign_up(post.api)).email)
        assert post.mail.to(slow.email) == []
    finally:
        released.set()
        post.mail.on_data = None
    await post.mail.wait_for(slow.email)


async def test_greylisting_is_waited_for(post: Post) -> None:
    address = f"{unique('grey')}@example.com"
    post.mail.replies["grey"] = "451 4.7.1 Greylisted, come back later"
    before = await count_of(post, "PUT_BACK")
    person = await sign_up(post.api, email=address)
    for attempt, pause in enumerate(PAUSES[:2], 1):
        row = await post.row_when(person, partial(is_put_back, attempts=attempt))
        wait = row["due_at"] - await post.sql.fetchval("SELECT now()")
        assert pause - timedelta(seconds=20) < wait <= pause
        await post.clock_of_outbox()
    await post.row_when(person, partial(is_put_back, attempts=3))
    assert await count_of(post, "PUT_BACK") == before + 3
    post.mail.replies.clear()
    await post.clock_of_outbox()
    mail = await post.mail.wait_for(address)
    assert (await post.row_when(person, is_finished))["outcome"] == "SENT"
    assert await verifies(post.api, mail.token) == address


@pytest.mark.parametrize("where", ["recipient", "content"])
async def test_a_refusal_for_good_ends_it(post: Post, where: str) -> None:
    address = f"{unique('refused')}@example.com"
    refused, log = await count_of(post, "REFUSED"), post.server.log.stat().st_size
    if where == "recipient":
        post.mail.replies["refused"] = f"550 5.1.1 <{address}> no such user"
    else:
        post.mail.on_data = _answer("554 5.7.1 looks like spam")
    try:
        person = await sign_up(post.api, email=address)
        row = await post.row_when(person, is_finished)
    finally:
        post.mail.replies.clear()
        post.mail.on_data = None
    assert (row["outcome"], row["attempts"], row["address"]) == ("REFUSED", 1, None)
    assert await count_of(post, "REFUSED") == refused + 1
    [line] = [line for line in post.server.output(log).splitlines() if "REFUSED" in line]
    assert ("550 5.1.1" if where == "recipient" else "554 5.7.1") in line
    assert str(row["id"]) in line
    assert address not in post.server.output(log)


async def test_an_address_that_no_header_holds(post: Post) -> None:
    """What browsers take for an address is more than what mail does."""
    name = unique("dots")
    person = await sign_up(post.api, email=f"{name}..x@example.com")
    row = await post.row_when(person, is_finished)
    assert (row["outcome"], row["attempts"]) == ("REFUSED", 1)
    assert not [address for address in post.mail.tried if name in address]


async def test_attempts_are_bounded(post: Post) -> None:
    post.mail.replies["never"] = "450 4.2.0 mailbox busy"
    try:
        person = await sign_up(post.api, email=f"{unique('never')}@example.com")
        await post.row_when(person, is_put_back)
        await post.sql.execute(
            "UPDATE outbox_mails SET attempts = $2 WHERE user_id = $1", person.id, ATTEMPTS - 1
        )
        await post.clock_of_outbox()
        row = await post.row_when(person, is_finished)
    finally:
        post.mail.replies.clear()
    assert (row["outcome"], row["attempts"], row["address"]) == ("GIVEN_UP", ATTEMPTS, None)


async def test_a_mail_that_ends_its_process_each_time_is_given_up(post: Post) -> None:
    post.mail.replies["deadly"] = "451 4.7.1 later"
    person = await sign_up(post.api, email=f"{unique('deadly')}@example.com")
    await post.row_when(person, is_put_back)
    post.mail.replies.clear()
    await post.sql.execute("UPDATE outbox_mails SET attempts = $2 WHERE user_id = $1", person.id, ATTEMPTS)
    await post.clock_of_outbox()
    assert (await post.row_when(person, is_finished))["outcome"] == "GIVEN_UP"
    assert post.mail.to(person.email) == []


@pytest.mark.parametrize(
    "name",
    [
        "Robin\r\nBcc: somebody@example.com",
        "Robin\nSubject: other",
        'Robin, the "Red" <robin@example.net>',
        "Zoë Müller-Łukasz, 山田太郎",
        "<script>alert(1)</script> & co",
        "R" * 100,
        "ä" * 100,
        "@",
        "",
    ],
)
async def test_names_stay_names(post: Post, name: str) -> None:
    """Also one that the API would not take: nothing in it becomes a header, a recipient or markup."""
    person = await sign_up(post.api)
    await post.mail.wait_for(person.email)
    verified = "UPDATE users SET name = $2, email_verified_at = now() WHERE id = $1"
    await post.sql.execute(verified, person.id, name)
    await post.api.run(RESET_REQUEST, {"email": person.email})
    mail = await post.mail.wait_for(person.email, 2)
    [to] = mail.message["To"].addresses
    assert to.addr_spec == person.email
    # Python's parser puts a space between encoded words, which RFC 2047, 6.2 tells it to leave out.
    assert to.display_name.replace(" ", "") == "".join(filter(str.isprintable, name)).replace(" ", "")
    assert sorted(mail.message.keys()) == sorted(
        [
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
            *("X-Auto-Response-Suppress", "MIME-Version", "Content-Type"),
        ]
    )
    assert mail.message["Subject"] == "Reset your TaskFlow password"
    assert "<script" not in mail.html
    assert max(map(len, mail.message.as_bytes().splitlines())) <= 998


async def verifies(api: Api, token: str) -> str | None:
    payload = (await api.run(VERIFY, {"token": token})).data["emailVerify"]
    email: str | None = payload["email"]
    return email


def _answer(reply: str) -> Callable[[], Awaitable[str]]:
    async def answer() -> str:
        return reply

    return answer
