"""Runs one operation for a caller, over whichever transport it came."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import structlog
from graphql import ExecutionResult, OperationType, execute
from graphql.execution import Executor
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.utils.await_maybe import await_maybe

from app.engine.engine import NotAnswered
from app.engine.execution import EngineSchema
from app.graphql.context import Context, Services
from app.infra.metrics import engine_operations
from app.infra.rate_limit import Allowance, RateLimit
from app.web.authentication import Caller, enter
from app.web.documents import Documents, PreparedOperation
from app.web.errors import (
    BAD_REQUEST,
    METHOD_NOT_ALLOWED,
    TIMEOUT,
    DocumentErrors,
    FormattedError,
    RequestError,
    format_error,
    format_errors,
    format_exception,
    is_unavailable,
    status_of,
)
from app.web.graphql_request import GraphQLRequest

TIME_LIMIT: Final = 10.0
"""Seconds that a query or mutation may take."""

_TIMEOUT = (
    f"The operation took longer than {TIME_LIMIT:.0f} s and was stopped. "
    "Ask for less, or repeat a mutation with its idempotencyKey."
)
_log = structlog.stdlib.get_logger("taskflow.operations")


@dataclass(slots=True)
class Answer:
    """`status`: the HTTP status; None where it depends on the media type that the client accepts.

    `executed` is False when no field ran: the errors are then of the request.
    """

    data: Any | None = None
    errors: list[FormattedError] = field(default_factory=list)
    executed: bool = False
    extensions: dict[str, Any] | None = None
    status: int | None = None
    allowance: Allowance | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if self.executed:
            payload["data"] = self.data
        if self.extensions is not None:
            payload["extensions"] = self.extensions
        return payload


@dataclass(frozen=True, slots=True)
class Admitted:
    """An operation that may run."""

    request: GraphQLRequest
    operation: PreparedOperation
    context: Context
    allowance: Allowance | None


class Operations:
    def __init__(self, schema: Schema, services: Services) -> None:
        settings = services.settings
        self.schema = schema
        self._services = services
        self._documents = Documents(schema)
        self._answered = engine_operations.labels("answered")
        self._tells_statements = not settings.is_production
        self._rate_limit = RateLimit(
            services.redis, window=settings.rate_limit_window, maximum=settings.rate_limit_max
        )

    async def admit(
        self, request: GraphQLRequest, caller: Caller, allowed: frozenset[OperationType]
    ) -> Admitted | Answer:
        """Who asks, whether they may ask now, and what: the context to run it in, or why not."""
        answer = Answer()
        try:
            context, answer.allowance = await enter(caller, self._services, self._rate_limit)
            operation = self._documents.prepare(request)
            _check_type(operation, allowed)
            return Admitted(request, operation, context, answer.allowance)
        except DocumentErrors as error:
            answer.errors = format_errors(error.errors, caller.request_id, request_code=error.code)
        except RequestError as error:
            answer.status, answer.headers = error.status, error.headers
            answer.errors = [format_error(error.code, error.message, caller.request_id)]
        except Exception as error:
            answer.errors = [format_exception(error, caller.request_id)]
            answer.status = status_of(answer.errors)
        return answer

    async def run(self, admitted: Admitted) -> Answer:
        """Runs a query or a mutation within TIME_LIMIT."""
        answer = Answer(allowance=admitted.allowance)
        request_id = admitted.context.request_id
        try:
            async with asyncio.timeout(TIME_LIMIT):
                result = await self._execute(admitted)
        except TimeoutError:
            answer.errors = [format_error(TIMEOUT, _TIMEOUT, request_id)]
            answer.executed, answer.status = True, 504
        except Exception as error:
            answer.errors = [format_exception(error, request_id)]
            answer.executed, answer.status = True, status_of(answer.errors)
        else:
            answer.data = result.data
            answer.errors = format_errors(result.errors or (), request_id)
            answer.executed = result.data is not None or _names_a_field(result)
            answer.status = 503 if is_unavailable(answer.errors) else None
        if answer.executed and self._tells_statements:
            answer.extensions = _statements(admitted.context)
        return answer

    async def _execute(self, admitted: Admitted) -> ExecutionResult:
        if admitted.operation.type is not OperationType.QUERY or not isinstance(self.schema, EngineSchema):
            return await self._execute_by_core(admitted, self.schema.execution_context_class)
        # The engine is asked straight: to be asked by way of graphql-core takes longer than its own work.
        operation, variables = admitted.operation, admitted.request.variables
        try:
            data = await self.schema.engine.answer(
                operation.document, operation.node, variables, admitted.context
            )
        except NotAnswered as reason:
            engine_operations.labels(str(reason)).inc()
            admitted.context.renew_reads()
            return await self._execute_by_core(admitted, StrawberryGraphQLCoreExecutionContext)
        self._answered.inc()
        return ExecutionResult(data, None)

    async def _execute_by_core(self, admitted: Admitted, executor: type[Executor[Any]]) -> ExecutionResult:
        return await await_maybe(
            execute(
                self.schema._schema,
                admitted.operation.document,
                context_value=admitted.context,
                variable_values=admitted.request.variables,
                operation_name=admitted.operation.name,
                executor_class=executor,
            )
        )


def encode(payload: object) -> bytes:
    """JSON of an answer, in any case: what a mutation has done must not be lost because a value is odd."""
    try:
        return orjson.dumps(payload, option=orjson.OPT_UTC_Z)
    except TypeError:
        _log.exception("An answer holds what orjson refuses")
        return orjson.dumps(_plain(payload), default=str, option=orjson.OPT_UTC_Z)


def _plain(value: object) -> object:
    match value:
        case dict():
            return {str(key): _plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case str():
            return value.encode("utf-8", "replace").decode()
        case int() if not -(2**63) <= value < 2**64:
            return float(value)
    return value


def _check_type(operation: PreparedOperation, allowed: frozenset[OperationType]) -> None:
    if operation.type in allowed:
        return
    if operation.type is OperationType.SUBSCRIPTION:
        raise RequestError(
            400, BAD_REQUEST, "Subscriptions run over WebSocket (graphql-transport-ws) at this address."
        )
    raise RequestError(
        405, METHOD_NOT_ALLOWED, "Mutations are sent by POST: GET only reads.", {"allow": "POST"}
    )


def _statements(context: Context) -> dict[str, Any]:
    return {
        "sqlQueries": len(context.statements),
        "dbMs": round(sum(run.seconds for run in context.statements) * 1000, 1),
        "statements": [run.label for run in context.statements],
    }


def _names_a_field(result: ExecutionResult) -> bool:
    return any(error.path is not None for error in result.errors or ())
