"""What is only validated keeps its transaction open for the answer: a process has a few of these at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.config import load_settings
from app.domain.errors import Busy, Invalid
from app.domain.perform import perform
from app.domain.trials import AT_ONCE, Trials
from app.domain.viewer import Viewer
from app.domain.write import Write
from app.infra.db import Database, OpenTransaction
from app.models import new_id
from tests.harness.server import Server

VIEWER = Viewer(new_id(), new_id(), {})


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    opened = Database(load_settings(database_url=server.database_url, db_pool_size=10))
    await opened.start()
    await opened.wait_ready(10)
    yield opened
    await opened.stop()


async def nothing(_: Write) -> None:
    return


async def invalid(_: Write) -> None:
    raise Invalid("Not like this.")


async def attempt(database: Database, trials: Trials) -> OpenTransaction:
    outcome = await perform(database, VIEWER, "try", {}, nothing, validate_only=True, trials=trials)
    assert outcome.transaction is not None
    return outcome.transaction


async def test_further_ones_wait_for_a_place_and_are_refused_in_time(database: Database) -> None:
    trials = Trials.beside_writes(database.write_connections)
    open_now = [await attempt(database, trials) for _ in range(AT_ONCE)]
    waiting = asyncio.create_task(attempt(database, trials))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    # Meanwhile writes go on.
    await perform(database, VIEWER, "write", {}, nothing, trials=trials)
    await open_now.pop().rollback()
    open_now.append(await waiting)
    for each in open_now:
        await each.rollback()


async def test_who_waits_too_long_is_told_so(database: Database) -> None:
    trials = Trials(1, patience=0.1)
    held = await attempt(database, trials)
    with pytest.raises(Busy):
        await attempt(database, trials)
    await held.rollback()
    await held.rollback()
    await (await attempt(database, trials)).rollback()


async def test_a_place_is_given_back_whatever_happens(database: Database) -> None:
    trials = Trials(1, patience=0.1)
    for _ in range(3):
        with pytest.raises(Invalid):
            await perform(database, VIEWER, "try", {}, invalid, validate_only=True, trials=trials)
    held = await attempt(database, trials)
    given_up = asyncio.create_task(attempt(database, trials))
    await asyncio.sleep(0.02)
    given_up.cancel()
    await asyncio.wait([given_up])
    await held.rollback()
    await (await attempt(database, trials)).rollback()


@pytest.mark.parametrize(("connections", "places"), [(1, 1), (2, 1), (3, 2), (5, 3), (50, 3)])
async def test_a_connection_stays_for_writes(connections: int, places: int) -> None:
    trials = Trials.beside_writes(connections)
    for _ in range(places):
        async with asyncio.timeout(0.1):
            await trials.enter()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await trials.enter()
