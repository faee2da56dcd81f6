"""Answers a query or a mutation: by the engine where it can, else by graphql-core."""

from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, OperationType
from graphql import execute as execute_by_core
from graphql.execution import Executor
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.utils.await_maybe import await_maybe

from app.engine.engine import Engine, NotAnswered
from app.engine.execution import CompletingExecutor, EngineSchema
from app.engine.size import check_text
from app.graphql.context import Context
from app.infra.metrics import engine_operations, operations_answered
from app.web.documents import PreparedOperation
from app.web.subscription_results import MAX_COERCION_ERRORS


@dataclass(slots=True)
class Execution:
    """One operation, and what it is run with."""

    schema: Schema
    operation: PreparedOperation
    variables: dict[str, Any] | None
    context: Context

    async def run(self) -> ExecutionResult:
        schema = self.schema
        if not isinstance(schema, EngineSchema):
            return await self._run_by_core(schema.execution_context_class)
        if self.operation.type is OperationType.MUTATION:
            return await self._mutate(schema.engine)
        # The engine is asked straight: to be asked by way of graphql-core takes longer than its own work.
        operation = self.operation
        try:
            data = await schema.engine.answer(
                operation.document, operation.node, self.variables, self.context
            )
        except NotAnswered as reason:
            engine_operations.labels(str(reason)).inc()
            self.context.size.reset()
            self.context.renew_reads()
            return await self._run_by_core(StrawberryGraphQLCoreExecutionContext)
        operations_answered.inc()
        return ExecutionResult(data, None)

    async def _mutate(self, engine: Engine) -> ExecutionResult:
        """What has run is not run again: graphql-core completes its result where the engine does not."""
        operation, context = self.operation, self.context
        try:
            call = engine.mutation(operation.document, operation.node, self.variables)
        except NotAnswered:
            return await self._run_by_core(self.schema.execution_context_class)
        try:
            outcome = None
            try:
                outcome = await call.run(context)
                data = await engine.complete_mutation(call, outcome, context)
            except NotAnswered as reason:
                engine_operations.labels(str(reason)).inc()
                context.size.reset()
            except Exception as error:
                outcome = error
            else:
                operations_answered.inc()
                return ExecutionResult(data, None)
            return await self._run_by_core(CompletingExecutor, outcome)
        finally:
            await context.root_field_done()

    async def _run_by_core(self, executor: type[Executor[Any]], root_value: object = None) -> ExecutionResult:
        result = await await_maybe(
            execute_by_core(
                self.schema._schema,
                self.operation.document,
                root_value,
                context_value=self.context,
                variable_values=self.variables,
                operation_name=self.operation.name,
                executor_class=executor,
                max_coercion_errors=MAX_COERCION_ERRORS,
            )
        )
        self.context.size.check_objects()
        check_text(result.data)
        return result
