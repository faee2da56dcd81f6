"""Requests that a page of another site can make a browser send without a preflight."""

from urllib.parse import urlencode

import pytest

from tests.harness.client import Api

QUERY = {"query": "{ __typename }"}
SIGN_IN = 'mutation { signIn(input: {email: "a@example.com", password: "x"}) { accessToken } }'
# What Chromium, Firefox and Safari say of a form, of an image or script, and of a link that is followed.
FORGED = [
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/plain; application/json",
        "",
    ],
)
async def test_a_form_cannot_post(api: Api, content_type: str) -> None:
    """Whatever else it carries: only application/json is read, and a form cannot say that it is that."""
    for headers in ({}, {"apollo-require-preflight": "1"}):
        sent = {**headers, **({"content-type": content_type} if content_type else {})}
        content = b'{"query": "mutation { signOut { userErrors { code } } }", "x": "="}'
        response = await api.http.post("/graphql", content=content, headers=sent)
        assert response.status_code == 415
        assert response.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"
    url_encoded = {"content-type": "application/x-www-form-urlencoded"}
    response = await api.http.post("/graphql", content=urlencode({"query": SIGN_IN}), headers=url_encoded)
    assert response.status_code == 415


@pytest.mark.parametrize("headers", FORGED)
async def test_a_page_cannot_get(api: Api, headers: dict[str, str]) -> None:
    refused = await api.http.get("/graphql", params=QUERY, headers=headers | {"accept": "*/*"})
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "CSRF_PREVENTION"
    assert "GraphQL-Require-Preflight" in error["message"]
    assert "data" not in refused.json()
    simple = headers | {"content-type": "text/plain"}
    assert (await api.http.get("/graphql", params=QUERY, headers=simple)).status_code == 400


@pytest.mark.parametrize(
    "proof",
    [
        {"apollo-require-preflight": "true"},
        {"x-apollo-operation-name": "Q"},
        {"graphql-require-preflight": "1"},
        {"content-type": "application/json"},
    ],
)
@pytest.mark.parametrize("headers", FORGED)
async def test_what_needs_a_preflight_proves_it(
    api: Api, headers: dict[str, str], proof: dict[str, str]
) -> None:
    response = await api.http.get("/graphql", params=QUERY, headers=headers | proof)
    assert response.json()["data"] == {"__typename": "Query"}
    empty = dict.fromkeys(proof, "")
    assert (await api.http.get("/graphql", params=QUERY, headers=headers | empty)).status_code == 400


@pytest.mark.parametrize("mode", ["cors", "same-origin", None])
async def test_clients_get(api: Api, mode: str | None) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode} if mode else {}
    response = await api.http.get("/graphql", params=QUERY, headers=headers)
    assert response.json()["data"] == {"__typename": "Query"}


async def test_a_get_changes_nothing(api: Api) -> None:
    refused = await api.http.get(
        "/graphql", params={"query": SIGN_IN}, headers={"x-apollo-operation-name": "S"}
    )
    assert refused.status_code == 405


async def test_the_page_opens_by_a_link(api: Api) -> None:
    headers = FORGED[0] | {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = await api.http.get("/graphql", params=QUERY, headers=headers)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


async def test_browsers_may_send_the_proof(api: Api) -> None:
    asked = {
        "origin": "https://app.example.com",
        "access-control-request-method": "GET",
        "access-control-request-headers": "apollo-require-preflight,x-apollo-operation-name",
    }
    preflight = await api.http.request("OPTIONS", "/graphql", headers=asked)
    assert preflight.status_code == 200
    assert "apollo-require-preflight" in preflight.headers["access-control-allow-headers"].lower()
