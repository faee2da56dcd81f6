"""Apollo Client and urql against a live server, with the types that graphql-codegen makes of schema.graphql.

graphql-ws by itself is in test_live_node.py.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import npm
from tests.harness.people import Person
from tests.harness.server import Server

pytestmark = npm.needs_npm

MADE = "made by a client"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients as JavaScript: what is generated fits the schema, and their code fits what is generated."""
    project = npm.project("clients", tmp_path_factory.mktemp("npm"))
    npm.succeed("graphql-codegen", "--config", "codegen.json", cwd=project)
    npm.succeed("tsc", cwd=project)
    return project / "built"


@pytest.mark.parametrize("client", ["apollo", "urql"])
async def test_a_client_queries_mutates_fails_and_listens(
    client: str, built: Path, server: Server, person: Person
) -> None:
    for number in range(3):
        await person.task(f"task {number}")
    seen = await _play(built / f"{client}.js", server, person)
    assert seen == {
        "created": MADE,
        "status": "UNSTARTED",
        "pages": [[MADE, "task 2"], ["task 1", "task 0"]],
        "userErrors": [{"code": "INVALID", "field": ["input", "title"]}],
        "badPage": "BAD_USER_INPUT",
        "signedOut": "UNAUTHENTICATED",
        "event": "heard by a client",
    }


async def _play(script: Path, server: Server, person: Person) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(script),
        f"{server.url}/graphql",
        server.websocket_url,
        person.token,
        person.project_id,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, wrong = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, wrong.decode()
    return dict(json.loads(printed))
