"""/graphql over WebSocket: Strawberry speaks graphql-transport-ws, operations run as those over HTTP do."""

from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any, Final, cast

import orjson
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
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message, SubscribeMessage
from strawberry.types.unset import UNSET, UnsetType

from app.infra.db import DatabaseUnavailable
from app.infra.logging import log_access
from app.web.answers import Answer, encode
from app.web.authentication import Caller, caller_of, context_of
from app.web.errors import (
    TOO_MANY_OPERATIONS,
    FormattedError,
    RequestError,
    format_error,
    format_exception,
)
from app.web.graphql_request import GraphQLRequest, parse_payload
from app.web.operations import Operations
from app.web.state import AppState

INIT_TIMEOUT: Final = timedelta(seconds=10)
"""How long a socket may take to send connection_init."""

MAX_OPERATIONS: Final = 100
"""Operations that one socket may have open, subscriptions above all."""

_ALLOWED: Final = frozenset({OperationType.QUERY, OperationType.MUTATION, OperationType.SUBSCRIPTION})
_TRY_AGAIN_LATER: Final = 1013
_TOO_MANY: Final = (
    f"This socket has {MAX_OPERATIONS} operations open, which is the limit. "
    "Complete one, or open another socket."
)


@dataclass(slots=True)
class Socket:
    """What Strawberry's handler calls the context: here of the socket, not of an operation."""

    websocket: WebSocket[AppState]
    connection_params: dict[str, Any] | None = None

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
    """Each operation is authenticated, counted and answered by itself, as a request of its own would be."""

    async def handle_message(self, message: Message) -> None:
        if problem := _problem(message):
            await self.handle_invalid_message(problem)
            return
        if message["type"] == "subscribe":
            # Strawberry hands on an operation's query as it is: here the whole request, which may have none.
            request: Any = parse_payload(message["payload"])
            message["payload"]["query"] = request
        await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if len(self.operations) < MAX_OPERATIONS or message["id"] in self.operations:
            await super().handle_subscribe(message)
            return
        error = format_error(TOO_MANY_OPERATIONS, _TOO_MANY, self.context.request_id)
        await self.websocket.send_json({"id": message["id"], "type": "error", "payload": [error]})

    async def run_operation(self, operation: Operation[Socket, None]) -> None:
        started = perf_counter()
        try:
            await self._run(operation)
        except WebSocketDisconnected:
            return
        except Exception as error:
            await self._send_errors(operation, [format_exception(error, self.context.request_id)])
        finally:
            elapsed = round((perf_counter() - started) * 1000, 1)
            log_access("operation", {"id": operation.id[:100], "ms": elapsed})

    async def _run(self, operation: Operation[Socket, None]) -> None:
        request = cast(GraphQLRequest, operation.query)
        operations = self.context.operations
        admitted = await operations.admit(request, self.context.caller(), _ALLOWED)
        if isinstance(admitted, Answer):
            await self._send_errors(operation, admitted.errors)
            return
        async with aclosing(operations.stream(admitted)) as answers:
            async for answer in answers:
                if not answer.executed:
                    await self._send_errors(operation, answer.errors)
                    return
                await self._send(operation, "next", answer.payload())
        await self._send(operation, "complete")

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

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Socket:
        return Socket(cast(WebSocket[AppState], request))

    async def on_ws_connect(self, context: Socket) -> UnsetType | dict[str, object] | None:
        """Raises ConnectionRejectionError (the socket closes with 4403) for a broken token."""
        try:
            signed_in = await context_of(context.caller(), context.websocket.state["services"])
        except DatabaseUnavailable:
            # graphql-ws tries again on this one.
            await context.websocket.close(_TRY_AGAIN_LATER, "Try again later")
            raise ConnectionRejectionError from None
        if signed_in.token_broken:
            raise ConnectionRejectionError
        return cast(UnsetType, UNSET)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        # Text: bytes would be sent as a binary frame, which graphql-ws does not read.
        return encode(data).decode()


def _problem(message: object) -> str | None:
    """What is wrong with the form of a message; Strawberry's handler presumes that it is right."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "A message is a JSON object with a type"
    if message["type"] not in ("subscribe", "complete"):
        return None
    if not isinstance(message.get("id"), str) or not message["id"]:
        return "An operation has an id"
    if message["type"] == "complete":
        return None
    try:
        parse_payload(message.get("payload"))
    except RequestError as error:
        return error.message
    return None
