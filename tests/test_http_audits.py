"""GraphQL over HTTP, as the audits of the npm package graphql-http understand it."""

import json
import subprocess

from tests.harness import npm
from tests.harness.server import Server

pytestmark = npm.needs_npm


def test_every_audit_is_passed(server: Server) -> None:
    done = subprocess.run(
        ["node", "audits.mjs", f"{server.url}/graphql"],
        cwd=npm.NPM,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    failed = [result for result in results if result["status"] != "ok"]
    assert failed == []
    assert len(results) == 61
