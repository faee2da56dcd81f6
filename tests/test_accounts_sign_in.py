import asyncio
from itertools import islice
from pathlib import Path

import argon2
import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.stores import REPOSITORY

SIGN_IN = """
mutation ($input: SignInInput!) {
  signIn(input: $input) {
    user { id email name } accessToken refreshToken expiresAt userErrors { code message field }
  }
}"""
REFUSED = {
    "user": None,
    "accessToken": None,
    "refreshToken": None,
    "expiresAt": None,
    "userErrors": [
        {"code": "INVALID_CREDENTIALS", "message": "The email or the password is wrong.", "field": None}
    ],
}

WEAK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ANOTHER_HASH = WEAK.hash("another password")

# Loaded by the server's own interpreter at its start: a byte in a file for each verification.
COUNTING = """
import os

import argon2

verify = argon2.PasswordHasher.verify


def counted(*given):
    with open(os.environ["VERIFICATIONS"], "ab") as file:
        file.write(b"1")
    return verify(*given)


argon2.PasswordHasher.verify = counted
"""

# Verifies nothing until a file is there.
GATED = """
import os
import time

import argon2

verify = argon2.PasswordHasher.verify


def gated(*given):
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.02)
    return verify(*given)


argon2.PasswordHasher.verify = gated
"""


async def sign_in(
    api: Api, email: str, password: str = PASSWORD, *, token: str | None = None
) -> dict[str, object]:
    answer = await api.run(SIGN_IN, {"input": {"email": email, "password": password}}, token=token)
    payload: dict[str, object] = answer.data["signIn"]
    return payload


async def test_the_payload_is_readable_and_its_token_is_good(api: Api, person: Person) -> None:
    payload = await sign_in(api, f" {person.email.upper()} ")
    assert payload["userErrors"] == []
    assert payload["user"] == {"id": person.id, "email": person.email, "name": "Robin"}
    viewer = (await api.run("{ viewer { id } }", token=str(payload["accessToken"]))).data["viewer"]
    assert viewer == {"id": person.id}


async def test_a_token_that_is_broken_or_somebody_elses_does_not_matter(
    api: Api, person: Person, stranger: Person
) -> None:
    for token in ("broken", stranger.token):
        payload = await sign_in(api, person.email, token=token)
        assert payload["user"] == {"id": person.id, "email": person.email, "name": "Robin"}


async def test_after_signing_in_the_same_document_goes_on_as_that_person(api: Api, person: Person) -> None:
    document = """mutation ($input: SignInInput!, $slug: String!) {
      signIn(input: $input) { user { id } }
      workspaceCreate(input: {slug: $slug, name: "Garden"}) { workspace { slug role } userErrors { code } }
    }"""
    slug = unique("space")
    variables = {"input": {"email": person.email, "password": PASSWORD}, "slug": slug}
    data = (await api.run(document, variables)).data
    assert data["workspaceCreate"] == {"workspace": {"slug": slug, "role": "OWNER"}, "userErrors": []}


@pytest.mark.parametrize("password", ["", "x", "correct horse battery stapl", PASSWORD + "\0", "x" * 100_000])
async def test_a_wrong_password_is_refused(api: Api, person: Person, password: str) -> None:
    assert await sign_in(api, person.email, password) == REFUSED


@pytest.mark.parametrize(
    "email", ["nobody@example.com", "", "nobody", "nobody\0@example.com", "x" * 10_000, "' OR 1=1 --"]
)
async def test_an_unknown_email_answers_like_a_wrong_password(api: Api, email: str) -> None:
    assert await sign_in(api, email) == REFUSED


async def test_whatever_is_wrong_costs_one_verification(
    start_server: StartServer, api: Api, person: Person, tmp_path: Path, sql: asyncpg.Pool
) -> None:
    (tmp_path / "sitecustomize.py").write_text(COUNTING)
    counted = tmp_path / "verifications"
    counted.touch()
    server = await start_server(PYTHONPATH=f"{tmp_path}:{REPOSITORY}", VERIFICATIONS=str(counted))
    other = Api(server.url)
    disabled = await disabled_email(api, sql)
    for email, password in [
        (person.email, PASSWORD),
        (person.email, "wrong password"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        (disabled, PASSWORD),
        (disabled, "wrong password"),
    ]:
        before = counted.stat().st_size
        await sign_in(other, email, password)
        assert counted.stat().st_size - before == 1, (email, password)
    await other.close()


async def test_more_sign_ins_than_can_wait_are_told_so_and_the_rest_are_served(
    start_server: StartServer, person: Person, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(GATED)
    gate = tmp_path / "gate"
    other = Api((await start_server(PYTHONPATH=f"{tmp_path}:{REPOSITORY}", GATE=str(gate))).url)
    given = {"input": {"email": person.email, "password": PASSWORD}}
    sending = [asyncio.create_task(other.run(SIGN_IN, given)) for _ in range(100)]
    async with asyncio.timeout(25):
        for refusal in islice(asyncio.as_completed(sending), 34):
            await refusal
    gate.touch()
    answers = await asyncio.gather(*sending)
    await other.close()
    # Two are at work and 64 wait.
    assert [answer.code for answer in answers if answer.errors] == ["SERVICE_UNAVAILABLE"] * 34
    assert len([answer for answer in answers if not answer.errors and answer.data["signIn"]["user"]]) == 66


async def test_a_disabled_and_a_deleted_user_are_unknown(api: Api, sql: asyncpg.Pool) -> None:
    email = await disabled_email(api, sql)
    assert await sign_in(api, email) == REFUSED
    await sql.execute("DELETE FROM users WHERE email = $1", email)
    assert await sign_in(api, email) == REFUSED


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("disabled_at = now()", id="disabled"),
        pytest.param(f"password_hash = '{ANOTHER_HASH}'", id="another password"),
    ],
)
async def test_no_session_begins_with_what_is_being_taken_away(
    api: Api, person: Person, sql: asyncpg.Pool, change: str
) -> None:
    async with sql.acquire() as connection:
        changing = connection.transaction()
        await changing.start()
        await connection.execute(f"UPDATE users SET {change} WHERE email = $1", person.email)
        signing_in = asyncio.create_task(sign_in(api, person.email))
        await asyncio.sleep(0.5)
        assert not signing_in.done()
        await changing.commit()
    assert await signing_in == REFUSED


async def test_a_hash_of_old_parameters_is_renewed_also_when_many_sign_in_at_once(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    weak = WEAK.hash(PASSWORD)
    await sql.execute("UPDATE users SET password_hash = $2 WHERE email = $1", person.email, weak)
    payloads = await asyncio.gather(*(sign_in(api, person.email) for _ in range(6)))
    assert [payload["userErrors"] for payload in payloads] == [[]] * 6
    stored = await sql.fetchval("SELECT password_hash FROM users WHERE email = $1", person.email)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await sign_in(api, person.email))["user"]


async def test_sessions_that_have_expired_are_cleared_away(
    api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    await sql.execute(
        "UPDATE sessions SET expires_at = now() - interval '1 second' WHERE user_id = $1::text::uuid",
        person.id,
    )
    await sign_in(api, person.email)
    sessions = await sql.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1::text::uuid", person.id)
    assert sessions == 1


async def disabled_email(api: Api, sql: asyncpg.Pool) -> str:
    person = await sign_up(api)
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", person.email)
    return person.email
