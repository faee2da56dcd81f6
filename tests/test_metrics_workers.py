"""/metrics with several workers: any of them answers for all, and for none that is gone."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.server import Server
from tests.harness.sockets import open_socket
from tests.live import until
from tests.test_metrics_names import value

ApiOf = Callable[[Server], Api]

ANSWERED = {"method": "POST", "path": "/graphql", "status": "200"}


def workers(server: Server) -> dict[int, int]:
    """Worker's pid → how many sockets it has open."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): _open_sockets(int(child)) for child in children}


def _open_sockets(pid: int) -> int:
    count = 0
    with suppress(FileNotFoundError, ProcessLookupError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            count += str(descriptor.readlink()).startswith("socket:")
    return count


async def test_a_killed_worker_leaves_nothing_behind(start_server: StartServer, api_of: ApiOf) -> None:
    server = await start_server(workers=2)
    requests = 40
    for _ in range(requests):
        api = api_of(server)  # a connection of its own, so that the workers share them
        assert (await api.run("{ __typename }")).status == 200
        await api.close()

    async def all_are_told() -> bool:  # a worker writes what it has counted once a second
        return await value(api_of(server), "taskflow_http_requests_total", **ANSWERED) == requests

    await until(all_are_told)
    for _ in range(5):
        assert await all_are_told()

    async with AsyncExitStack() as sockets:
        for _ in range(12):
            await sockets.enter_async_context(open_socket(server.websocket_url))

        async def sockets_are_told() -> bool:
            return await value(api_of(server), "taskflow_active_connections") == 12

        await until(sockets_are_told)
        held = workers(server)
        victim = max(held, key=lambda pid: held[pid])
        os.kill(victim, signal.SIGKILL)
        await wait_for_other_workers(server, victim)
        left = await value(api_of(server), "taskflow_active_connections")
        assert left < 12

    async def none_is_left() -> bool:
        return await value(api_of(server), "taskflow_active_connections") == 0

    await until(none_is_left)
    assert await value(api_of(server), "taskflow_worker_restarts_total") == 1

    async def both_work() -> bool:
        return await value(api_of(server), "taskflow_workers") == 2

    await until(both_work, patience=30)
    # Counters keep what the killed worker had counted.
    assert await value(api_of(server), "taskflow_http_requests_total", **ANSWERED) >= requests


async def test_the_files_do_not_become_more_with_each_that_dies(
    start_server: StartServer, api_of: ApiOf, tmp_path: Path
) -> None:
    folder = tmp_path / "made" / "by the server"
    server = await start_server(PROMETHEUS_MULTIPROC_DIR=os.fspath(folder))
    files: list[set[str]] = []
    for number in range(1, 4):
        api = api_of(server)
        assert (await api.run("{ __typename }")).status == 200
        assert await value(api, "taskflow_http_requests_total", **ANSWERED) == number
        files.append({file.name for file in folder.iterdir()})
        [victim] = _serving(server)
        os.kill(victim, signal.SIGKILL)
        await wait_for_other_workers(server, victim)
        await server.wait_ready()
    assert files[0] == files[1] == files[2]
    assert await value(api_of(server), "taskflow_worker_restarts_total") == 3


async def test_a_reload_is_no_restart(start_server: StartServer, api_of: ApiOf) -> None:
    server = await start_server(workers=1)
    [old] = _serving(server)
    server.process.send_signal(signal.SIGHUP)
    await wait_for_other_workers(server, old)
    assert await value(api_of(server), "taskflow_workers") == 1
    assert await value(api_of(server), "taskflow_worker_restarts_total") == 0


def _serving(server: Server) -> list[int]:
    return [pid for pid in workers(server) if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


async def wait_for_other_workers(server: Server, victim: int) -> None:
    for _ in range(200):
        await asyncio.sleep(0.1)
        if victim not in workers(server):
            await asyncio.sleep(1)
            return
    raise AssertionError("the killed worker is still there")
