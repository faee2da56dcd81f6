"""Verifying an address by mail, and changing it."""

from typing import Any

import pytest

from tests.harness.client import Json
from tests.harness.mail import Post
from tests.harness.people import PASSWORD, Person, sign_up, unique

REQUEST = "mutation { emailVerificationRequest { syncSeq userErrors { code } } }"
VERIFY = "mutation ($token: String!) { emailVerify(token: $token) { email userErrors { code field } } }"
CHANGE = """
mutation ($email: String!, $password: String!) {
  emailChange(email: $email, password: $password) { userErrors { code field } }
}"""
SIGN_IN = "mutation ($i: SignInInput!) { signIn(input: $i) { accessToken userErrors { code } } }"
RESET_REQUEST = "mutation ($email: String!) { passwordResetRequest(email: $email) { userErrors { code } } }"
RESET = """
mutation ($t: String!, $p: String!) { passwordReset(token: $t, newPassword: $p) { userErrors { code } } }"""


@pytest.fixture
async def robin(post: Post) -> Person:
    """Has had the mail that asks to verify the address."""
    person = await sign_up(post.api)
    await post.token_for(person)
    return person


async def verify(post: Post, token: str) -> Json:
    payload: Json = (await post.api.run(VERIFY, {"token": token})).data["emailVerify"]
    return payload


async def is_verified(person: Person) -> bool | None:
    verified: bool | None = (await person.run("{ viewer { emailVerified } }")).data["viewer"]["emailVerified"]
    return verified


async def change(person: Person, email: str, password: str = PASSWORD) -> list[Json]:
    answer = await person.run(CHANGE, {"email": email, "password": password})
    errors: list[Json] = answer.data["emailChange"]["userErrors"]
    return errors


async def row(post: Post, person: Person) -> Any:
    return await post.sql.fetchrow("SELECT * FROM users WHERE id = $1", person.id)


async def test_signing_up_asks_to_verify_the_address(post: Post, robin: Person) -> None:
    [mail] = post.mail.to(robin.email)
    assert mail.message["Subject"] == "Verify your address for TaskFlow"
    assert mail.links == [f"https://app.taskflow.example/account/verify-email#token={mail.token}"]
    assert await is_verified(robin) is False
    assert await verify(post, mail.token) == {"email": robin.email, "userErrors": []}
    assert await is_verified(robin) is True
    [error] = (await verify(post, mail.token))["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID_TOKEN", ["token"])


async def test_another_mail_may_be_asked_for_until_it_is_verified(post: Post, robin: Person) -> None:
    assert (await robin.run(REQUEST)).data["emailVerificationRequest"]["userErrors"] == []
    first, second = [
        mail.token for mail in (post.mail.to(robin.email)[0], await post.mail.wait_for(robin.email, 2))
    ]
    assert (await verify(post, first))["email"] == robin.email
    assert [error["code"] for error in (await verify(post, second))["userErrors"]] == ["INVALID_TOKEN"]
    count = "SELECT count(*) FROM outbox_mails WHERE user_id = $1"
    before = await post.sql.fetchval(count, robin.id)
    assert (await robin.run(REQUEST)).data["emailVerificationRequest"]["userErrors"] == []
    assert await post.sql.fetchval(count, robin.id) == before


async def test_only_oneself_sees_it(post: Post, robin: Person) -> None:
    other = await sign_up(post.api)
    await robin.add_member(other)
    members = """query ($id: ID!) {
      workspace(id: $id) { members { nodes { user { id emailVerified } } } } }"""
    answer = await other.run(members, {"id": robin.workspace_id})
    shown = {
        each["user"]["id"]: each["user"]["emailVerified"]
        for each in answer.data["workspace"]["members"]["nodes"]
    }
    assert shown == {robin.id: None, other.id: False}


async def test_a_new_address_takes_over_once_it_is_verified(post: Post, robin: Person) -> None:
    new = f"{unique('new')}@example.com"
    assert await change(robin, new) == []
    mail = await post.mail.wait_for(new)
    assert mail.message["Subject"] == "Verify your new address for TaskFlow"
    assert (await row(post, robin))["email"] == robin.email
    before = await row(post, robin)
    assert await verify(post, mail.token) == {"email": new, "userErrors": []}
    after = await row(post, robin)
    assert (after["email"], after["version"]) == (new, before["version"] + 1)
    assert after["updated_at"] > before["updated_at"]
    assert await is_verified(robin) is True
    told = await post.mail.wait_for(robin.email, 2)
    assert told.message["Subject"] == "Your TaskFlow address was changed"
    assert new not in told.text + told.html
    signed_in = [
        (await post.api.run(SIGN_IN, {"i": {"email": email, "password": PASSWORD}})).data["signIn"][
            "accessToken"
        ]
        for email in (robin.email, new)
    ]
    assert signed_in[0] is None
    assert signed_in[1] is not None


async def test_it_voids_links_sent_to_the_old_address(post: Post, robin: Person) -> None:
    await post.api.run(RESET_REQUEST, {"email": robin.email})
    reset_token = (await post.mail.wait_for(robin.email, 2)).token
    new = f"{unique('new')}@example.com"
    assert await change(robin, new) == []
    verification = post.mail.to(robin.email)[0].token
    await verify(post, (await post.mail.wait_for(new)).token)
    answer = await post.api.run(RESET, {"t": reset_token, "p": "a quite different battery"})
    assert [error["code"] for error in answer.data["passwordReset"]["userErrors"]] == ["INVALID_TOKEN"]
    assert [error["code"] for error in (await verify(post, verification))["userErrors"]] == ["INVALID_TOKEN"]


async def test_anothers_address_shows_only_to_its_reader(post: Post, robin: Person) -> None:
    other = await sign_up(post.api)
    await post.token_for(other)
    assert await change(robin, other.email.upper()) == []
    token = (await post.mail.wait_for(other.email.upper())).token
    payload = await verify(post, token)
    assert payload["email"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("TAKEN", ["token"])]
    assert (await row(post, robin))["email"] == robin.email
    assert (await row(post, other))["email"] == other.email


async def test_the_case_of_ones_own_address_may_change(post: Post, robin: Person) -> None:
    new = robin.email.title()
    assert await change(robin, new) == []
    assert (await verify(post, (await post.mail.wait_for(new)).token))["email"] == new
    assert (await row(post, robin))["email"] == new


@pytest.mark.parametrize(
    ("email", "password", "refused"),
    [
        ("new@example.com", "wrong", ("INVALID_CREDENTIALS", ["password"])),
        ("no address", PASSWORD, ("INVALID", ["email"])),
        ("a@b\r\nBcc: c@example.com", PASSWORD, ("INVALID", ["email"])),
    ],
)
async def test_a_change_that_is_refused(
    post: Post, robin: Person, email: str, password: str, refused: tuple[str, list[str]]
) -> None:
    [error] = await change(robin, email, password)
    assert (error["code"], error["field"]) == refused
    kind = "SELECT count(*) FROM outbox_mails WHERE user_id = $1 AND kind = 'EMAIL_CHANGE'"
    assert await post.sql.fetchval(kind, robin.id) == 0


async def test_a_password_change_is_told(post: Post, robin: Person) -> None:
    document = """mutation ($old: String!, $new: String!) {
      passwordChange(currentPassword: $old, newPassword: $new) { userErrors { code } } }"""
    await robin.create(document, {"old": PASSWORD, "new": "a quite different battery"})
    mail = await post.mail.wait_for(robin.email, 2)
    assert mail.message["Subject"] == "Your TaskFlow password was changed"
