from collections.abc import Callable

from tests.conftest import StartServer
from tests.harness.client import Api, Json
from tests.harness.people import PASSWORD, Person
from tests.harness.server import Server
from tests.harness.sockets import open_socket

SIGN_IN = """
mutation ($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken } }"""
SIGN_OUT = """
mutation ($everywhere: Boolean, $validateOnly: Boolean, $key: String) {
  signOut(everywhere: $everywhere, validateOnly: $validateOnly, idempotencyKey: $key) {
    userErrors { code } syncSeq
  }
}"""
REFRESH = """
mutation ($token: String!) { tokenRefresh(refreshToken: $token) { accessToken userErrors { code } } }"""
DONE: Json = {"userErrors": [], "syncSeq": None}


async def sign_in(person: Person) -> tuple[str, str]:
    answer = await person.api.run(SIGN_IN, {"input": {"email": person.email, "password": PASSWORD}})
    payload = answer.data["signIn"]
    return payload["accessToken"], payload["refreshToken"]


async def works(api: Api, token: str) -> bool:
    answer = await api.run("{ workspaces { nodes { id } } }", token=token)
    assert not answer.errors or answer.code == "UNAUTHENTICATED"
    return not answer.errors


async def refused(api: Api, refresh_token: str) -> bool:
    payload = (await api.run(REFRESH, {"token": refresh_token})).data["tokenRefresh"]
    return [error["code"] for error in payload["userErrors"]] == ["INVALID_TOKEN"]


async def test_signing_out_ends_this_session_and_no_other(api: Api, person: Person) -> None:
    token, refresh_token = await sign_in(person)
    assert (await api.run(SIGN_OUT, token=token)).data["signOut"] == DONE
    assert not await works(api, token)
    assert await refused(api, refresh_token)
    assert await works(api, person.token)
    assert not await refused(api, person.refresh_token)


async def test_signing_out_everywhere_holds_at_once_in_another_process(
    api: Api,
    person: Person,
    stranger: Person,
    start_server: StartServer,
    api_of: Callable[[Server], Api],
) -> None:
    other = api_of(await start_server())
    sessions = [(person.token, person.refresh_token), await sign_in(person), await sign_in(person)]
    for attempt in range(3):
        for token, _ in sessions:
            assert await works(other, token), attempt
            assert await works(api, token), attempt
    assert (await api.run(SIGN_OUT, {"everywhere": True}, token=sessions[1][0])).data["signOut"] == DONE
    for token, refresh_token in sessions:
        assert not await works(other, token)
        assert not await works(api, token)
        assert await refused(other, refresh_token)
    assert await works(other, stranger.token)


async def test_what_follows_in_the_same_document_is_signed_out(api: Api, person: Person) -> None:
    document = """mutation {
      signOut { userErrors { code } }
      workspaceCreate(input: {slug: "never-made", name: "x"}) { workspace { id } userErrors { code } }
    }"""
    answer = await api.run(document, token=person.token)
    assert [error["extensions"]["code"] for error in answer.errors] == ["UNAUTHENTICATED"]
    assert not (
        await api.run('{ workspace(slug: "never-made") { id } }', token=(await sign_in(person))[0])
    ).data["workspace"]


async def test_a_socket_opened_before_is_signed_out_too(api: Api, person: Person, server: Server) -> None:
    document = "{ workspaces { nodes { id } } }"
    async with open_socket(server.websocket_url, token=person.token) as socket:
        assert (await (await socket.subscribe(document)).data())["workspaces"]["nodes"]
        await api.run(SIGN_OUT, token=person.token)
        answer = await (await socket.subscribe(document)).next()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_a_trial_ends_nothing(api: Api, person: Person) -> None:
    variables = {"everywhere": True, "validateOnly": True}
    assert (await api.run(SIGN_OUT, variables, token=person.token)).data["signOut"] == DONE
    assert await works(api, person.token)


async def test_a_repeat_is_signed_out_also_with_its_key(api: Api, person: Person) -> None:
    assert (await api.run(SIGN_OUT, {"key": "once"}, token=person.token)).data["signOut"] == DONE
    assert (await api.run(SIGN_OUT, {"key": "once"}, token=person.token)).code == "UNAUTHENTICATED"
    described = await api.run(
        '{ __type(name: "Mutation") { fields { name description } } }', token=(await sign_in(person))[0]
    )
    [description] = [
        field["description"] for field in described.data["__type"]["fields"] if field["name"] == "signOut"
    ]
    assert "UNAUTHENTICATED" in description


async def test_it_needs_somebody_signed_in(api: Api) -> None:
    assert (await api.run(SIGN_OUT)).code == "UNAUTHENTICATED"
    assert (await api.run(SIGN_OUT, token="broken")).code == "UNAUTHENTICATED"
