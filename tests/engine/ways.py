"""One document, two ways: the app's executor, which asks the engine first, and graphql-core alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from graphql import DocumentNode, ExecutionResult, execute, get_operation_ast
from strawberry.utils.await_maybe import await_maybe

from app.domain.viewer import Viewer
from app.engine.engine import Engine, NotAnswered
from app.engine.execution import EngineSchema, OperationExecutor
from app.graphql.context import Context, Services
from app.web.answers import encode

Json = dict[str, Any]


class CoreExecutor(OperationExecutor):
    """The app's executor without the engine: it only gives each operation and each write its loaders."""

    def execute_operation(self, serially: bool | None = None) -> Any:
        return super(OperationExecutor, self).execute_operation(serially)

    def complete_object_value(self, *args: Any) -> Any:
        return super(OperationExecutor, self).complete_object_value(*args)


@dataclass(frozen=True)
class Outcome:
    """An answer as it leaves for the client. `reasons`: why the engine left it to graphql-core."""

    body: bytes
    reasons: tuple[str, ...] = ()

    @property
    def json(self) -> Json:
        return cast(Json, orjson.loads(self.body))

    @property
    def fast(self) -> bool:
        return not self.reasons


@dataclass
class Watched:
    """The engine, noting why it did not answer."""

    engine: Engine
    reasons: list[str] = field(default_factory=list)

    async def answer(self, *args: Any) -> Json:
        return await self._watch(self.engine.answer(*args))

    async def answer_coerced(self, *args: Any) -> Json:
        return await self._watch(self.engine.answer_coerced(*args))

    async def complete(self, *args: Any) -> Json:
        return await self._watch(self.engine.complete(*args))

    async def _watch(self, result: Any) -> Json:
        try:
            return cast(Json, await result)
        except NotAnswered as reason:
            self.reasons.append(str(reason))
            raise


class Ways:
    """Both ways, over one database. `engine` keeps its plans between documents, as in a server."""

    def __init__(self, schema: EngineSchema, services: Services) -> None:
        self.schema = schema
        self.services = services
        self.engine = Engine(schema)

    async def by_engine(
        self,
        document: DocumentNode,
        variables: Mapping[str, Any] | None,
        viewer: Viewer | None,
        *,
        over_socket: bool = False,
    ) -> Outcome:
        """As HTTP asks the engine, or sockets do: by way of graphql-core."""
        watched = Watched(self.engine)
        if over_socket:

            class WatchedExecutor(OperationExecutor):
                @property
                def _engine(self) -> Engine:
                    return cast(Engine, watched)

            body = await self._run(WatchedExecutor, document, variables, viewer)
            return Outcome(body, tuple(watched.reasons))
        try:
            node = get_operation_ast(document)
            assert node is not None
            data = await watched.answer(document, node, variables, self.context(viewer))
        except NotAnswered:
            body = await self._run(CoreExecutor, document, variables, viewer)
            return Outcome(body, tuple(watched.reasons))
        return Outcome(encode({"data": data}))

    async def by_core(
        self,
        document: DocumentNode,
        variables: Mapping[str, Any] | None,
        viewer: Viewer | None,
    ) -> Outcome:
        return Outcome(await self._run(CoreExecutor, document, variables, viewer))

    def context(self, viewer: Viewer | None) -> Context:
        return Context(
            services=self.services, viewer=viewer, request_id="request", client_address="127.0.0.1"
        )

    async def _run(
        self,
        executor: type[OperationExecutor],
        document: DocumentNode,
        variables: Mapping[str, Any] | None,
        viewer: Viewer | None,
    ) -> bytes:
        result: ExecutionResult = await await_maybe(
            execute(
                self.schema._schema,
                document,
                context_value=self.context(viewer),
                variable_values=None if variables is None else dict(variables),
                executor_class=executor,
            )
        )
        payload: Json = {"data": result.data}
        if result.errors:
            payload["errors"] = sorted((error.formatted for error in result.errors), key=repr)
        return encode(payload)
