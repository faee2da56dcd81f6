"""Tenant walls: ids of another tenant in every argument of every subscription, and what is heard."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.harness.client import Api
from tests.harness.server import Server
from tests.harness.sockets import Socket, open_socket
from tests.walls.documents import introspected
from tests.walls.subscriptions import Subscriptions
from tests.walls.tenants import contents, make_tenant


@pytest.fixture(scope="module")
async def subscriptions(api: Api, sql: asyncpg.Pool) -> Subscriptions:
    return Subscriptions(await introspected(api), await make_tenant(api, sql), await make_tenant(api, sql))


@pytest.fixture
async def outside(server: Server, subscriptions: Subscriptions) -> AsyncIterator[Socket]:
    async with open_socket(server.websocket_url, token=subscriptions.outsider.owner.token) as opened:
        yield opened


def test_every_argument_that_takes_an_id_has_a_sample(subscriptions: Subscriptions) -> None:
    assert len(subscriptions.slots) >= 3
    assert subscriptions.without_sample() == []


async def test_an_id_of_others_answers_like_an_unknown_one(
    subscriptions: Subscriptions, outside: Socket, sql: asyncpg.Pool
) -> None:
    before = await contents(sql)
    assert [leak async for leak in subscriptions.leaks(outside)] == []
    assert await contents(sql) == before


async def test_only_ones_own_is_heard(subscriptions: Subscriptions, outside: Socket) -> None:
    assert [problem async for problem in subscriptions.heard(outside)] == []
