"""What a subscription yields: graphql-core runs the document that was read when it was admitted."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, cast

from graphql import ExecutionResult, GraphQLError, subscribe
from strawberry import Schema
from strawberry.utils.await_maybe import await_maybe

from app.graphql.context import Context
from app.web.documents import PreparedOperation

MAX_COERCION_ERRORS: Final = 5
"""Errors of an operation's variables that are told: each takes as long as the value it is about is large."""


async def results_of(
    schema: Schema, operation: PreparedOperation, variables: dict[str, Any] | None, context: Context
) -> AsyncGenerator[tuple[ExecutionResult, bool], None]:
    """Each result, and whether it is one of an event: one that is not says why there are none."""
    source = await await_maybe(
        subscribe(
            schema._schema,
            operation.document,
            context_value=context,
            variable_values=variables,
            operation_name=operation.name,
            executor_class=schema.execution_context_class,
            max_coercion_errors=MAX_COERCION_ERRORS,
        )
    )
    if isinstance(source, ExecutionResult):
        yield source, False
        return
    async with aclosing(cast(AsyncGenerator[ExecutionResult, None], source)) as results:
        try:
            async for result in results:
                yield result, True
        except Exception as error:  # graphql-core handles none of those raised while an event is waited for
            told = error if isinstance(error, GraphQLError) else GraphQLError("", original_error=error)
            yield ExecutionResult(None, [told]), True
