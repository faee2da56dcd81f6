"""What README.md and docs/api.md show works as it stands there."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Callable

import pytest
from graphql import build_ast_schema, parse, print_ast, validate

from app.cli import _COMMANDS
from app.graphql.schema import build_schema
from tests.harness.client import Api
from tests.harness.server import Server, Servers
from tests.harness.sockets import open_socket
from tests.harness.stores import REPOSITORY, Stores
from tests.harness.taskflow import run_taskflow

README = (REPOSITORY / "README.md").read_text()
API = (REPOSITORY / "docs" / "api.md").read_text()
ADDRESS = "http://localhost:3000"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
async def demo(
    stores: Stores, server: Server, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    folder, database_url = tmp_path_factory.mktemp("demo"), await stores.new_database()
    seeded = run_taskflow("seed", cwd=folder, DATABASE_URL=database_url, JWT_SECRET="0123456789abcdef" * 3)
    assert seeded.returncode == 0, seeded.stderr
    env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    started = servers.start({**env, "DATABASE_URL": database_url})
    await started.wait_ready()
    yield started
    started.kill()


async def test_the_first_query(demo: Server) -> None:
    [script] = blocks(README, "bash")
    [expected] = blocks(README, "json")
    assert ADDRESS in script
    result = await asyncio.to_thread(_run, script.replace(ADDRESS, demo.url))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["data"] == json.loads(expected)["data"]


def _run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": os.environ["PATH"]},
    )


async def test_the_first_subscription(demo: Server, api_of: Callable[[Server], Api]) -> None:
    subscription, commands = blocks(README, "graphql")
    query, mutation = commands.strip().splitlines()
    api = api_of(demo)
    sign_in = re.search(r"-d '({.*})'", blocks(README, "bash")[0])
    assert sign_in is not None
    token = (await api.post(json.loads(sign_in[1]))).data["signIn"]["accessToken"]
    async with open_socket(demo.websocket_url, token=token) as socket:
        changes = await socket.subscribe(subscription, settle=1)
        task = (await api.run(query, token=token)).data["task"]
        completed = (await api.run(mutation, {"id": task["id"]}, token=token)).data["taskComplete"]
        assert completed["userErrors"] == []
        update = (await changes.data())["taskUpdated"]
    assert update["identifier"] == completed["task"]["identifier"]
    assert update["status"] == {"name": "Done"}


def test_documents_in_the_docs_are_valid() -> None:
    schema = build_ast_schema(parse(build_schema().as_str()))
    documents = [*blocks(README, "graphql"), *blocks(API, "graphql")]
    assert len(documents) >= 6
    for document in documents:
        for operation in parse(document).definitions:
            errors = validate(schema, parse(print_ast(operation)))
            assert not errors, (document, errors)


def test_every_command_that_is_named_is_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for page in (REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")):
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, page
        commands = set(re.findall(r"\btaskflow ([a-z][a-z-]*)(?= --?[a-z]|`)", page.read_text()))
        assert commands <= set(_COMMANDS), page


def test_links_lead_somewhere() -> None:
    for name in ("README.md", "docs/api.md", "docs/architecture.md", "docs/deployment.md"):
        page = REPOSITORY / name
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{name} leads to {target}"


def test_every_top_level_code_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", API, re.MULTILINE)
    documented = {code for row in rows for code in re.findall(r"[A-Z_]+", row)}
    named = set(re.findall(r'Final = "([A-Z_]+)"', (REPOSITORY / "app/web/errors.py").read_text()))
    for path in (REPOSITORY / "app").rglob("*.py"):
        named |= set(re.findall(r'"code": "([A-Z_]+)"', path.read_text()))
    assert documented == named
