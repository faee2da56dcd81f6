"""schema.graphql as the tools of frontend developers see it."""

import re
from pathlib import Path

from tests.harness import npm

pytestmark = npm.needs_npm


def test_graphql_eslint_approves(tmp_path: Path) -> None:
    assert npm.succeed("eslint", "schema.graphql", cwd=npm.project("lint", tmp_path)) == ""


def test_graphql_eslint_would_tell(tmp_path: Path) -> None:
    """The exceptions in its configuration let neither of its two sets of rules slip."""
    project = npm.project("lint", tmp_path)
    _change(project / "schema.graphql", r"(type TaskEdge \{.*?)node: Task!", r"\1node: [Task!]!")
    _change(project / "schema.graphql", r"\n  viewer: User\n", "\n  getViewer: User\n")
    refused = npm.run("eslint", "schema.graphql", cwd=project)
    assert refused.returncode == 1
    for rule in ("relay-edge-types", "naming-convention"):
        assert f"@graphql-eslint/{rule}" in refused.stdout


def test_relay_compiles_pages_fragments_a_mutation_and_a_subscription(tmp_path: Path) -> None:
    project = npm.project("relay", tmp_path)
    (project / "artifacts").mkdir()
    npm.succeed("relay-compiler", cwd=project)
    artifacts = {path.name.removesuffix(".graphql.ts") for path in (project / "artifacts").iterdir()}
    assert artifacts == {
        "TaskListCreateMutation",
        "TaskListPaginationQuery",
        "TaskListQuery",
        "TaskListRefreshQuery",
        "TaskListSubscription",
        "TaskList_project",
        "TaskList_task",
    }


def test_relay_would_refuse_a_connection_that_is_none(tmp_path: Path) -> None:
    project = npm.project("relay", tmp_path)
    (project / "artifacts").mkdir()
    _change(project / "schema.graphql", r"(type PageInfo \{.*?)endCursor", r"\1lastCursor")
    refused = npm.run("relay-compiler", cwd=project)
    assert refused.returncode != 0
    assert "endCursor" in refused.stdout + refused.stderr


def _change(file: Path, pattern: str, replacement: str) -> None:
    changed, times = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.DOTALL)
    assert times == 1, pattern
    file.write_text(changed)
