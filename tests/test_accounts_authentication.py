import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from jose import jwt

from app.domain.viewer_cache import LEASE
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import JWT_SECRET
from tests.harness.sockets import open_socket

SENTENCE = "The access token is not valid. Sign in again or refresh it."
DOCUMENT = "{ workspaces { nodes { id } } }"


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def changed(token: str, *, algorithm: str = "HS256", key: str = JWT_SECRET, **changes: Any) -> str:
    """The same token with other claims, signed as whoever knows the key could."""
    claims = {**jwt.get_unverified_claims(token), **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return str(jwt.encode(kept, key, algorithm=algorithm))


def unsigned(token: str, algorithm: str, signature: bytes = b"") -> str:
    header = segment(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    return f"{header}.{token.split('.')[1]}.{segment(signature)}"


def broken_tokens(token: str, other: str) -> dict[str, str]:
    header, payload, signature = token.split(".")
    return {
        "expired": changed(token, exp=int(datetime.now(UTC).timestamp()) - 1),
        "without exp": changed(token, exp=None),
        "without sid": changed(token, sid=None),
        "HS512": changed(token, algorithm="HS512"),
        "another key": changed(token, key="another-secret-of-more-than-32-bytes"),
        "alg none": unsigned(token, "none"),
        "RS256": unsigned(token, "RS256", bytes(256)),
        "another's claims": f"{header}.{other.split('.')[1]}.{signature}",
        "another signature": f"{header}.{payload}.{'A' * 43}",
        "another's session": changed(token, sid=jwt.get_unverified_claims(other)["sid"]),
        "unknown user": changed(token, sub="01890a5d-ac96-774b-bcce-b302099a8057"),
        "no id": changed(token, sub="robin"),
        "noise": "noise",
        "long noise": "x" * 7000,
        "deep": f"{segment(b'[' * 3000)}.{payload}.{signature}",
    }


async def refused(api: Api, token: str) -> bool:
    answer = await api.run(DOCUMENT, token=token)
    return answer.code == "UNAUTHENTICATED" and answer.error["message"] == SENTENCE


async def test_every_token_that_is_not_ours_is_refused_in_one_sentence(
    api: Api, person: Person, stranger: Person
) -> None:
    for name, token in broken_tokens(person.token, stranger.token).items():
        assert await refused(api, token), name
    assert (await person.run(DOCUMENT)).data["workspaces"]["nodes"]


async def test_without_a_token_it_says_to_sign_in(api: Api) -> None:
    answer = await api.run(DOCUMENT)
    assert (answer.code, answer.error["message"]) == ("UNAUTHENTICATED", "Sign in to do this.")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM users WHERE id = $1::text::uuid",
        "UPDATE users SET disabled_at = now() WHERE id = $1::text::uuid",
        "DELETE FROM sessions WHERE user_id = $1::text::uuid",
        "UPDATE sessions SET revoked_at = now() WHERE user_id = $1::text::uuid",
    ],
)
async def test_the_token_of_a_user_or_session_ended_past_the_api_is_refused_after_the_lease(
    api: Api, person: Person, sql: asyncpg.Pool, change: str
) -> None:
    assert (await person.run(DOCUMENT)).data
    await sql.execute(change, person.id)
    await asyncio.sleep(LEASE)
    assert await refused(api, person.token)
    mutation = 'mutation { workspaceCreate(input: {slug: "abc", name: "x"}) { userErrors { code } } }'
    assert (await person.run(mutation)).code == "UNAUTHENTICATED"


async def test_a_socket_knows_the_same_tokens(person: Person, server: Any) -> None:
    async with open_socket(server.websocket_url, token=person.token) as socket:
        subscription = await socket.subscribe("{ viewer { id } }")
        assert (await subscription.data())["viewer"] == {"id": person.id}
