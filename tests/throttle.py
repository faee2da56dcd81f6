"""Failing to sign in, and what is answered to who has failed too often."""

import re

from tests.harness.client import Api, Json
from tests.test_accounts_sign_in import REFUSED, SIGN_IN

LIMITS = {
    "SIGN_IN_WINDOW": "1h",
    "SIGN_IN_MAX": "3",
    "SIGN_IN_MAX_PER_EMAIL": "5",
    "SIGN_IN_MAX_PER_ADDRESS": "8",
    "SIGN_UP_MAX": "3",
}


async def sign_in(api: Api, email: str, password: str = "a wrong password") -> Json:
    payload: Json = (await api.run(SIGN_IN, {"input": {"email": email, "password": password}})).data["signIn"]
    return payload


def wait_of(payload: Json, *, within: int = 3600) -> int:
    """The seconds that a refusal names; it must be one, with nothing beside it."""
    [error] = payload["userErrors"]
    assert (error["code"], error["field"]) == ("TOO_MANY_ATTEMPTS", None), error
    assert [value for name, value in payload.items() if name != "userErrors" and value is not None] == []
    found = re.fullmatch(r"Too many attempts\. Try again in (\d+) seconds\.", error["message"])
    assert found, error
    assert 1 <= int(found[1]) <= within
    return int(found[1])


async def fail(api: Api, email: str, times: int) -> None:
    for _ in range(times):
        assert await sign_in(api, email) == REFUSED
