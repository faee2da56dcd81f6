"""What every refusal must look like."""

import json
from collections.abc import Sequence

from tests.harness.client import Answer, Json
from tests.harness.leaks import leaks


def assert_civil(answer: Answer) -> None:
    """No 500, nothing of the inside in the answer, and each error tells its code and the request's id."""
    assert answer.status < 500, (answer.status, answer.body)
    text = json.dumps(answer.body)
    assert not leaks(text), (leaks(text), text)
    for error in answer.errors:
        extensions = error.get("extensions", {})
        assert extensions.get("code") not in (None, "INTERNAL_SERVER_ERROR"), error
        assert extensions.get("requestId"), error


def refused(answer: Answer, code: str, argument: str | None = None, *, says: Sequence[str] = ()) -> Json:
    """The one error, which must have this code, name this argument, and say these words."""
    assert_civil(answer)
    error = answer.error
    assert error["extensions"]["code"] == code, error
    if argument is not None:
        assert error["extensions"].get("argument") == argument, error
    for word in says:
        assert word in error["message"], error
    return error


def not_found(payload: Json, field: Sequence[str]) -> None:
    """A mutation's payload whose only userError is NOT_FOUND at `field`."""
    [error] = payload["userErrors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", list(field)), error
    assert not leaks(error["message"]), error


# No id, or none that exists.
BAD_IDS = (
    "",
    " ",
    "x",
    "0",
    "-1",
    "null",
    "ENG-1",
    "\0",
    "00000000-0000-0000-0000-000000000000",
    "0190A000-0000-7000-8000-000000000000",  # upper case
    "{0190a000-0000-7000-8000-000000000000}",
    "0190a000000070008000000000000000",
    "urn:uuid:0190a000-0000-7000-8000-000000000000",
    "0190a000-0000-7000-8000-00000000000g",
    "0190a000-0000-7000-8000-000000000000 ",
    "0190a000-0000-7000-8000-000000000000",
    "' OR 1=1 --",
    "\u0660\u0661\u0669\u0660a000-0000-7000-8000-000000000000",  # Arabic digits
    "9" * 10_000,
)
