"""Who holds a stolen session uses up its attempts, and not those of the owner."""

from collections.abc import Callable
from dataclasses import replace

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import PASSWORD, Person
from tests.harness.removal import delete
from tests.harness.server import Server
from tests.test_accounts_sign_in import SIGN_IN

CHANGE = """
mutation ($old: String!, $new: String!) {
  passwordChange(currentPassword: $old, newPassword: $new) { userErrors { code } }
}"""


async def test_each_session_has_its_own_attempts(
    person: Person, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    api = api_of(await start_server(SIGN_IN_MAX="2"))
    stolen = replace(person, api=api)
    for code in ("INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "TOO_MANY_ATTEMPTS"):
        [error] = await delete(stolen, "a wrong password")
        assert error["code"] == code
    [error] = await delete(stolen, PASSWORD)
    assert error["code"] == "TOO_MANY_ATTEMPTS"
    given = {"input": {"email": person.email, "password": PASSWORD}}
    token = (await api.run(SIGN_IN, given)).data["signIn"]["accessToken"]
    changed = await api.run(CHANGE, {"old": PASSWORD, "new": "a quite different battery"}, token=token)
    assert changed.data["passwordChange"]["userErrors"] == []
