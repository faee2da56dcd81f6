"""What an idle socket costs: the growth of the server's memory by thousands of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import httpx
from websockets.asyncio.client import ClientConnection

from bench.load.followers import AT_ONCE, open_sockets
from bench.load.memory import size
from bench.load.teams import Person
from tests.harness.server import Server

LIMIT = 60_000
"""Bytes: what a socket may cost."""
_WARM = 100
_SETTLE_SECONDS = 3
_PATIENCE_SECONDS = 20
_SUBSCRIPTIONS = re.compile(r"^taskflow_subscriptions (\S+)$", re.MULTILINE)
_SUBSCRIBE = '{"id":"1","type":"subscribe","payload":{"query":"subscription { taskUpdated { id } }"}}'


@dataclass(frozen=True, slots=True)
class IdleCost:
    """Bytes."""

    sockets: int
    acknowledged: float
    """Of a socket after connection_ack."""
    subscribed: float
    """Of a socket with one subscription."""

    def faults(self) -> list[str]:
        costs = {"socket": self.acknowledged, "socket with a subscription": self.subscribed}
        return [f"an idle {name} costs {cost:,.0f} bytes" for name, cost in costs.items() if cost >= LIMIT]


async def measure(server: Server, people: Sequence[Person], sockets: int) -> IdleCost:
    """Of a server that has just been started."""
    pid = server.process.pid
    await _open_and_close(server, people)
    before = size(pid).total
    async with AsyncExitStack() as stack:
        opened = await open_sockets(server, [people[n % len(people)] for n in range(sockets)], stack)
        await asyncio.sleep(_SETTLE_SECONDS)
        acknowledged = size(pid).total
        await _subscribe(server, opened)
        await asyncio.sleep(_SETTLE_SECONDS)
        subscribed = size(pid).total
    return IdleCost(sockets, (acknowledged - before) / sockets, (subscribed - before) / sockets)


async def _open_and_close(server: Server, people: Sequence[Person]) -> None:
    """So that what is loaded with the first socket is not counted."""
    async with AsyncExitStack() as stack:
        warm = [people[n % len(people)] for n in range(_WARM)]
        await _subscribe(server, await open_sockets(server, warm, stack))
        await asyncio.sleep(_SETTLE_SECONDS)


async def _subscribe(server: Server, sockets: Sequence[ClientConnection]) -> None:
    """A few at a time. The protocol does not acknowledge them: waits until the server counts them all."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        for start in range(0, len(sockets), AT_ONCE):
            some = sockets[start : start + AT_ONCE]
            for socket in some:
                await socket.send(_SUBSCRIBE)
            await _wait_open(client, start + len(some), some)


async def _wait_open(client: httpx.AsyncClient, wanted: int, sockets: Sequence[ClientConnection]) -> None:
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while True:
        found = _SUBSCRIPTIONS.search((await client.get("/metrics")).raise_for_status().text)
        if found and float(found[1]) >= wanted:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise SystemExit(f"Subscriptions do not open: {await _refusal(sockets)}")
        await asyncio.sleep(0.05)


async def _refusal(sockets: Sequence[ClientConnection]) -> str:
    """What a server has said on one of the sockets, if anything."""
    for socket in sockets:
        with suppress(TimeoutError):
            return str(await asyncio.wait_for(socket.recv(), 0.05))
    return "nothing is said why."
