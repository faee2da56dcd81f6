"""Mails that wait when what they would offer is taken back, and whose name mails hold."""

import asyncio
from pathlib import Path

import pytest

from tests.harness.locks import sent_behind, until_behind
from tests.harness.mail import Post, is_put_back
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.taskflow import run_taskflow
from tests.test_mail_addresses import CHANGE, RESET, RESET_REQUEST, VERIFY, change

PASSWORD_CHANGE = """
mutation ($old: String!, $new: String!) {
  passwordChange(currentPassword: $old, newPassword: $new) { userErrors { code } }
}"""
NEW = "a quite different battery"
TOKENS = "SELECT count(*) FROM mailed_tokens WHERE user_id = $1 AND purpose = 'EMAIL_CHANGE'"
WAITING = "SELECT * FROM outbox_mails WHERE user_id = $1 AND kind = 'EMAIL_CHANGE'"


@pytest.fixture
async def robin(post: Post) -> Person:
    """Has had the mail that asks to verify the address."""
    person = await sign_up(post.api)
    await post.token_for(person)
    return person


async def queued(post: Post, person: Person) -> str:
    """The new address of a change whose mail its server does not take yet."""
    address = f"{unique('grey')}@example.com"
    post.mail.replies[address] = "451 4.7.1 Greylisted, come back later"
    assert await change(person, address) == []
    await post.row_when(person, lambda row: row["kind"] == "EMAIL_CHANGE" and is_put_back(row))
    return address


async def nothing_comes(post: Post, address: str) -> None:
    """Not with the next round of the outbox either, once its server would take it."""
    post.mail.replies.clear()
    tried = post.mail.tried.count(address)
    await post.clock_of_outbox()
    for _ in range(2):  # the second one is taken in a round after that which had taken the first
        other = await sign_up(post.api)
        await post.mail.wait_for(other.email)
    assert post.mail.tried.count(address) == tried


async def test_a_change_of_address_that_waits_ends_with_the_password(post: Post, robin: Person) -> None:
    address = await queued(post, robin)
    await robin.create(PASSWORD_CHANGE, {"old": PASSWORD, "new": NEW})
    row = await post.sql.fetchrow(WAITING, robin.id)
    assert (row["outcome"], row["address"]) == ("NOT_NEEDED", None)
    await nothing_comes(post, address)
    assert await post.sql.fetchval(TOKENS, robin.id) == 0


async def test_so_it_does_when_the_password_is_reset(post: Post, robin: Person) -> None:
    address = await queued(post, robin)
    await post.api.run(RESET_REQUEST, {"email": robin.email})
    token = (await post.mail.wait_for(robin.email, 2)).token
    assert (await post.api.run(RESET, {"t": token, "p": NEW})).data["passwordReset"]["userErrors"] == []
    assert (await post.sql.fetchrow(WAITING, robin.id))["outcome"] == "NOT_NEEDED"
    await nothing_comes(post, address)


async def test_so_it_does_when_an_operator_disables_them(post: Post, robin: Person, tmp_path: Path) -> None:
    """Also where they are enabled again before the mail would be sent."""
    address = await queued(post, robin)
    names = ("DATABASE_URL", "REDIS_URL", "JWT_SECRET")
    stores = {name: post.server.env[name] for name in names if name in post.server.env}
    for what in ("disable", "enable"):
        ran = await asyncio.to_thread(run_taskflow, "user", what, robin.email, cwd=tmp_path, **stores)
        assert ran.returncode == 0, ran.stderr
    await nothing_comes(post, address)


async def test_who_is_just_making_a_link_finds_that_it_is_void(post: Post, robin: Person) -> None:
    address = await queued(post, robin)
    post.mail.replies.clear()
    async with post.sql.acquire() as holder, holder.transaction():
        await holder.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", robin.id)
        changing = await sent_behind(
            post.sql, holder, robin.run(PASSWORD_CHANGE, {"old": PASSWORD, "new": NEW})
        )
        await post.clock_of_outbox()
        await until_behind(post.sql, holder, 2)  # taken, and about to make a link
    assert (await changing).data["passwordChange"]["userErrors"] == []
    await nothing_comes(post, address)
    assert await post.sql.fetchval(TOKENS, robin.id) == 0


async def test_a_change_that_is_asked_for_behind_a_new_password_needs_that_one(
    post: Post, robin: Person
) -> None:
    """The old password was right when it was asked for; what it lets in would be voided too early."""
    address = f"{unique('new')}@example.com"
    async with post.sql.acquire() as holder, holder.transaction():
        hashed = "SELECT password_hash FROM users WHERE email = $1"
        other = await sign_up(post.api, password=NEW)
        new_hash = await holder.fetchval(hashed, other.email)
        await holder.execute("UPDATE users SET password_hash = $2 WHERE id = $1", robin.id, new_hash)
        asked = {"email": address, "password": PASSWORD}
        asking = await sent_behind(post.sql, holder, robin.run(CHANGE, asked))
    errors = (await asking).data["emailChange"]["userErrors"]
    assert [error["code"] for error in errors] == ["INVALID_CREDENTIALS"]
    assert await post.sql.fetchrow(WAITING, robin.id) is None


async def test_mails_to_an_address_not_verified_hold_no_name(post: Post) -> None:
    """Else whoever signs up with a stranger's address writes to them by the name that they choose."""
    name = f"Win {unique('Prize')} today"
    person = await sign_up(post.api, name=name)
    new = f"{unique('new')}@example.com"
    await post.mail.wait_for(person.email)
    await post.api.run(RESET_REQUEST, {"email": person.email})
    await post.mail.wait_for(person.email, 2)
    assert await change(person, new) == []
    mails = [*post.mail.to(person.email), await post.mail.wait_for(new)]
    await post.api.run(VERIFY, {"token": mails[-1].token})
    mails.append(await post.mail.wait_for(person.email, 3))  # the last one to the address until now
    assert len(mails) == 4
    for mail in mails:
        assert mail.message["To"] == mail.recipient
        assert mail.text.startswith("Hello,\n")
        assert name not in mail.text + mail.html + str(mail.message)
    await person.create(PASSWORD_CHANGE, {"old": PASSWORD, "new": NEW})
    told = await post.mail.wait_for(new, 2)  # verified by now
    assert told.message["To"] == f"{name} <{new}>"
    assert told.text.startswith(f"Hello {name},\n")
