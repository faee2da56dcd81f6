"""GraphiQL's page and files, without a browser."""

import re

from tests.conftest import StartServer
from tests.harness.client import Api

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def test_a_browser_gets_the_page(api: Api) -> None:
    page = await api.http.get("/graphql", headers={"accept": BROWSER})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "accept" in page.headers["vary"].lower()
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-frame-options"] == "DENY"
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert not re.search(r"https?:", page.headers["content-security-policy"])


async def test_it_names_no_other_host(api: Api) -> None:
    page = await api.http.get("/graphql", headers={"accept": BROWSER})
    assert not re.search(r"(src|href)=\"(https?:)?//", page.text)


async def test_an_unchanged_page_is_not_sent_again(api: Api) -> None:
    page = await api.http.get("/graphql", headers={"accept": BROWSER})
    again = await api.http.get("/graphql", headers={"accept": BROWSER, "if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_its_files_are_kept_for_good(api: Api) -> None:
    page = await api.http.get("/graphql", headers={"accept": BROWSER})
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(files) >= 3
    for path in files:
        file = await api.http.get(path)
        assert file.status_code == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["x-content-type-options"] == "nosniff"
        again = await api.http.get(path, headers={"if-none-match": file.headers["etag"]})
        assert again.status_code == 304


async def test_other_files_are_not_served(api: Api) -> None:
    for path in ("../graphiql.py", "..%2f..%2fgraphiql.py", "assets", "assets/", "nothing.js"):
        assert (await api.http.get(f"/graphql/static/{path}")).status_code == 404


async def test_clients_are_not_browsers(api: Api) -> None:
    for accept in ("*/*", "application/json", "application/graphql-response+json, text/html"):
        answer = await api.http.get(
            "/graphql", params={"query": "{ __typename }"}, headers={"accept": accept}
        )
        assert answer.json()["data"] == {"__typename": "Query"}


async def test_production_shows_no_demo_password(start_server: StartServer) -> None:
    server = await start_server(NODE_ENV="production", GRAPHIQL="true")
    api = Api(server.url)
    page = await api.http.get("/graphql", headers={"accept": BROWSER})
    await api.close()
    assert "you@example.com" in page.text
    assert "taskflow-demo" not in page.text
