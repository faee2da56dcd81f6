import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jose import jwt

from app.domain.tokens import AccessTokens, InvalidToken
from app.models.ids import new_id

SECRET = "0123456789abcdef" * 3
USER, SESSION = new_id(), new_id()


def issuer(**options: Any) -> AccessTokens:
    return AccessTokens(SECRET, timedelta(minutes=15), **options)


def signed(algorithm: str = "HS256", key: str = SECRET, **changes: Any) -> str:
    """A token as we would issue it, but for what is changed; None takes a claim away."""
    now = int(datetime.now(UTC).timestamp())
    claims = {"sub": str(USER), "sid": str(SESSION), "iat": now, "exp": now + 60, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return str(jwt.encode(kept, key, algorithm=algorithm))


def unsigned(algorithm: object, signature: bytes = b"") -> str:
    payload = signed().split(".")[1]
    header = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    return f"{_segment(header)}.{payload}.{_segment(signature)}"


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_token_names_the_user_the_session_and_its_end() -> None:
    now = datetime.now(UTC)
    token, expires_at = issuer().issue(USER, SESSION, now)
    assert now + timedelta(minutes=15) - expires_at < timedelta(seconds=1)
    claims = issuer().verify(token)
    assert (claims.user_id, claims.session_id, claims.expires_at) == (USER, SESSION, expires_at.timestamp())
    assert set(jwt.get_unverified_claims(token)) == {"sub", "sid", "iat", "exp"}
    assert jwt.get_unverified_header(token)["alg"] == "HS256"


def test_what_was_verified_is_remembered_until_it_expires_and_no_more_than_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = issuer(remembered=2)
    made = [tokens.issue(new_id(), SESSION, datetime.now(UTC))[0] for _ in range(5)]
    for token in made:
        assert tokens.verify(token) is tokens.verify(token)
    assert set(tokens._verified) == set(made[-2:])

    brief = AccessTokens(SECRET, timedelta(seconds=1))
    token, expires_at = brief.issue(USER, SESSION, datetime.now(UTC))
    brief.verify(token)
    monkeypatch.setattr("app.domain.tokens.time.time", lambda: expires_at.timestamp())
    with pytest.raises(InvalidToken):
        brief.verify(token)


SOUND = signed()
HEADER, PAYLOAD, SIGNATURE = SOUND.split(".")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(exp=1_600_000_000), id="expired"),
        pytest.param(signed(exp=None), id="without exp"),
        pytest.param(signed(iat=None), id="without iat"),
        pytest.param(signed(sub=None), id="without sub"),
        pytest.param(signed(sid=None), id="without sid"),
        pytest.param(signed(sub="1"), id="sub is no id"),
        pytest.param(signed(sid=7), id="sid is a number"),
        pytest.param(signed(exp="4102444800"), id="exp is text"),
        pytest.param(signed(exp=[1]), id="exp is a list"),
        pytest.param(signed(exp=float("inf")), id="exp is Infinity"),
        pytest.param(signed(iat={}), id="iat is an object"),
        pytest.param(signed("HS512"), id="HS512"),
        pytest.param(signed("HS384"), id="HS384"),
        pytest.param(signed(key="f" * 48), id="another key"),
        pytest.param(unsigned("none"), id="alg none"),
        pytest.param(unsigned("none", bytes(32)), id="alg none with a signature"),
        pytest.param(unsigned("RS256", bytes(256)), id="RS256"),
        pytest.param(unsigned("RS256", bytes(32)), id="RS256 with a short signature"),
        pytest.param(unsigned("ES256", bytes(64)), id="ES256"),
        pytest.param(unsigned(["HS256"], bytes(32)), id="alg is a list"),
        pytest.param(unsigned({}, bytes(32)), id="alg is an object"),
        pytest.param(f"{HEADER}.{PAYLOAD}.{'A' * 43}", id="another signature"),
        pytest.param(f"{HEADER}.{signed(sub=str(SESSION)).split('.')[1]}.{SIGNATURE}", id="another payload"),
        pytest.param(f"{HEADER}.{PAYLOAD}.", id="no signature"),
        pytest.param(f"{HEADER}.{PAYLOAD}", id="two segments"),
        pytest.param(f"{SOUND}.{SIGNATURE}", id="four segments"),
        pytest.param(f"{SOUND}\n", id="a line break after it"),
        pytest.param(f" {SOUND}", id="a space before it"),
        pytest.param(f"{_segment(b'[' * 380)}.{PAYLOAD}.{SIGNATURE}", id="a deep header"),
        pytest.param(f"{_segment(b'[' * 40_000)}.{PAYLOAD}.{SIGNATURE}", id="a very deep header"),
        pytest.param(f"{_segment(b'5')}.{PAYLOAD}.{SIGNATURE}", id="a header that is a number"),
        pytest.param(f"{_segment(bytes([255]))}.{PAYLOAD}.{SIGNATURE}", id="a header that is not UTF-8"),
        pytest.param("é.é.é", id="other letters"),
        pytest.param("a.b." + "c" * 43, id="noise"),
        pytest.param("", id="empty"),
    ],
)
def test_every_other_token_is_refused_alike(token: str) -> None:
    with pytest.raises(InvalidToken):
        issuer().verify(token)


def test_a_key_in_the_form_of_json_is_one_secret() -> None:
    for secret in ('["0123456789abcdef0123456789abcdef"]', '{"keys": []}' + "x" * 32, "1" * 48):
        tokens = AccessTokens(secret, timedelta(minutes=1))
        token, _ = tokens.issue(USER, SESSION, datetime.now(UTC))
        assert AccessTokens(secret, timedelta(minutes=1)).verify(token).user_id == USER
