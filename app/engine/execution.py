"""How an operation runs: by the engine where it can, else by graphql-core, over HTTP and sockets alike."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol, Self, cast

import strawberry
from graphql import ExecutionResult, GraphQLObjectType, OperationType
from graphql.execution import Executor
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app.engine.declarations import bind
from app.engine.engine import Engine, NotAnswered
from app.engine.reads import Reads
from app.engine.size import check_text
from app.infra.db import DatabaseUnavailable
from app.infra.metrics import engine_operations, operations_answered

EVENT_RETRY_DELAY = 0.5  # seconds between two attempts to answer an event while the database is away


class OperationContext(Protocol):
    """What running an operation asks of a request's context."""

    reads: Reads

    def require_viewer(self) -> Any: ...

    def optional_viewer(self) -> Any: ...

    def for_operation(self) -> Self:
        """A copy with loaders of its own: operations of one socket run side by side and share a context."""

    async def root_field_done(self) -> None:
        """Ends what a root mutation field kept open, and takes new loaders."""


class OperationExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, which asks the engine first.

    The engine answers whole queries, and completes what the root fields of mutations and subscriptions
    return. Loaders last for one operation, one event or one root mutation field: they keep what they read,
    and a second mutation in a document must not answer from before the first.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_value = cast(OperationContext, self.context_value).for_operation()

    @property
    def _engine(self) -> Engine:
        return cast(Engine, self.schema._strawberry_schema.engine)  # type: ignore[attr-defined]

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        executor = super().build_per_event_executor(payload)
        executor.context_value = self.context_value.for_operation()
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:
        if self.operation.operation is OperationType.QUERY:
            return self._answer(serially)
        if self.operation.operation is OperationType.SUBSCRIPTION:
            return self._answer_event(serially)
        return super().execute_operation(serially)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Path,
        position_context: Any,
    ) -> Any:
        result = super().execute_field(parent_type, source, field_details_list, path, position_context)
        if parent_type is self.schema.mutation_type and self.is_awaitable(result):
            return self._finish(result)
        return result

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: Any,
        info: Any,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        by_core = super().complete_object_value
        if path.prev is not None or self.operation.operation is OperationType.QUERY:
            return by_core(return_type, field_details_list, info, path, result, position_context)
        return self._complete(
            return_type,
            field_details_list,
            result,
            lambda: by_core(return_type, field_details_list, info, path, result, position_context),
        )

    async def _answer(self, serially: bool | None) -> Any:
        try:
            data = await self._engine.answer_coerced(
                self.operation, self.fragments, self.variable_values, self.context_value
            )
        except NotAnswered as reason:
            engine_operations.labels(str(reason)).inc()
            return await _settled(self, super().execute_operation(serially))
        operations_answered.inc()
        return ExecutionResult(data, None)

    async def _answer_event(self, serially: bool | None) -> ExecutionResult:
        """An event waits for the database: a subscriber told of the outage instead would have missed it."""
        while True:
            attempt = self.build_per_event_executor(self.root_value)
            by_core = Executor.execute_operation(attempt, serially)
            result: ExecutionResult = await _settled(attempt, by_core)
            causes = [error.original_error for error in result.errors or ()]
            if not any(isinstance(cause, DatabaseUnavailable) for cause in causes):
                return result
            await asyncio.sleep(EVENT_RETRY_DELAY)

    async def _complete(
        self, type_: GraphQLObjectType, nodes: Any, source: object, by_core: Any
    ) -> dict[str, Any]:
        try:
            data = await self._engine.complete(
                self.operation,
                self.fragments,
                self.variable_values,
                type_,
                nodes,
                source,
                self.context_value,
            )
        except NotAnswered as reason:
            engine_operations.labels(str(reason)).inc()
            self.context_value.reads.size.reset()
            by_itself = await _settled(self, by_core())
            check_text(by_itself)
            return cast(dict[str, Any], by_itself)
        operations_answered.inc()
        return data

    async def _finish(self, result: Awaitable[Any]) -> Any:
        try:
            return await result
        finally:
            await self.context_value.root_field_done()


class CompletingExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor for a mutation whose only field has run: `root_value` is what it returned, or
    the exception that it raised."""

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Path,
        position_context: Any,
    ) -> Any:
        if parent_type is not self.schema.mutation_type:
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        nodes = [details.node for details in field_details_list]
        definition = parent_type.fields[nodes[0].name.value]
        info = self.build_resolve_info(definition, nodes, parent_type, path)
        return self.complete_awaitable_value(
            definition.type, field_details_list, info, path, _outcome(source), position_context
        )


async def _outcome(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


async def _settled(executor: Executor[Any], result: Any) -> Any:
    return await result if executor.is_awaitable(result) else result


class EngineSchema(strawberry.Schema):
    """A Strawberry schema whose declarations are bound and whose operations the engine answers.

    Raises DeclarationError for a declaration that cannot work. Needs `Tortoise.init_models` first.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["execution_context_class"] = OperationExecutor
        super().__init__(*args, **kwargs)
        bind(self)
        self.engine = Engine(self)
