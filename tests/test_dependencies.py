"""The lock files, the bill of materials made of them, and the audit."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.harness.stores import REPOSITORY

LOCKS = sorted((REPOSITORY / "locks").glob("*.txt"))
REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[a-z0-9,-]+\])?==(?P<version>[^ ;\\]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def pinned(lock: Path) -> dict[str, str]:
    """By name, each requirement with the lines that belong to it."""
    found: dict[str, str] = {}
    for line in lock.read_text().splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            requirement = REQUIREMENT.match(line)
            assert requirement, f"{lock.name}: not pinned: {line}"
            name = requirement["name"]
        if line and not line.lstrip().startswith("#"):
            found[name] = found.get(name, "") + line
    return found


def test_there_are_locks_for_each_use() -> None:
    assert {"dev.txt", "production.txt", "run.txt"} <= {lock.name for lock in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_with_hashes_and_names_no_index(lock: Path) -> None:
    requirements = pinned(lock)
    assert requirements
    assert [name for name, text in requirements.items() if not HASH.search(text)] == []
    assert not re.search(r"://|--(extra-)?index|--find-links| @ ", lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_one_environment_serves_every_lock(lock: Path) -> None:
    every = pinned(REPOSITORY / "locks" / "dev.txt")
    assert [name for name, text in pinned(lock).items() if every.get(name) != text] == []


def test_the_bill_of_materials_is_valid_and_lists_the_lock(tmp_path: Path) -> None:
    bill = tmp_path / "taskflow.cdx.json"
    made = subprocess.run([".ci/sbom", bill], cwd=REPOSITORY, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    text = bill.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    content = json.loads(text)
    listed = {component["name"]: component for component in content["components"]}
    assert set(listed) == set(pinned(REPOSITORY / "locks" / "production.txt"))
    assert all(component["externalReferences"][0]["hashes"] for component in listed.values())
    assert content["metadata"]["component"]["name"] == "taskflow"


@contextmanager
def osv(known: Mapping[str, str], status: int = 200) -> Iterator[str]:
    """A vulnerability database that speaks OSV's API (https://google.github.io/osv.dev/post-v1-query/).

    `known` maps a package to the id of what is known against it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = _vulnerabilities(query["package"]["name"], known)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def _vulnerabilities(package: str, known: Mapping[str, str]) -> dict[str, Any]:
    if package not in known:
        return {}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}]
    affected = {"package": {"name": package, "ecosystem": "PyPI"}, "ranges": ranges}
    return {"vulns": [{"id": known[package], "summary": "Made up.", "affected": [affected]}]}


def audit(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ".ci/audit", "--vulnerability-service", "osv", "--osv-url", url, "--timeout", "5"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


def test_the_audit_passes_when_nothing_is_known() -> None:
    with osv({}) as url:
        done = audit(url)
    assert done.returncode == 0, done.stderr
    assert "0 known vulnerabilities" in done.stdout


def test_the_audit_fails_on_what_is_known() -> None:
    with osv({"starlette": "CVE-2026-00001"}) as url:
        done = audit(url)
    assert done.returncode == 1
    assert re.search(r"starlette \S+: CVE-2026-00001, mended in 999", done.stdout)


def test_the_audit_leaves_out_what_docs_security_explains() -> None:
    with osv({"python-jose": "CVE-2026-85394"}) as url:
        done = audit(url)
    assert done.returncode == 0
    assert "CVE-2026-85394" in done.stdout
    assert "CVE-2026-85394" in (REPOSITORY / "docs" / "security.md").read_text()


def test_an_audit_that_could_not_ask_is_no_pass() -> None:
    with osv({}, status=503) as url:
        refused = audit(url)
    away = audit("http://127.0.0.1:1/v1/query")
    for done in (refused, away):
        assert done.returncode == 3
        assert done.stderr.startswith("The packages could not be audited: ")
