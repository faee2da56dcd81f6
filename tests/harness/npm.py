"""Programs of tests/npm, which `npm ci --prefix tests/npm` installs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.stores import REPOSITORY

NPM = REPOSITORY / "tests" / "npm"

needs_npm = [
    pytest.mark.node,
    pytest.mark.skipif(
        not (NPM / "node_modules" / ".bin" / "relay-compiler").exists(),
        reason="needs `npm ci --prefix tests/npm`",
    ),
]
"""For `pytestmark`."""


def project(name: str, folder: Path) -> Path:
    """A copy of tests/npm/<name> in `folder`, with schema.graphql in it: the programs write files."""
    copy = folder / name
    shutil.copytree(NPM / name, copy)
    shutil.copy(REPOSITORY / "schema.graphql", copy)
    shutil.copy(NPM / "package.json", folder)
    if not (modules := folder / "node_modules").exists():
        modules.symlink_to(NPM / "node_modules")
    return copy


def run(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program that a package brings, whatever its exit code."""
    return subprocess.run(
        [os.fspath(NPM / "node_modules" / ".bin" / program), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


def succeed(program: str, *arguments: str, cwd: Path) -> str:
    """Runs a program that must exit with 0, and returns what it printed."""
    done = run(program, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
