"""The messages of graphql-transport-ws, as far as their form goes."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from app.web.errors import RequestError
from app.web.graphql_request import parse_payload

MAX_INIT: Final = 16_384
"""Characters of a connection_init."""

MAX_ID: Final = 200
"""Characters of an operation's id, which is held while it runs."""

_SIZE: Final = "size"


def decode(data: str | bytes) -> object:
    """A message, which knows its size. Raises json.JSONDecodeError."""
    message = orjson.loads(data)
    if isinstance(message, dict):
        message[_SIZE] = len(data)  # whatever the client says
    return message


def size_of(message: Mapping[str, Any]) -> int:
    """Characters of a decoded message."""
    size: int = message[_SIZE]
    return size


def problem_of(message: object) -> str | None:
    """What is wrong with the form of a decoded message; Strawberry's handler presumes that it is right."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "A message is a JSON object with a type"
    if message["type"] == "connection_init" and size_of(message) > MAX_INIT:
        return f"connection_init has at most {MAX_INIT} characters"
    if message["type"] not in ("subscribe", "complete"):
        return None
    if not isinstance(message.get("id"), str) or not message["id"]:
        return "An operation has an id"
    if len(message["id"]) > MAX_ID:
        return f"An operation's id has at most {MAX_ID} characters"
    if message["type"] == "complete":
        return None
    try:
        parse_payload(message.get("payload"))
    except RequestError as error:
        return error.message
    return None


def keep_authorization(message: dict[str, Any]) -> None:
    """Nothing else of the payload is read, and it is held as long as the socket."""
    payload = message.get("payload")
    if isinstance(payload, dict):
        message["payload"] = {name: payload[name] for name in payload if name.lower() == "authorization"}
