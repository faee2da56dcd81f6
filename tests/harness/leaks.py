"""Words of the inside that no client may read: the one list of them, for every test."""

import re

_SQL = re.compile(r"\b(SELECT|INSERT|DELETE FROM|WHERE)\b|(relation|column) \"|\$\d\b")
_NAMES = re.compile(
    r"asyncpg|postgres|tortoise|redis|strawberry|starlette|uvicorn|graphql\.error|NoneType", re.IGNORECASE
)
_PLACES = re.compile(
    r"Traceback|File \"|line \d+, in |site-packages|\w/app/|\w\.py\b|/(tmp|home|usr)/|0x[0-9a-f]{8}"
)


def leaks(text: str, *, sent: str = "") -> list[str]:
    """What an answer tells of the inside. What the client itself sent is none, where an error repeats it."""
    found = {match.group() for pattern in (_SQL, _NAMES, _PLACES) for match in pattern.finditer(text)}
    return sorted(word for word in found if word not in sent)
