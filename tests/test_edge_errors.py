"""Failures as errors of GraphQL: what is known has a code, what is not is masked and logged."""

import json
from collections.abc import Callable

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, Source
from structlog.testing import capture_logs

from app.domain.errors import Busy, Unauthenticated, UserFault
from app.infra.db import DatabaseUnavailable
from app.web.answers import encode
from app.web.errors import format_errors, format_exception, tell

SECRET = "SELECT * FROM users WHERE password_hash = 'x'"


@pytest.fixture(autouse=True)
def as_at_first() -> None:
    """What errors tell is of the whole process, and another test may have made an application in it."""
    tell(suggestions=True, detail=False)


def formatted(cause: Exception) -> dict[str, object]:
    """As located by graphql-core at a field."""
    error = GraphQLError(str(cause), path=["tasks", 0, "title"], original_error=cause)
    (result,) = format_errors([error], "the-request")
    return result


@pytest.mark.parametrize(
    ("cause", "code", "message"),
    [
        (Unauthenticated(), "UNAUTHENTICATED", Unauthenticated.MISSING),
        (Unauthenticated(Unauthenticated.BROKEN), "UNAUTHENTICATED", Unauthenticated.BROKEN),
        (DatabaseUnavailable(SECRET), "SERVICE_UNAVAILABLE", None),
        (Busy(), "SERVICE_UNAVAILABLE", None),
        (UserFault("No task."), "BAD_USER_INPUT", "No task."),
        (GraphQLError("Too many.", extensions={"code": "BAD_USER_INPUT"}), "BAD_USER_INPUT", "Too many."),
    ],
)
def test_what_is_known(cause: Exception, code: str, message: str | None) -> None:
    result = formatted(cause)
    assert result["path"] == ["tasks", 0, "title"]
    assert result["extensions"] == {"code": code, "requestId": "the-request"}
    assert message is None or result["message"] == message
    assert SECRET not in json.dumps(result)


@pytest.mark.parametrize(
    "raised",
    [
        lambda cause: formatted(cause),
        lambda cause: formatted(GraphQLError(str(cause), original_error=cause)),
        lambda cause: format_exception(cause, "the-request"),
    ],
    ids=["at a field", "wrapped twice", "outside of any field"],
)
def test_what_is_not_known(
    raised: Callable[[Exception], dict[str, object]],
) -> None:
    with capture_logs() as logged:
        result = raised(ValueError(SECRET))
    assert result["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "the-request"}
    assert SECRET not in json.dumps(result)
    (entry,) = logged
    assert (entry["event"], entry["log_level"]) == ("Internal error", "error")
    assert isinstance(entry["exc_info"], ValueError)


def test_a_value_that_does_not_fit_its_type_is_our_fault() -> None:
    error = GraphQLError("Int cannot represent non 32-bit signed integer value: 1099511627776", path=["x"])
    (result,) = format_errors([error], "the-request")
    assert result["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "1099511627776" not in result["message"]


def test_errors_of_the_request_as_a_whole() -> None:
    syntax = GraphQLSyntaxError(Source("{"), 1, "Expected Name")
    variable = GraphQLError("Variable '$a' has invalid value")
    results = format_errors([syntax, variable], "the-request")
    assert [result["extensions"]["code"] for result in results] == ["GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT"]
    assert "path" not in results[0]


def test_more_of_an_errors_extensions_is_kept() -> None:
    error = GraphQLError("x", path=["a"], extensions={"code": "BAD_USER_INPUT", "argument": "first"})
    (result,) = format_errors([error], "the-request")
    assert result["extensions"] == {"code": "BAD_USER_INPUT", "argument": "first", "requestId": "the-request"}


@pytest.mark.parametrize("odd", ["a\ud800b", 2**80, {1, 2}, object()])
def test_an_answer_is_encoded_whatever_it_holds(odd: object) -> None:
    answer = json.loads(encode({"data": {"taskCreate": {"odd": odd, "id": "1"}}}))
    assert answer["data"]["taskCreate"]["id"] == "1"
