"""Holds the schema against the one last published, so that no client breaks by oversight."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graphql import GraphQLSchema, build_schema, find_breaking_changes, find_dangerous_changes

from app.commands.failure import CommandFailed

PUBLISHED = Path("docs/schema/published.graphql")
ACCEPTED = Path("docs/schema/accepted.toml")


@dataclass(frozen=True)
class Changes:
    breaking: list[str]
    """Those that are not accepted."""
    dangerous: list[str]
    """Such as a new enum value, which clients may not expect."""
    stale: list[str]
    """What is accepted and was not changed."""

    @property
    def acceptable(self) -> bool:
        return not self.breaking and not self.stale

    def lines(self) -> list[str]:
        """For people."""
        return [
            *(f"Mind (dangerous): {text}" for text in self.dangerous),
            *(f"Breaking: {text} Take it back, or declare it in {ACCEPTED}." for text in self.breaking),
            *(f"Declared in {ACCEPTED}, and not so: {text}" for text in self.stale),
        ]


def changes_since_published(current: GraphQLSchema) -> Changes:
    """Raises CommandFailed when the published schema is missing or a declaration is no good one."""
    if not PUBLISHED.exists():
        raise CommandFailed(f"{PUBLISHED} is missing; it comes with the source.")
    published = build_schema(PUBLISHED.read_text())
    accepted = _accepted()
    breaking = [change.description for change in find_breaking_changes(published, current)]
    return Changes(
        breaking=[text for text in breaking if text not in accepted],
        dangerous=[change.description for change in find_dangerous_changes(published, current)],
        stale=[text for text in accepted if text not in breaking],
    )


def publish(text: str) -> None:
    """Makes this the published schema; nothing is to be accepted any more."""
    PUBLISHED.parent.mkdir(parents=True, exist_ok=True)
    PUBLISHED.write_text(text)
    if ACCEPTED.exists():
        ACCEPTED.write_text(_comment(ACCEPTED.read_text()))


def _accepted() -> Mapping[str, str]:
    """The reasons by the changes."""
    if not ACCEPTED.exists():
        return {}
    try:
        entries = tomllib.loads(ACCEPTED.read_text()).get("change", [])
        found = {entry["what"]: entry["why"].strip() for entry in entries}
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError) as error:
        raise CommandFailed(f"{ACCEPTED}: each [[change]] needs the texts `what` and `why`.") from error
    for what, why in found.items():
        if not why:
            raise CommandFailed(f"{ACCEPTED}: say why: {what}")
    return found


def _comment(text: str) -> str:
    """The lines before the first entry."""
    kept = [line for line in text.partition("\n[[change]]")[0].splitlines() if line.startswith("#")]
    return "\n".join(kept) + "\n"
