"""text/event-stream, as https://html.spec.whatwg.org/multipage/server-sent-events.html reads it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from tests.harness.client import Api, Json

PATIENCE = 10.0


class Events:
    """An answer whose events are read one by one: `await next()` is (event, data); None at its end."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._events: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    async def next(self, patience: float = PATIENCE) -> tuple[str, Any] | None:
        return await asyncio.wait_for(self._events.get(), patience)

    async def data(self, patience: float = PATIENCE) -> Json:
        """The data of the next result, which must have no errors."""
        event = await self.next(patience)
        assert event is not None
        assert event[0] == "next"
        assert not event[1].get("errors"), event
        return dict(event[1]["data"])

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        fields: dict[str, str] = {}
        with suppress(httpx.RemoteProtocolError):  # cut off
            async for line in self.response.aiter_lines():
                name, _, value = line.partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
                elif line == "" and fields:
                    self._events.put_nowait((fields["event"], json.loads(fields["data"] or "null")))
                    fields = {}
        self._events.put_nowait(None)


@asynccontextmanager
async def open_events(
    api: Api,
    document: str,
    variables: Mapping[str, object] | None = None,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Events]:
    sent = {"accept": "text/event-stream", **({"authorization": f"Bearer {token}"} if token else {})}
    body = {"query": document, "variables": dict(variables or {})}
    async with api.http.stream("POST", "/graphql", json=body, headers=sent | dict(headers or {})) as response:
        events = Events(response)
        try:
            yield events
        finally:
            await events.close()
