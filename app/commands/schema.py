import argparse
import difflib
import sys
from pathlib import Path

from app.commands.schema_changes import PUBLISHED, Changes, changes_since_published, publish
from app.graphql.schema import build_schema

_FILE = Path("schema.graphql")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--write", action="store_true", help=f"write it to {_FILE}")
    where.add_argument(
        "--check",
        action="store_true",
        help=f"fail when {_FILE} differs from it, or when it breaks clients of {PUBLISHED}",
    )
    where.add_argument(
        "--publish", action="store_true", help=f"write it to {PUBLISHED}, as part of a release"
    )


def run(arguments: argparse.Namespace) -> int:
    schema = build_schema()
    text = schema.as_str().rstrip("\n") + "\n"
    if arguments.write:
        _FILE.write_text(text)
        return 0
    if arguments.check:
        return _compare(text) or _judge(changes_since_published(schema._schema))
    if arguments.publish:
        publish(text)
        return 0
    print(text, end="")
    return 0


def _compare(text: str) -> int:
    written = _FILE.read_text() if _FILE.exists() else ""
    if written == text:
        return 0
    difference = difflib.unified_diff(
        written.splitlines(),
        text.splitlines(),
        f"{_FILE} as written",
        f"{_FILE} as it should be",
        lineterm="",
    )
    print("\n".join(difference), file=sys.stderr)
    print(f"{_FILE} is out of date; write it with: make schema", file=sys.stderr)
    return 1


def _judge(changes: Changes) -> int:
    for line in changes.lines():
        print(line, file=sys.stderr)
    return 0 if changes.acceptable else 1
