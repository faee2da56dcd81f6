"""How large one answer may become: the same rows may occur in it again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError

MAX_OBJECTS = 50_000
"""How many objects the lists of one answer hold in all; more are refused."""
MAX_TEXT = 10_000_000
"""Characters of the long texts in one answer, each as often as it occurs; more are refused."""


class AnswerTooLarge(GraphQLError):
    """For the client, from here: graphql-core would begin the same answer again."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The answer would hold more than {what}.", extensions={"code": "BAD_USER_INPUT"})


@dataclass(slots=True)
class AnswerSize:
    """Of what an answer holds so far, as often as it occurs in it: objects of lists, and characters."""

    objects: int = 0
    text: int = 0

    def add_objects(self, number: int) -> None:
        """Raises AnswerTooLarge."""
        self.objects += number
        self.check_objects()

    def check_objects(self) -> None:
        """Raises AnswerTooLarge, also when it was raised before for one field of the answer."""
        if self.objects > MAX_OBJECTS:
            raise AnswerTooLarge(f"{MAX_OBJECTS:,} objects: ask for shorter pages")

    def add_text(self, length: int) -> None:
        """Raises AnswerTooLarge."""
        self.text += length
        if self.text > MAX_TEXT:
            raise AnswerTooLarge(
                f"{MAX_TEXT:,} characters: ask for shorter pages, or for the long texts of fewer objects"
            )

    def reset(self) -> None:
        """For the same answer from the start."""
        self.objects = self.text = 0


@dataclass(frozen=True, slots=True)
class Weight:
    """What an object of a level weighs, beyond what its number says: long texts, and what is named anew."""

    fixed: int
    texts: tuple[tuple[int, int], ...]
    """Places of columns in a row, and how often an object holds each."""

    def of(self, rows: Sequence[Any], times: Sequence[int] | None) -> int:
        """In characters. `times`: how often each row occurs; None: once."""
        if times is None:
            texts = sum([number * _length(row[place]) for place, number in self.texts for row in rows])
            return texts + self.fixed * len(rows)
        return sum(
            often * (self.fixed + sum([number * _length(row[place]) for place, number in self.texts]))
            for row, often in zip(rows, times, strict=True)
        )


def check_text(data: object) -> None:
    """Of a whole answer that was not weighed while it was made. Raises AnswerTooLarge."""
    size, nested = AnswerSize(), [data]
    while nested:
        value = nested.pop()
        if isinstance(value, str):
            size.add_text(len(value))
        elif isinstance(value, dict):
            size.add_text(sum(map(len, value)))
            nested += value.values()
        elif isinstance(value, list | tuple):
            nested += value


def _length(value: Any) -> int:
    if value is None:
        return 0
    return len(value) if isinstance(value, str) else len(orjson.dumps(value, default=str))
