"""How operations end that do not simply succeed, on a small schema of its own without any store."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import strawberry
from graphql import OperationType
from pydantic import SecretStr

from app.config import Settings
from app.domain.attempts import Attempts
from app.domain.log_readers import LogReaders
from app.domain.passwords import Passwords
from app.domain.tokens import AccessTokens
from app.domain.viewer_cache import ViewerCache
from app.graphql.context import Services
from app.infra.db import Database, DatabaseUnavailable
from app.infra.redis import Redis
from app.infra.wakeups import Wakeups
from app.models.ids import new_id
from app.web import operations
from app.web.answers import Answer
from app.web.authentication import Caller
from app.web.graphql_request import GraphQLRequest
from app.web.operations import Operations
from tests.harness.server import JWT_SECRET

ALLOWED = frozenset({OperationType.QUERY, OperationType.MUTATION})


@strawberry.type
class Query:
    @strawberry.field
    async def fine(self) -> str | None:
        return "fine"

    @strawberry.field
    async def away(self) -> str | None:
        raise DatabaseUnavailable("the password is secret")

    @strawberry.field
    async def slow(self) -> str | None:
        await asyncio.sleep(60)
        return None


@pytest.fixture
def services() -> Iterator[Services]:
    settings = Settings(jwt_secret=SecretStr(JWT_SECRET), rate_limit_max=0)
    database, wakeups, passwords = Database(settings), Wakeups(None), Passwords()
    yield Services(
        settings=settings,
        database=database,
        redis=(redis := Redis(None)),
        wakeups=wakeups,
        log_readers=LogReaders(database.fetch, wakeups),
        passwords=passwords,
        access_tokens=AccessTokens(JWT_SECRET, timedelta(hours=1)),
        viewers=ViewerCache(redis),
        attempts=Attempts(redis, settings),
    )
    passwords.close()


async def answer_to(services: Services, document: str, authorization: str | None = None) -> Answer:
    runner = Operations(strawberry.Schema(Query), services)
    caller = Caller(authorization, "192.0.2.1", None, "the-request")
    admitted = await runner.admit(GraphQLRequest(document, None, None), caller, ALLOWED)
    return admitted if isinstance(admitted, Answer) else await runner.run(admitted)


async def test_one_field_without_a_database_makes_the_answer_503(services: Services) -> None:
    answer = await answer_to(services, "{ fine away }")
    assert answer.data == {"fine": "fine", "away": None}
    assert answer.status == 503
    assert answer.errors[0]["extensions"] == {"code": "SERVICE_UNAVAILABLE", "requestId": "the-request"}
    assert "secret" not in str(answer.payload())


async def test_a_token_cannot_be_looked_at_without_a_database(services: Services) -> None:
    token, _ = services.access_tokens.issue(new_id(), new_id(), datetime.now(UTC))
    answer = await answer_to(services, "{ fine }", f"Bearer {token}")
    assert (answer.status, answer.executed) == (503, False)


async def test_an_operation_has_a_time_limit(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "TIME_LIMIT", 0.05)
    answer = await answer_to(services, "{ slow }")
    assert answer.status == 504
    assert answer.errors[0]["extensions"]["code"] == "TIMEOUT"
    assert answer.payload()["data"] is None
