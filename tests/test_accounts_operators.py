"""`taskflow user`: what an operator does with accounts."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import asyncpg
import pytest

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import PASSWORD, Person, sign_up, unique
from tests.harness.server import Server
from tests.harness.stores import Stores
from tests.harness.taskflow import run_taskflow
from tests.test_accounts_sign_in import REFUSED, sign_in
from tests.test_accounts_sign_out import refused, works

Run = Callable[..., "asyncio.Future[CompletedProcess[str]]"]

RESET = """
mutation ($token: String!, $new: String!) {
  passwordReset(token: $token, newPassword: $new) { userErrors { code } }
}"""


@pytest.fixture
def user(server: Server, tmp_path: Path) -> Run:
    """`await user("disable", email, NAME="value")`: `taskflow user` on the shared server's stores."""
    stores = {name: server.env[name] for name in ("DATABASE_URL", "REDIS_URL") if name in server.env}

    def run(*arguments: str, **settings: str) -> "asyncio.Future[CompletedProcess[str]]":
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(
            None, lambda: run_taskflow("user", *arguments, cwd=tmp_path, **(stores | settings))
        )

    return run


def done(result: CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def failed(result: CompletedProcess[str], code: int = 1) -> str:
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr


async def test_users_are_listed_by_email_and_narrowed(user: Run, api: Api, sql: asyncpg.Pool) -> None:
    word = unique("crowd")
    people = [await sign_up(api, email=f"{letter}.{word}@example.com", name=letter) for letter in "bca"]
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", people[1].email)
    lines = [line.split() for line in done(await user("list", "--email", word.upper())).splitlines()]
    assert lines[0][:3] == ["EMAIL", "NAME", "STATE"]
    assert [(line[0], line[1], line[2]) for line in lines[1:]] == [
        (f"a.{word}@example.com", "a", "active"),
        (f"b.{word}@example.com", "b", "active"),
        (f"c.{word}@example.com", "c", "disabled"),
    ]
    disabled = done(await user("list", "--email", word, "--state", "disabled")).splitlines()
    assert len(disabled) == 2
    assert disabled[1].startswith(f"c.{word}@")
    short = await user("list", "--email", word, "--limit", "1")
    assert len(done(short).splitlines()) == 2
    assert "more than 1" in short.stderr
    assert done(await user("list", "--email", unique("nobody"))).splitlines() == [
        "EMAIL  NAME  STATE  SIGNED UP  LAST SIGNED IN"
    ]


async def test_one_is_shown_by_email_or_id_without_secrets(
    user: Run, person: Person, sql: asyncpg.Pool
) -> None:
    text = done(await user("show", person.email.upper()))
    assert done(await user("show", person.id)) == text
    shown = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert (shown["id"], shown["email"], shown["state"]) == (person.id, person.email, "active")
    assert shown["sessions"] == "1"
    assert "127.0.0.1" in shown["session"]
    assert "(OWNER)" in shown["workspace"]
    stored = await sql.fetchval("SELECT password_hash FROM users WHERE email = $1", person.email)
    assert stored not in text
    assert "argon2" not in text


async def test_disabling_holds_at_once_in_every_process_until_enabled(
    user: Run,
    api: Api,
    person: Person,
    stranger: Person,
    start_server: StartServer,
    api_of: Callable[[Server], Api],
) -> None:
    other = api_of(await start_server())
    for one in (api, other):
        for _ in range(3):  # so that both remember who asks
            assert await works(one, person.token)
    result = await user("disable", person.email, LOG_LEVEL="error", NODE_ENV="development")
    for one in (api, other):
        assert not await works(one, person.token)
        assert await works(one, stranger.token)
    assert done(result) == f"{person.email} is disabled and signed out everywhere.\n"
    assert await refused(other, person.refresh_token)
    assert await sign_in(api, person.email) == REFUSED
    assert done(await user("disable", person.email)) == f"{person.email} is disabled already.\n"

    assert done(await user("enable", person.id)) == f"{person.email} may sign in again.\n"
    assert (await sign_in(other, person.email))["user"]
    # What was ended stays ended.
    assert not await works(api, person.token)
    assert await refused(api, person.refresh_token)
    assert done(await user("enable", person.email)) == f"{person.email} is not disabled.\n"


async def test_each_change_is_noted_whatever_the_log_level(user: Run, person: Person) -> None:
    production = {
        "NODE_ENV": "production",
        "JWT_SECRET": "kQ8vN2xT5bY7mR4cW9zL1pF6hJ3sD0aG",
        "LOG_LEVEL": "error",
        "REDIS_URL": "unix:///nowhere/redis.sock",
    }
    for action, message in (
        ("disable", "User disabled"),
        ("enable", "User enabled"),
        ("reset", "User's password reset"),
    ):
        result = await user(action, person.email, **production)
        done(result)
        [line] = [json.loads(line) for line in result.stderr.splitlines() if "taskflow.audit" in line]
        assert (line["message"], line["user_id"], line["level"]) == (message, person.id, "info")
        assert line["operator"]
        assert person.email not in result.stderr
        assert "token=" not in result.stderr
    nothing = await user("enable", person.email, **production)
    assert "taskflow.audit" not in nothing.stderr


async def test_resetting_voids_the_password_and_prints_a_link_that_works_once(
    user: Run, api: Api, person: Person
) -> None:
    text = done(await user("reset", person.email, PUBLIC_URL="https://tasks.example.com"))
    assert not await works(api, person.token)
    assert await refused(api, person.refresh_token)
    assert await sign_in(api, person.email, PASSWORD) == REFUSED
    found = re.search(r"  (https://tasks\.example\.com/\S+)#token=(tfm_\S{43})\n", text)
    assert found, text
    new = "another horse and another battery"
    for expected in ([], [{"code": "INVALID_TOKEN"}]):
        answer = await api.run(RESET, {"token": found[2], "new": new})
        assert answer.data["passwordReset"]["userErrors"] == expected
    assert (await sign_in(api, person.email, new))["user"]


async def test_with_an_smtp_server_the_link_goes_by_mail(
    user: Run, api: Api, person: Person, sql: asyncpg.Pool
) -> None:
    mails = "SELECT kind FROM outbox_mails WHERE lower(address) = lower($1) OR user_id = $2"
    text = done(await user("reset", person.email, SMTP_HOST="127.0.0.1", SMTP_PORT="1"))
    assert "token=" not in text
    assert "by mail" in text
    assert await sign_in(api, person.email, PASSWORD) == REFUSED
    kinds = [row["kind"] for row in await sql.fetch(mails, person.email, person.id)]
    assert kinds.count("PASSWORD_RESET") == 1
    printed = done(await user("reset", person.email, "--print", SMTP_HOST="127.0.0.1", SMTP_PORT="1"))
    assert "#token=tfm_" in printed


async def test_what_cannot_be_done_says_so(user: Run, person: Person, sql: asyncpg.Pool) -> None:
    away = user("list", DATABASE_URL="postgresql://127.0.0.1:1/x")  # waits for it meanwhile
    for action in ("show", "disable", "enable", "reset"):
        message = failed(await user(action, "nobody@example.com"))
        assert message == "There is no user nobody@example.com.\n"
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", person.email)
    assert "disabled" in failed(await user("reset", person.email))
    await sql.execute("UPDATE users SET deleted_at = now() WHERE email = $1", person.email)
    assert "deleted" in failed(await user("enable", person.email))
    assert "deleted" in failed(await user("reset", person.email))
    assert failed(await away).endswith("\n")
    assert "The database cannot be reached" in (await away).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("remove",),
        ("show",),
        ("list", "--limit", "0"),
        ("list", "--limit", "x"),
        ("list", "--state", "gone"),
    ],
)
def test_wrong_usage(tmp_path: Path, stores: Stores, arguments: tuple[str, ...]) -> None:
    result = run_taskflow("user", *arguments, cwd=tmp_path, DATABASE_URL=stores.database_url)
    assert failed(result, 2).startswith("usage: taskflow user")
