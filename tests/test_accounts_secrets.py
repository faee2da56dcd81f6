"""Changing JWT_SECRET signs nobody out: tokens of two secrets are good, and the first one signs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.tokens import AccessTokens, InvalidToken
from app.models.ids import new_id
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import JWT_SECRET, Server
from tests.harness.taskflow import run_taskflow
from tests.test_accounts_sign_in import sign_in
from tests.test_accounts_sign_out import works
from tests.test_accounts_tokens import signed
from tests.test_platform_config import DER

NEXT = "the-secret-that-comes-next-0123456789abcdef"
THIRD = "a-third-secret-that-nobody-has-0123456789abcdef"


async def test_a_change_of_secrets_in_three_steps(
    api: Api,
    person: Person,
    server: Server,
    start_server: StartServer,
    api_of: Callable[[Server], Api],
) -> None:
    old = person.token
    # Every server learns the next secret before any signs with it: while they restart, both kinds run.
    knows = api_of(await start_server(JWT_SECRET_PREVIOUS=NEXT))
    signs = api_of(await start_server(JWT_SECRET=NEXT, JWT_SECRET_PREVIOUS=JWT_SECRET))
    new = str((await sign_in(signs, person.email))["accessToken"])
    for one in (knows, signs):
        assert await works(one, old)
        assert await works(one, new)
    assert await works(api, old)
    assert not await works(api, new)  # which is why
    assert await works(api, str((await sign_in(knows, person.email))["accessToken"]))
    # Once the last old token has expired the old secret goes.
    done = api_of(await start_server(JWT_SECRET=NEXT))
    assert await works(done, new)
    assert not await works(done, old)


async def test_a_refresh_token_outlives_every_secret(
    person: Person, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    other = api_of(await start_server(JWT_SECRET=THIRD))
    assert not await works(other, person.token)
    document = "mutation ($token: String!) { tokenRefresh(refreshToken: $token) { accessToken } }"
    refreshed = await other.run(document, {"token": person.refresh_token})
    assert await works(other, refreshed.data["tokenRefresh"]["accessToken"])


def test_every_rule_holds_for_tokens_of_either_secret() -> None:
    tokens = AccessTokens(NEXT, timedelta(minutes=5), previous=JWT_SECRET)
    user, session = new_id(), new_id()
    for secret in (NEXT, JWT_SECRET):
        token, _ = AccessTokens(secret, timedelta(minutes=5)).issue(user, session, datetime.now(UTC))
        assert tokens.verify(token).user_id == user
        sound: dict[str, Any] = {"key": secret, "sub": str(user), "sid": str(session)}
        assert tokens.verify(signed(**sound)).session_id == session
        for wrong in ({"exp": 1_600_000_000}, {"exp": None}, {"iat": None}, {"sub": None}, {"sid": None}):
            with pytest.raises(InvalidToken):
                tokens.verify(signed(**{**sound, **wrong}))
        with pytest.raises(InvalidToken):
            tokens.verify(signed("HS512", **sound))
    with pytest.raises(InvalidToken):
        tokens.verify(signed(key=THIRD))
    made, _ = tokens.issue(user, session, datetime.now(UTC))
    assert AccessTokens(NEXT, timedelta(minutes=5)).verify(made).user_id == user


@pytest.mark.parametrize("secret", ["x" * 31, "-----BEGIN PUBLIC KEY-----" + "x" * 40, DER.hex()[:20]])
def test_the_previous_secret_must_be_as_strong(tmp_path: Path, secret: str) -> None:
    result = run_taskflow(
        "serve", cwd=tmp_path, JWT_SECRET=NEXT, JWT_SECRET_PREVIOUS=secret, DATABASE_URL="postgresql://x/x"
    )
    assert result.returncode == 2
    assert result.stderr.splitlines()[1].startswith("  - JWT_SECRET_PREVIOUS is ")
    assert secret not in result.stderr


def test_doctor_shows_neither(tmp_path: Path) -> None:
    result = run_taskflow(
        "doctor",
        cwd=tmp_path,
        JWT_SECRET=NEXT,
        JWT_SECRET_PREVIOUS=THIRD,
        DATABASE_URL="postgresql://127.0.0.1:1/x",
        REDIS_URL="redis://127.0.0.1:1",
    )
    assert THIRD not in result.stdout + result.stderr
    assert ["*", "JWT_SECRET_PREVIOUS", "***"] in [line.split() for line in result.stdout.splitlines()]
