"""`taskflow schema --check` against the schema that was last published."""

import argparse
from pathlib import Path

import pytest

from app.commands import schema
from app.commands.failure import CommandFailed
from app.commands.schema_changes import ACCEPTED, PUBLISHED
from app.graphql.schema import build_schema

COLOUR = ("type Task implements Node {", "type Task implements Node {\n  colour: String\n")
TITLE = '"""What is to be done: one line of 1 to 500 characters, trimmed."""\n  title: String!'
REMOVED = "Field Task.colour was removed."


@pytest.fixture(scope="module")
def text() -> str:
    return build_schema().as_str().rstrip("\n") + "\n"


@pytest.fixture
def folder(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the schema is what was published."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / PUBLISHED).parent.mkdir(parents=True)
    (tmp_path / PUBLISHED).write_text(text)
    (tmp_path / "schema.graphql").write_text(text)
    return tmp_path


def run(option: str) -> int:
    """The exit code of `taskflow schema`."""
    parser = argparse.ArgumentParser()
    schema.add_arguments(parser)
    return schema.run(parser.parse_args([option]))


def published(folder: Path, text: str, old: str, new: str) -> None:
    """What was published had `new` where the schema of today has `old`."""
    assert old in text
    (folder / PUBLISHED).write_text(text.replace(old, new, 1))


def declare(folder: Path, what: str, why: str) -> None:
    (folder / ACCEPTED).write_text(f"# Kept.\n\n[[change]]\nwhat = '{what}'\nwhy = '{why}'\n")


def test_what_was_published_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--check") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("today", "before", "told"),
    [
        (*COLOUR, REMOVED),
        ("  commentCount: Int!", "  commentCount: String!", "Task.commentCount changed type"),
        (TITLE, TITLE.removesuffix("!"), "TaskCreateInput.title changed type"),
        ("enum TaskPriority {", "enum TaskPriority {\n  WHENEVER\n", "WHENEVER was removed"),
        ("  taskReopen(", "  taskRevive(id: ID!): TaskPayload!\n\n  taskReopen(", "taskRevive was removed"),
    ],
    ids=["a field", "a field's type", "an input's type", "an enum value", "a mutation"],
)
def test_what_breaks_clients_fails(
    folder: Path, text: str, today: str, before: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    published(folder, text, today, before)
    assert run("--check") == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Breaking: ")]
    assert told in line
    assert str(ACCEPTED) in line


def test_a_declared_break_passes(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    published(folder, text, *COLOUR)
    declare(folder, REMOVED, "Nobody could see it.")
    assert run("--check") == 0
    assert capsys.readouterr().err == ""


def test_a_declaration_needs_a_reason(folder: Path, text: str) -> None:
    published(folder, text, *COLOUR)
    declare(folder, REMOVED, " ")
    with pytest.raises(CommandFailed, match=f"say why: {REMOVED}"):
        run("--check")


def test_a_declaration_of_what_did_not_happen_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(folder, REMOVED, "It was.")
    assert run("--check") == 1
    assert f"and not so: {REMOVED}" in capsys.readouterr().err


def test_a_dangerous_change_is_told_and_passes(
    folder: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    published(folder, text, '  """At once."""\n  URGENT\n', "")
    assert run("--check") == 0
    told = capsys.readouterr().err
    assert "Mind (dangerous): " in told
    assert "URGENT was added" in told


def test_without_a_published_schema_it_says_so(folder: Path) -> None:
    (folder / PUBLISHED).unlink()
    with pytest.raises(CommandFailed, match=f"{PUBLISHED} is missing"):
        run("--check")


def test_publishing_ends_the_declarations(folder: Path, text: str) -> None:
    published(folder, text, *COLOUR)
    declare(folder, REMOVED, "Nobody could see it.")
    assert run("--publish") == 0
    assert (folder / PUBLISHED).read_text() == text
    assert (folder / ACCEPTED).read_text() == "# Kept.\n"
    assert run("--check") == 0
