"""Completes both ways, from one result, what root fields of mutations and subscriptions return."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import ExecutionResult, execute, parse
from strawberry.utils.await_maybe import await_maybe

from app.domain.viewer import Viewer
from app.engine.engine import Engine, NotAnswered
from app.engine.execution import OperationExecutor
from app.web.answers import encode
from tests.engine.ways import Json, Ways


@dataclass
class Compared:
    """`engine` is None where it left the payload to graphql-core."""

    answer: Json
    engine: bytes | None = None
    core: bytes | None = None
    reasons: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return "errors" in self.answer

    def difference(self) -> str | None:
        if self.engine is None or (self.engine == self.core and not self.failed):
            return None
        if self.failed:
            return f"the engine answered where graphql-core fails: {self.answer['errors']}"
        return f"{self.engine!r}\n{self.core!r}"


async def compare_payloads(
    ways: Ways,
    text: str,
    variables: Mapping[str, Any],
    viewer: Viewer | None,
    *,
    root: object = None,
) -> Compared:
    """Runs a mutation, or the answer to the event `root`, of one root field."""
    compared = Compared({})

    class Both(OperationExecutor):
        @property
        def _engine(self) -> Engine:
            return ways.engine

        async def _complete(self, type_: Any, nodes: Any, source: object, by_core: Any) -> Json:
            """graphql-core's result, having noted the engine's."""
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
                compared.engine = encode(data)
            except NotAnswered as reason:
                compared.reasons.append(str(reason))
            result = by_core()
            found = cast(Json, await result if self.is_awaitable(result) else result)
            compared.core = encode(found)
            return found

    result: ExecutionResult = await await_maybe(
        execute(
            ways.schema._schema,
            parse(text),
            root_value=root,
            context_value=ways.context(viewer),
            variable_values=dict(variables),
            executor_class=Both,
        )
    )
    compared.answer = {"data": result.data}
    if result.errors:
        compared.answer["errors"] = [error.formatted for error in result.errors]
    return compared
