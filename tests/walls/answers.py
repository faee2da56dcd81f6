"""Answers, compared."""

import json
import re
from collections.abc import Iterable

from tests.harness.client import Answer


def comparable(answer: Answer) -> str:
    """All of an answer but what no two have in common."""
    return stripped({"status": answer.status, **answer.body, "extensions": None})


def stripped(body: object) -> str:
    return re.sub(r'"requestId": "[^"]*"', "", json.dumps(body))


def shown(text: str, ids: Iterable[str]) -> list[str]:
    """Which of the ids stand in the text."""
    return [one for one in ids if one in text]
