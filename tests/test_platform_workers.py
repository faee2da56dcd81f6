"""Workers that hang, and workers that crash again and again: what their supervisor does about them."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.server import Server, Servers
from tests.harness.taskflow import command_line, descendants, eventually, living

Start = Callable[[], Server]


@pytest.fixture
def start(servers: Servers, server: Server, tmp_path: Path) -> Iterator[Start]:
    """Two workers, both of which serve."""
    started: list[Server] = []

    def start() -> Server:
        own = {"CRASH_WHILE": os.fspath(tmp_path / "crash"), "SHUTDOWN_TIMEOUT": "1", "LOG_LEVEL": "info"}
        env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
        started.append(servers.start({**env, **own}, workers=2, module="tests.harness.unwell"))
        eventually(lambda: started[-1].output().count("Application startup complete") == 2)
        eventually(lambda: _answers(started[-1]))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_a_worker_whose_event_loop_hangs_is_replaced(start: Start) -> None:
    server = start()
    ill, well = _workers(server)
    os.kill(ill, signal.SIGUSR1)
    eventually(lambda: ill not in _workers(server) and len(_workers(server)) == 2)
    assert well in _workers(server)
    assert f"The worker {ill} ended with -9, replacing it" in server.output()


@pytest.mark.parametrize("sign", [signal.SIGUSR1, signal.SIGSTOP])
def test_one_that_hangs_does_not_hold_up_the_end(start: Start, sign: signal.Signals) -> None:
    server = start()
    everything = [server.process.pid, *descendants(server.process.pid)]
    victim = _workers(server)[0]
    os.kill(victim, sign)
    server.process.terminate()
    assert server.process.wait(20) == 0
    assert f"The worker {victim} does not end, killing it." in server.output()
    assert "replacing it" not in server.output()
    eventually(lambda: living(everything) == [])


def test_nor_a_reload(start: Start) -> None:
    server = start()
    before = _workers(server)
    os.kill(before[0], signal.SIGSTOP)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(_workers(server)) == 2 and not set(before) & set(_workers(server)), seconds=40)
    assert _answers(server)


def test_a_reload_gives_way_to_the_end(start: Start) -> None:
    """Not each worker in its turn is waited for, with what it has under way."""
    server = start()
    before = _workers(server)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(_workers(server)) == 3)
    server.process.terminate()
    assert server.process.wait(20) == 0
    assert before[1] not in living(before)
    assert server.output().count("Application startup complete") <= 3  # the second one was not replaced


def test_a_worker_that_crashes_at_its_start_is_replaced_with_growing_pauses(
    start: Start, tmp_path: Path
) -> None:
    server = start()
    (tmp_path / "crash").touch()
    victim, well = _workers(server)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: "replacing it in 4 s" in server.output())
    told = [line for line in server.output().splitlines() if "replacing it" in line]
    assert [line.partition("replacing it ")[2][:6] for line in told] == ["in 1 s", "in 2 s", "in 4 s"]
    assert _workers(server) == [well]
    assert _answers(server)
    (tmp_path / "crash").unlink()
    eventually(lambda: len(_workers(server)) == 2)


def _workers(server: Server) -> list[int]:
    pid = server.process.pid
    return sorted(child for child in descendants(pid) if "spawn_main" in command_line(child))


def _answers(server: Server) -> bool:
    return httpx.get(f"{server.url}/health/live", timeout=5).status_code == 200
