"""A forgotten password: the mail, the link, what it changes, and that nobody learns who has an account."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.mail import Post
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.stores import Stores
from tests.live import until

REQUEST = "mutation ($email: String!) { passwordResetRequest(email: $email) { userErrors { code field } } }"
RESET = """
mutation ($token: String!, $newPassword: String!) {
  passwordReset(token: $token, newPassword: $newPassword) { userErrors { code message field } }
}"""
SIGN_IN = """
mutation ($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { code } } }"""
NEW_PASSWORD = "a quite different battery"
VIEWER = "{ viewer { id emailVerified } }"


@pytest.fixture
async def robin(post: Post) -> Person:
    """Has had the mail that asks to verify the address."""
    person = await sign_up(post.api, name="Robin O'Hara")
    await post.token_for(person)
    return person


async def request(api: Api, email: str) -> list[Json]:
    errors: list[Json] = (await api.run(REQUEST, {"email": email})).data["passwordResetRequest"]["userErrors"]
    return errors


async def mailed(post: Post, person: Person) -> str:
    """Asks for a link and returns its token."""
    count = len(post.mail.to(person.email))
    assert await request(post.api, person.email) == []
    return (await post.mail.wait_for(person.email, count + 1)).token


async def reset(api: Api, token: str, new_password: str = NEW_PASSWORD) -> list[Json]:
    answer = await api.run(RESET, {"token": token, "newPassword": new_password})
    errors: list[Json] = answer.data["passwordReset"]["userErrors"]
    return errors


async def signs_in(api: Api, email: str, password: str) -> bool:
    answer = await api.run(SIGN_IN, {"input": {"email": email, "password": password}})
    return answer.data["signIn"]["accessToken"] is not None


async def test_the_mail(post: Post, robin: Person) -> None:
    await post.sql.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", robin.id)
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert await request(post.api, robin.email.upper()) == []
    mail = await post.mail.wait_for(robin.email, 2)
    message = mail.message
    assert (mail.sender, mail.recipient) == ("tasks@taskflow.example", robin.email)
    assert message["From"] == "TaskFlow <tasks@taskflow.example>"
    assert message["To"] == f"Robin O'Hara <{robin.email}>"
    assert message["Subject"] == "Reset your TaskFlow password"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    row = await post.outcome("PASSWORD_RESET", robin.id)
    assert message["Message-ID"] == f"<{row['id']}@taskflow.example>"
    assert before <= parsedate_to_datetime(message["Date"]) <= datetime.now(UTC)
    [link] = mail.links
    assert re.fullmatch(
        r"https://app\.taskflow\.example/account/reset-password#token=tfm_[A-Za-z0-9_-]{43}", link
    )
    assert mail.text.startswith("Hello Robin O'Hara,\n")
    assert "Robin O&#39;Hara" in mail.html
    assert f'href="{link}"' in mail.html
    until = re.search(r"works once, until (.*) UTC", mail.text)
    assert until is not None
    expires = datetime.strptime(until[1], "%d %B %Y, %H:%M").replace(tzinfo=UTC)
    assert timedelta(minutes=55) < expires - datetime.now(UTC) <= timedelta(hours=1)


async def test_the_row_keeps_no_address_and_no_table_a_token(post: Post, robin: Person) -> None:
    token = await mailed(post, robin)
    row = await post.outcome("PASSWORD_RESET", robin.id)
    assert (row["outcome"], row["address"], row["attempts"]) == ("SENT", None, 1)
    [kept] = await post.sql.fetch(
        "SELECT * FROM mailed_tokens WHERE user_id = $1 AND purpose = 'PASSWORD_RESET'", robin.id
    )
    assert token not in str(dict(kept))
    assert token.encode() not in kept["token_hash"]
    life = kept["expires_at"] - kept["created_at"]
    assert abs(life - timedelta(hours=1)) < timedelta(seconds=1)


async def test_the_link_sets_the_password_once_and_ends_every_session(post: Post, robin: Person) -> None:
    token = await mailed(post, robin)
    assert await reset(post.api, token) == []
    assert not await signs_in(post.api, robin.email, PASSWORD)
    assert await signs_in(post.api, robin.email, NEW_PASSWORD)
    assert (await robin.run(VIEWER)).code == "UNAUTHENTICATED"
    refresh = "mutation ($t: String!) { tokenRefresh(refreshToken: $t) { userErrors { code } } }"
    refreshed = (await post.api.run(refresh, {"t": robin.refresh_token})).data["tokenRefresh"]
    assert [error["code"] for error in refreshed["userErrors"]] == ["INVALID_TOKEN"]
    [error] = await reset(post.api, token, "and once more, please")
    assert (error["code"], error["field"]) == ("INVALID_TOKEN", ["token"])
    assert await signs_in(post.api, robin.email, NEW_PASSWORD)


async def test_the_user_is_told_and_their_address_is_verified(post: Post, robin: Person) -> None:
    token = await mailed(post, robin)
    count = len(post.mail.to(robin.email))
    assert (await robin.run(VIEWER)).data["viewer"]["emailVerified"] is False
    assert await reset(post.api, token) == []
    mail = await post.mail.wait_for(robin.email, count + 1)
    assert mail.message["Subject"] == "Your TaskFlow password was changed"
    assert mail.links == []
    verified = "SELECT email_verified_at IS NOT NULL FROM users WHERE id = $1"
    assert await post.sql.fetchval(verified, robin.id)


async def test_a_password_that_may_not_be_chosen_leaves_the_link_good(post: Post, robin: Person) -> None:
    token = await mailed(post, robin)
    for bad in ("short", "x" * 129, "password123", robin.email):
        [error] = await reset(post.api, token, bad)
        assert (error["code"], error["field"]) == ("INVALID", ["newPassword"]), bad
    assert await signs_in(post.api, robin.email, PASSWORD)
    assert await reset(post.api, token) == []


@pytest.mark.parametrize(
    "token", ["", "x", "tfm_", "tfm_" + "A" * 43, "tfm_" + "A" * 44, "\0", "A" * 100_000]
)
async def test_what_is_no_token_is_refused_alike(post: Post, token: str) -> None:
    [error] = await reset(post.api, token)
    assert (error["code"], error["field"]) == ("INVALID_TOKEN", ["token"])
    assert error["message"] == "This link was used already or has expired. Ask for a new one."


async def test_an_expired_link_is_refused(post: Post, robin: Person) -> None:
    token = await mailed(post, robin)
    await post.sql.execute(
        "UPDATE mailed_tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1", robin.id
    )
    [error] = await reset(post.api, token)
    assert error["code"] == "INVALID_TOKEN"
    assert await signs_in(post.api, robin.email, PASSWORD)


async def test_one_link_used_voids_the_others(post: Post, robin: Person) -> None:
    first, second = await mailed(post, robin), await mailed(post, robin)
    assert await reset(post.api, second) == []
    assert [error["code"] for error in await reset(post.api, first, "yet another one")] == ["INVALID_TOKEN"]


async def test_a_link_to_verify_an_address_resets_no_password(post: Post, robin: Person) -> None:
    [error] = await reset(post.api, await post.token_for(robin))
    assert error["code"] == "INVALID_TOKEN"


async def test_of_two_uses_at_once_one_counts(post: Post, robin: Person) -> None:
    token = await mailed(post, robin)
    passwords = ("the first of the two", "the second of the two")
    results = await asyncio.gather(*(reset(post.api, token, each) for each in passwords))
    assert sorted(len(errors) for errors in results) == [0, 1]
    winner = passwords[[len(errors) for errors in results].index(0)]
    assert await signs_in(post.api, robin.email, winner)


async def test_who_is_disabled_gets_no_mail_and_their_link_is_void(post: Post, robin: Person) -> None:
    token = await mailed(post, robin)
    await post.sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", robin.id)
    count = len(post.mail.to(robin.email))
    assert [error["code"] for error in await reset(post.api, token)] == ["INVALID_TOKEN"]
    assert await request(post.api, robin.email) == []
    other = await sign_up(post.api)  # later in the outbox
    await post.token_for(other)
    assert len(post.mail.to(robin.email)) == count


async def test_a_known_and_an_unknown_address_cost_and_answer_alike(post: Post, robin: Person) -> None:
    """The request is one row in the outbox: nothing in it depends on whether anybody has the address."""
    unknown = f"{unique('nobody')}@example.com"
    answers = [await post.api.run(REQUEST, {"email": each}) for each in (robin.email, unknown)]
    assert answers[0].data == answers[1].data
    work = ["Transaction.begin", "OutboxMail.insert", "Transaction.commit"]
    assert [answer.statements for answer in answers] == [work, work]
    assert answers[0].headers.keys() == answers[1].headers.keys()
    await post.mail.wait_for(robin.email, 2)
    rows = await post.sql.fetch("SELECT outcome, address FROM outbox_mails WHERE address = $1", unknown)
    row = await post.outcome("PASSWORD_RESET")
    assert (row["outcome"], row["address"], row["user_id"]) == ("NOT_NEEDED", None, None)
    assert rows == []
    assert unknown not in post.mail.tried


async def test_what_is_no_address_is_a_fault(post: Post) -> None:
    for bad in ("", "robin", "a@b\r\nBcc: c@example.com", "a" * 300 + "@example.com"):
        [error] = await request(post.api, bad)
        assert (error["code"], error["field"]) == ("INVALID", ["email"])


async def test_one_mailbox_gets_five_in_an_hour(post: Post, robin: Person) -> None:
    """The answer says nothing of it: it would tell that the account exists."""
    for _ in range(7):
        assert await request(post.api, robin.email) == []
    decided = "SELECT count(outcome) FROM outbox_mails WHERE user_id = $1 AND kind = 'PASSWORD_RESET'"

    async def all_are_decided() -> bool:
        return bool(await post.sql.fetchval(decided, robin.id) == 7)

    await until(all_are_decided)
    reset_mails = [mail for mail in post.mail.to(robin.email) if mail.message["Subject"].startswith("Reset")]
    assert len(reset_mails) == 5
    outcomes = await post.sql.fetch(
        "SELECT outcome FROM outbox_mails WHERE user_id = $1 AND kind = 'PASSWORD_RESET'", robin.id
    )
    assert sorted(row["outcome"] for row in outcomes) == ["NOT_NEEDED"] * 2 + ["SENT"] * 5


async def test_one_address_may_ask_so_often(post: Post, start_server: StartServer) -> None:
    server = await start_server(PASSWORD_RESET_MAX="2", DATABASE_URL=post.server.database_url)
    api = Api(server.url)
    try:
        codes = [
            [error["code"] for error in await request(api, f"{unique('who')}@example.com")] for _ in range(3)
        ]
    finally:
        await api.close()
    assert codes == [[], [], ["TOO_MANY_ATTEMPTS"]]


async def test_in_production_without_smtp_host_it_is_disabled(
    start_server: StartServer, sql: asyncpg.Pool
) -> None:
    production = await start_server(NODE_ENV="production")
    api = Api(production.url)
    try:
        [error] = await request(api, "robin@example.com")
        assert (error["code"], error["field"]) == ("EMAIL_DISABLED", None)
        person = await sign_up(api)
        ask = "mutation { emailVerificationRequest { userErrors { code } } }"
        asked = (await person.run(ask)).data["emailVerificationRequest"]
        assert [each["code"] for each in asked["userErrors"]] == ["EMAIL_DISABLED"]
        written = await sql.fetchval("SELECT count(*) FROM outbox_mails WHERE user_id = $1", person.id)
        assert written == 0
    finally:
        await api.close()


async def test_in_development_without_smtp_host_the_log_shows_the_link(
    start_server: StartServer, stores: Stores
) -> None:
    server = await start_server(DATABASE_URL=await stores.new_database(), LOG_LEVEL="info")
    api = Api(server.url)
    try:
        person = await sign_up(api)
        assert await request(api, person.email) == []
        deadline = asyncio.get_running_loop().time() + 20
        pattern = rf"{re.escape(server.url.rsplit(':', 1)[1])}/account/reset-password#token=(tfm_[\w-]+)"
        while not (found := re.search(pattern, server.output())):
            assert asyncio.get_running_loop().time() < deadline, server.output()
            await asyncio.sleep(0.05)
        assert await reset(api, found[1]) == []
    finally:
        await api.close()
