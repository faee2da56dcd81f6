"""Runs one operation for a caller, over whichever transport it came."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any, Final, NamedTuple

from graphql import GraphQLError, OperationType
from starlette.types import Receive
from strawberry import Schema

from app.config.trusted_documents import read_manifest
from app.graphql.context import Context, Services
from app.infra import tracing
from app.infra.metrics import subscriptions
from app.infra.rate_limit import Allowance, RateLimit
from app.web.answers import Answer
from app.web.authentication import Caller, enter, refuse_exhausted
from app.web.documents import Documents, PreparedOperation
from app.web.errors import (
    BAD_REQUEST,
    METHOD_NOT_ALLOWED,
    TIMEOUT,
    DocumentErrors,
    RequestError,
    format_error,
    format_errors,
    format_exception,
    is_unavailable,
    status_of,
)
from app.web.execution import Execution
from app.web.graphql_request import GraphQLRequest
from app.web.limits import Limits, check_subscription, check_variables
from app.web.operation_names import OperationNames
from app.web.stored_documents import PersistedQueries, TrustedDocuments
from app.web.subscription_results import results_of
from app.web.under_way import ClientGone, Concurrency, Watch

_STREAMED: Final = (
    "Subscriptions run over WebSocket (graphql-transport-ws), or by a request that accepts text/event-stream."
)
TIME_LIMIT: Final = 10.0
"""Seconds that a query or mutation may take."""

_TIMEOUT = (
    f"The operation took longer than {TIME_LIMIT:.0f} s and was stopped. "
    "Ask for less, or repeat a mutation with its idempotencyKey."
)


class Admitted(NamedTuple):
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
        self._documents = Documents(schema, settings)
        self._stored = (
            PersistedQueries(services.redis)
            if settings.trusted_documents is None
            else TrustedDocuments(read_manifest(settings.trusted_documents))
        )
        self._names = OperationNames()
        self._limits = Limits.of(settings)
        self._concurrency = Concurrency(settings.max_concurrent)
        self._watch = Watch(TIME_LIMIT)
        self._tells_statements = not settings.is_production
        self._rate_limit = RateLimit(
            services.redis,
            window=settings.rate_limit_window,
            maximum=settings.rate_limit_max,
            points=settings.rate_limit_points,
        )

    @property
    def rate_limit(self) -> RateLimit:
        """What every request counts against, at other addresses too."""
        return self._rate_limit

    async def admit(
        self, request: GraphQLRequest, caller: Caller, allowed: Collection[OperationType]
    ) -> Admitted | Answer:
        """Who asks, whether they may ask now, and what: the context to run it in, or why not."""
        allowance = None
        try:
            if self._rate_limit.refuses:
                refuse_exhausted(caller, self._services, self._rate_limit)
            prepared = await self._prepare(request, allowed)
            cost = 0 if isinstance(prepared, Exception) else prepared[2]
            context, allowance = await enter(caller, self._services, self._rate_limit, cost)
            if isinstance(prepared, Exception):  # it counts all the same
                raise prepared
            context.cost = cost
            self._stored.keep(prepared[0])  # now that it was counted: anybody may have one kept
            return Admitted(prepared[0], prepared[1], context, allowance)
        except DocumentErrors as error:
            errors = format_errors(error.errors, caller.request_id, request_code=error.code)
            return Answer(errors=errors, allowance=allowance)
        except RequestError as error:
            errors = [format_error(error.code, error.message, caller.request_id)]
            return Answer(errors=errors, status=error.status, headers=error.headers, allowance=allowance)
        except Exception as error:
            errors = [format_exception(error, caller.request_id)]
            return Answer(errors=errors, status=status_of(errors), allowance=allowance)

    async def _prepare(
        self, request: GraphQLRequest, allowed: Collection[OperationType]
    ) -> tuple[GraphQLRequest, PreparedOperation, int] | DocumentErrors | RequestError:
        """The request with its document, the operation and its cost; or what is wrong with it."""
        try:
            request = await self._stored.resolve(request)
            operation = self._documents.prepare(request)
            _check_type(operation, allowed)
            check_variables(request.variables)
            if operation.type is OperationType.SUBSCRIPTION:
                check_subscription(request.query, request.variables)
            cost = operation.cost.of(request.variables)
            self._limits.check_cost(cost)
        except (DocumentErrors, RequestError) as error:
            return error
        return request, operation, cost

    async def run(self, admitted: Admitted, receive: Receive | None = None) -> Answer:
        """Runs a query or a mutation within TIME_LIMIT. Raises ClientGone.

        `receive`: of whom a query is for, if it is stopped when they go away. A mutation is not.
        """
        if admitted.operation.type is OperationType.MUTATION:
            receive = None
        started = perf_counter()
        if tracing.spans is None:
            answer = await self._run(admitted, receive)
        else:
            with tracing.spans.operation(admitted.operation.type.value, admitted.operation.name) as span:
                answer = await self._run(admitted, receive)
                tracing.spans.end_operation(span, [error["extensions"]["code"] for error in answer.errors])
        seconds = self._names.seconds(admitted.operation, signed_in=admitted.context.viewer is not None)
        seconds.observe(perf_counter() - started)
        return answer

    async def _run(self, admitted: Admitted, receive: Receive | None) -> Answer:
        answer = Answer(allowance=admitted.allowance)
        request_id = admitted.context.request_id
        try:
            caller = self._concurrency.enter(admitted.context)
            try:
                result = await self._watch.run(self._execution(admitted).run(), receive)
            finally:
                self._concurrency.leave(caller)
        except RequestError as error:
            answer.errors = [format_error(error.code, error.message, request_id)]
            answer.status, answer.headers = error.status, error.headers
        except TimeoutError:
            answer.errors = [format_error(TIMEOUT, _TIMEOUT, request_id)]
            answer.executed, answer.status = True, 504
        except ClientGone:
            raise
        except Exception as error:
            answer.errors = [format_exception(error, request_id)]
            answer.executed, answer.status = True, status_of(answer.errors)
        else:
            answer.data, answer.executed = result.data, True
            if result.errors:
                answer.errors = format_errors(result.errors, request_id)
                answer.executed = result.data is not None or _names_a_field(result.errors)
                answer.status = 503 if is_unavailable(answer.errors) else None
        if answer.executed:
            answer.extensions = {"cost": self._cost(admitted)}
            if self._tells_statements:
                answer.extensions |= _statements(admitted.context)
        return answer

    def _execution(self, admitted: Admitted) -> Execution:
        request, operation, context, _ = admitted
        return Execution(self.schema, operation, request.variables, context)

    async def stream(self, admitted: Admitted) -> AsyncGenerator[Answer, None]:
        """The answers of an operation of any type as they come. One that is not `executed` is the last."""
        if admitted.operation.type is not OperationType.SUBSCRIPTION:
            yield await self.run(admitted)
            return
        operation, context = admitted.operation, admitted.context
        subscriptions.inc()
        try:
            results = results_of(self.schema, operation, admitted.request.variables, context)
            async with aclosing(results):
                async for result, executed in results:
                    yield Answer(
                        data=result.data,
                        errors=format_errors(result.errors or [], context.request_id),
                        executed=executed,
                        extensions={"cost": self._cost(admitted)},
                    )
        except Exception as error:
            yield Answer(errors=[format_exception(error, context.request_id)])
        finally:
            subscriptions.dec()

    async def count(self, caller: Caller) -> Allowance | None:
        """Counts what is no operation, such as a body that cannot be read. Raises RequestError."""
        _, allowance = await enter(caller, self._services, self._rate_limit)
        return allowance

    def _cost(self, admitted: Admitted) -> dict[str, int]:
        """In points; `remaining` of the caller's budget, for those who have one."""
        cost = {"requested": admitted.context.cost, "limit": self._limits.cost}
        if admitted.allowance is not None and admitted.allowance.points is not None:
            cost["remaining"] = admitted.allowance.points.remaining
        return cost


def _check_type(operation: PreparedOperation, allowed: Collection[OperationType]) -> None:
    if operation.type in allowed:
        return
    if operation.type is OperationType.SUBSCRIPTION:
        raise RequestError(400, BAD_REQUEST, _STREAMED)
    raise RequestError(
        405, METHOD_NOT_ALLOWED, "Mutations are sent by POST: GET only reads.", {"allow": "POST"}
    )


def _statements(context: Context) -> dict[str, Any]:
    return {
        "sqlQueries": len(context.statements),
        "dbMs": round(sum(run.seconds for run in context.statements) * 1000, 1),
        "statements": [run.label for run in context.statements],
    }


def _names_a_field(errors: Sequence[GraphQLError]) -> bool:
    return any(error.path is not None for error in errors)
