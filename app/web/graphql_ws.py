"""/graphql over WebSocket: Strawberry speaks graphql-transport-ws, operations run as those over HTTP do."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any, Final, NamedTuple, cast

from graphql import OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState
from strawberry import Schema
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types.unset import UNSET, UnsetType

from app.infra.db import DatabaseUnavailable
from app.infra.logging import log_access
from app.web.answers import Answer, encode
from app.web.authentication import Caller, caller_of, context_of
from app.web.cors import REFUSED
from app.web.errors import (
    ORIGIN_REFUSED,
    TOO_MANY_OPERATIONS,
    FormattedError,
    format_error,
    format_exception,
)
from app.web.graphql_request import GraphQLRequest, parse_payload
from app.web.http_errors import refusal
from app.web.operations import Operations
from app.web.socket_messages import decode, keep_authorization, problem_of, size_of
from app.web.state import AppState

INIT_TIMEOUT: Final = timedelta(seconds=10)
"""How long a socket may take to send connection_init."""

IDLE_TIMEOUT: Final = timedelta(minutes=1)
"""How long a socket that is signed out may be without an operation; after one, half as long at least."""

MAX_OPERATIONS: Final = 100
"""Operations that one socket may have open, subscriptions above all."""

MAX_WAITING: Final = 256 * 1024
"""Characters of a socket's operations that wait to be let in, beyond which it is not read: as objects they
take up to thirty times as much memory."""

ADMITTED_AT_ONCE: Final = 20
"""Operations and connections of all sockets of a process that are let in in one moment. Thousands come in one
when a server has come back; together they would keep the process from hearing its stores in time."""

_ALLOWED: Final = frozenset({OperationType.QUERY, OperationType.MUTATION, OperationType.SUBSCRIPTION})
_TRY_AGAIN_LATER: Final = 1013
_IDLE: Final = 4408  # the protocol's for a time that has run out; clients that need the socket open it again
_TOO_MANY: Final = (
    f"This socket has {MAX_OPERATIONS} operations open, which is the limit. "
    "Complete one, or open another socket."
)


class _Sent(NamedTuple):
    """What Strawberry's handler takes for the document of an operation."""

    request: GraphQLRequest
    size: int


@dataclass(slots=True)
class Socket:
    """What Strawberry's handler calls the context: here of the socket, not of an operation."""

    websocket: WebSocket[AppState]
    admission: asyncio.Semaphore
    connection_params: dict[str, Any] | None = None
    signed_in: bool = False

    @property
    def operations(self) -> Operations:
        return self.websocket.state["operations"]

    @property
    def request_id(self) -> str:
        return self.websocket.state["request_id"]

    def caller(self) -> Caller:
        return caller_of(self.websocket.scope, self.connection_params)


class Adapter(ASGIWebSocketAdapter):
    """Sends nothing on a socket that is closed already; Starlette would raise RuntimeError."""

    async def send_json(self, message: Any) -> None:
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        await super().send_json(message)

    async def close(self, code: int, reason: str) -> None:
        if self.ws.application_state is not WebSocketState.DISCONNECTED:
            # A close frame holds at most 123 bytes of reason (RFC 6455, 5.5.1).
            await super().close(code, reason.encode()[:123].decode(errors="ignore"))


class Handler(BaseGraphQLTransportWSHandler[Socket, None]):
    """Each operation is authenticated, counted and answered by itself, as a request of its own would be.

    What a mutation does is done whether its client is there or not, as over HTTP. Everything else stops when
    its client completes it or goes away, once it is known not to be one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stoppable: set[Operation[Socket, None]] = set()
        self._left: set[asyncio.Task[None]] = set()
        """What runs on without a client."""
        self._waiting = 0
        self._let_in = asyncio.Event()
        self._begun = 0
        self._idling: asyncio.Task[None] | None = None

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        await super().handle_connection_init(message)
        if self.connection_acknowledged and not self.context.signed_in and self._idling is None:
            self._idling = asyncio.create_task(self._close_when_idle())

    async def handle_message(self, message: Message) -> None:
        if problem := problem_of(message):
            await self.handle_invalid_message(problem)
            return
        if message["type"] == "connection_init":
            keep_authorization(cast(dict[str, Any], message))
        elif message["type"] == "subscribe":
            # Strawberry hands on an operation's query as it is: here the whole request, which may have none.
            sent: Any = _Sent(parse_payload(message["payload"]), size_of(message))
            message["payload"]["query"] = sent
        await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        while len(self._left) >= MAX_OPERATIONS:  # the client can wait, it is not read from meanwhile
            await asyncio.wait(self._left, return_when=asyncio.FIRST_COMPLETED)
        if len(self.operations) < MAX_OPERATIONS or message["id"] in self.operations:
            self._begun += 1
            begins = self.connection_acknowledged and message["id"] not in self.operations
            await super().handle_subscribe(message)
            if begins:
                await self._wait_with(size_of(message))
            return
        error = format_error(TOO_MANY_OPERATIONS, _TOO_MANY, self.context.request_id)
        await self.websocket.send_json({"id": message["id"], "type": "error", "payload": [error]})

    async def _wait_with(self, size: int) -> None:
        """Returns when another message may be read while one of this size waits."""
        self._waiting += size
        while self._waiting > MAX_WAITING:
            self._let_in.clear()
            await self._let_in.wait()

    async def cleanup_operation(self, operation_id: str) -> None:
        operation = self.operations.pop(operation_id, None)
        if operation is None or operation.task is None:
            return
        operation.completed = True  # nothing is sent for it any more: its id may be another's by now
        if operation in self._stoppable:
            operation.task.cancel()
        else:
            self._left.add(operation.task)
            operation.task.add_done_callback(self._left.discard)

    async def shutdown(self) -> None:
        if self._idling is not None:
            self._idling.cancel()
        await super().shutdown()
        if self._left:
            await asyncio.wait(self._left)

    async def run_operation(self, operation: Operation[Socket, None]) -> None:
        started = perf_counter()
        try:
            await self._run(operation)
        except WebSocketDisconnected:
            return
        except Exception as error:
            await self._send_errors(operation, [format_exception(error, self.context.request_id)])
        finally:
            self._stoppable.discard(operation)
            elapsed = round((perf_counter() - started) * 1000, 1)
            log_access("operation", {"id": operation.id[:100], "ms": elapsed})

    async def _run(self, operation: Operation[Socket, None]) -> None:
        sent = cast(_Sent, operation.query)
        operations = self.context.operations
        try:
            async with self.context.admission:
                admitted = await operations.admit(sent.request, self.context.caller(), _ALLOWED)
        finally:
            self._waiting -= sent.size
            self._let_in.set()
        if isinstance(admitted, Answer):
            await self._send_errors(operation, admitted.errors)
            return
        if admitted.operation.type is not OperationType.MUTATION:
            if operation.completed:
                return
            self._stoppable.add(operation)
        async with aclosing(operations.stream(admitted)) as answers:
            async for answer in answers:
                if not answer.executed:
                    await self._send_errors(operation, answer.errors)
                    return
                await self._send(operation, "next", answer.payload())
        await self._send(operation, "complete")

    async def _close_when_idle(self) -> None:
        """Nobody has said who holds the place that it takes."""
        looks, begun = 0, self._begun
        while looks < 2:
            await asyncio.sleep(IDLE_TIMEOUT.total_seconds() / 2)
            looks = 0 if self.operations or begun < self._begun else looks + 1
            begun = self._begun
        await self.websocket.close(code=_IDLE, reason="No operation for too long")

    async def _send_errors(self, operation: Operation[Socket, None], errors: list[FormattedError]) -> None:
        await self._send(operation, "error", errors)

    async def _send(self, operation: Operation[Socket, None], kind: str, payload: Any = None) -> None:
        message: dict[str, Any] = {"id": operation.id, "type": kind}
        if payload is not None:
            message["payload"] = payload
        await operation.send_operation_message(cast(Message, message))


class GraphQLSockets(GraphQL[Socket, None]):
    """The subprotocol graphql-transport-ws alone: the older one starts operations before any connection_init
    (CVE-2026-35523) and without a limit (CVE-2026-107727)."""

    graphql_transport_ws_handler_class = Handler
    websocket_adapter_class = Adapter

    def __init__(self, schema: Schema, *, allowed_origins: tuple[str, ...]) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=INIT_TIMEOUT,
            max_subscriptions_per_connection=None,  # the handler's own limit has a code
            allowed_origins=allowed_origins,
        )
        self._admission = asyncio.Semaphore(ADMITTED_AT_ONCE)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Socket:
        return Socket(cast(WebSocket[AppState], request), self._admission)

    async def on_ws_connect(self, context: Socket) -> UnsetType | dict[str, object] | None:
        """Raises ConnectionRejectionError (the socket closes with 4403) for a broken token."""
        try:
            async with self._admission:
                signed_in = await context_of(context.caller(), context.websocket.state["services"])
        except DatabaseUnavailable:
            # graphql-ws tries again on this one.
            await context.websocket.close(_TRY_AGAIN_LATER, "Try again later")
            raise ConnectionRejectionError from None
        if signed_in.token_broken:
            raise ConnectionRejectionError
        context.signed_in = signed_in.viewer is not None
        return cast(UnsetType, UNSET)

    async def reject_websocket(self, request: WebSocket) -> WebSocket:
        """Of a page of another origin than those of CORS_ORIGINS."""
        request_id = request.state["request_id"]
        await request.send_denial_response(refusal(403, ORIGIN_REFUSED, REFUSED, request_id))
        return request

    def decode_json(self, data: str | bytes) -> object:
        return decode(data)

    def encode_json(self, data: object) -> str:
        # Text: bytes would be sent as a binary frame, which graphql-ws does not read.
        return encode(data).decode()
