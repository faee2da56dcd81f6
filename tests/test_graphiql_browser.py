"""GraphiQL in a browser that reaches nothing but this machine."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Locator, Page, Response, WebSocket, async_playwright, expect

from tests.harness.people import PASSWORD, Person
from tests.harness.requirements import chromium
from tests.harness.server import Server

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
QUERY_EDITOR = ".graphiql-query-editor"
HEADERS_EDITOR = '[aria-label="Headers"]'
SIGN_IN = """
mutation { signIn(input: { email: "%s", password: "%s" }) { accessToken userErrors { message } } }"""
WATCH_POLICY = """
window.violations = [];
document.addEventListener('securitypolicyviolation', event =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}`));
"""

# GraphiQL stores its tabs some time after it has shown them.
FIRST_TAB = """
async () => {
  while (!localStorage['graphiql:tabState']) await new Promise(later => setTimeout(later, 50));
  return JSON.parse(localStorage['graphiql:tabState']).tabs[0].query;
}"""

expect.set_options(timeout=30_000)


@dataclass
class GraphiQL:
    page: Page
    requested: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the page has sent its first subscription."""

    @property
    def answer(self) -> Locator:
        return self.page.get_by_role("region", name="Result Window")

    async def open(self, url: str) -> None:
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.page.on("websocket", self._watch)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.problems.append(message.text) if message.type == "error" else None,
        )
        await self.page.add_init_script(WATCH_POLICY)
        await self.page.goto(url)
        await expect(self.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("Welcome")

    def _watch(self, socket: WebSocket) -> None:
        self.requested.append(socket.url)
        socket.on("framesent", lambda frame: self.subscribed.set() if "subscribe" in str(frame) else None)

    async def write(self, editor: str, text: str) -> None:
        await self.page.locator(f"{editor} .monaco-editor .view-lines").locator("visible=true").click()
        await self.page.keyboard.press("Control+A")
        # Pasted: what is typed gets closing brackets of the editor's own.
        await self.page.evaluate("text => navigator.clipboard.writeText(text)", text)
        await self.page.keyboard.press("Control+V")
        await self.page.wait_for_timeout(500)  # until GraphiQL has looked at what it holds

    async def run(self, operation: str | None = None) -> None:
        await self.page.get_by_role("button", name=re.compile("Execute query")).click()
        if operation is not None:
            await self.page.get_by_role("menuitem", name=operation).click()

    async def run_and_read(self, operation: str | None = None) -> Any:
        def answers(response: Response) -> bool:
            return response.url.endswith("/graphql") and response.request.method == "POST"

        async with self.page.expect_response(answers) as answer:
            await self.run(operation)
        return await (await answer.value).json()

    async def assert_stayed_at_home(self, server: Server) -> None:
        assert {urlsplit(url).netloc for url in self.requested if not url.startswith("data:")} == {
            f"127.0.0.1:{server.port}"
        }
        assert await self.page.evaluate("window.violations") == []
        assert self.problems == []


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield launched
        await launched.close()


@pytest.fixture
async def graphiql(browser: Browser, server: Server) -> AsyncIterator[GraphiQL]:
    context = await browser.new_context(
        viewport={"width": 1400, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    opened = GraphiQL(await context.new_page())
    await opened.open(f"{server.url}/graphql")
    yield opened
    await context.close()


async def test_from_sign_in_to_a_live_task(graphiql: GraphiQL, server: Server, person: Person) -> None:
    await person.task("Water the plants")

    await graphiql.write(QUERY_EDITOR, SIGN_IN % (person.email, PASSWORD))
    signed_in = await graphiql.run_and_read()
    token = signed_in["data"]["signIn"]["accessToken"]
    await expect(graphiql.answer).to_contain_text("accessToken")

    await graphiql.write(HEADERS_EDITOR, f'{{ "Authorization": "Bearer {token}" }}')
    await graphiql.write(QUERY_EDITOR, "{ tasks(first: 5) { nodes { identifier title } } }")
    await graphiql.run()
    await expect(graphiql.answer).to_contain_text("Water the plants")

    await graphiql.write(QUERY_EDITOR, "subscription { taskCreated { identifier title } }")
    await graphiql.run()
    await asyncio.wait_for(graphiql.subscribed.wait(), 30)
    await graphiql.page.wait_for_timeout(500)  # until the server has begun
    await person.task("Prune the apple tree")
    await expect(graphiql.answer).to_contain_text("Prune the apple tree")

    await graphiql.assert_stayed_at_home(server)


async def test_the_first_tab(graphiql: GraphiQL, server: Server, person: Person) -> None:
    await person.task("Water the plants")
    document = await graphiql.page.evaluate(FIRST_TAB)
    shown = re.sub(r'email: ".*?"', f'email: "{person.email}"', document)
    shown = re.sub(r'password: ".*?"', f'password: "{PASSWORD}"', shown)
    await graphiql.write(QUERY_EDITOR, shown)

    signed_in = await graphiql.run_and_read("SignIn")
    assert signed_in["data"]["signIn"]["userErrors"] == []
    # The page has put the token into the headers editor.
    tasks = await graphiql.run_and_read("Tasks")
    assert [task["title"] for task in tasks["data"]["tasks"]["nodes"]] == ["Water the plants"]
    await graphiql.assert_stayed_at_home(server)


async def test_a_broken_token_ends_the_subscription(graphiql: GraphiQL) -> None:
    await graphiql.write(HEADERS_EDITOR, '{ "Authorization": "Bearer broken" }')
    await graphiql.write(QUERY_EDITOR, "subscription { taskCreated { title } }")
    await graphiql.run()
    await expect(graphiql.answer).to_contain_text("4403")


async def test_the_documentation(graphiql: GraphiQL, server: Server) -> None:
    await graphiql.page.get_by_role("button", name="Show Documentation Explorer").click()
    documentation = graphiql.page.locator(".graphiql-doc-explorer")
    await documentation.get_by_role("link", name="Query", exact=True).click()
    await expect(documentation).to_contain_text("viewer")
    await graphiql.assert_stayed_at_home(server)
