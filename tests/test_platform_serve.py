import asyncio
import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.harness.server import free_port
from tests.harness.taskflow import (
    COMMAND,
    ServeProcess,
    command_line,
    descendants,
    environment,
    eventually,
    living,
    run_taskflow,
)

BODY = json.dumps({"query": "{ viewer { id } }"}).encode()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Two workers on the embedded default, for tests that leave them serving."""
    process = ServeProcess(tmp_path_factory.mktemp("serve"), free_port(), "--workers", "2")
    process.wait_ready()
    eventually(lambda: all(process.status("/health/ready") == 200 for _ in range(8)))  # both of them
    yield process
    assert process.end() == 0


@pytest.fixture
def new_serve(tmp_path: Path) -> Iterator[Callable[..., ServeProcess]]:
    started: list[ServeProcess] = []

    def start(*arguments: str, **settings: str) -> ServeProcess:
        started.append(ServeProcess(tmp_path, free_port(), *arguments, **settings))
        return started[-1]

    yield start
    for process in started:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


def test_it_serves_on_real_stores_that_are_its_children(serve: ServeProcess) -> None:
    services = json.loads(serve.text("/health/ready"))["services"]
    assert {name: service["status"] for name, service in services.items()} == {
        "database": "ok",
        "redis": "ok",
        "migrations": "ok",
    }
    assert len(serve.workers()) == 2
    assert len(serve.servers()) == 2


def test_a_second_start_says_that_one_runs_and_where(serve: ServeProcess) -> None:
    result = run_taskflow("serve", cwd=serve.log.parent, APP_PORT=str(free_port()))
    assert result.returncode == 1
    assert f"already running at http://localhost:{serve.port} (process {serve.pid})" in result.stderr
    assert str(serve.log.parent / ".taskflow") in result.stderr
    assert len(serve.workers()) == 2


def test_a_busy_port_names_the_variable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run_taskflow("serve", cwd=tmp_path, APP_PORT=str(port))
    assert result.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {port}: Address already in use." in result.stderr
    assert "APP_PORT=" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / ".taskflow" / "postgres").exists()


def test_a_killed_worker_comes_back(serve: ServeProcess) -> None:
    serve.text("/health/live")
    before = serve.workers()
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: before[0] not in serve.workers() and len(serve.workers()) == 2)
    assert before[1] in serve.workers()
    eventually(lambda: serve.status() == 200)
    # The gauges of the dead worker went with it: each of the two has its own.
    folder = Path(f"/proc/{serve.workers()[0]}/environ").read_bytes().split(b"PROMETHEUS_MULTIPROC_DIR=")[1]
    files = Path(os.fsdecode(folder.split(b"\0")[0]))
    eventually(lambda: len(list(files.glob("gauge_livesum_*.db"))) == 2)
    assert "taskflow_active_connections" in serve.text("/metrics")


def test_a_hangup_signal_replaces_the_workers_without_a_failed_request(serve: ServeProcess) -> None:
    before, done, answers = serve.workers(), threading.Event(), list[int]()

    def ask() -> None:
        while not done.is_set():
            answers.append(serve.status("/health/ready", timeout=30))
            time.sleep(0.005)

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        os.kill(serve.pid, signal.SIGHUP)
        eventually(lambda: len(serve.workers()) == 2 and not set(before) & set(serve.workers()), seconds=40)
    finally:
        done.set()
        for client in clients:
            client.join()
    assert len(answers) > 10
    assert set(answers) == {200}


def test_an_embedded_server_that_dies_comes_back(serve: ServeProcess) -> None:
    (postgres,) = (pid for pid in serve.servers() if "/postgres -D" in command_line(pid))
    os.kill(postgres, signal.SIGKILL)
    eventually(lambda: len(serve.servers()) == 2 and postgres not in serve.servers())
    serve.wait_ready()


def test_termination_lets_a_request_finish_and_closes_sockets(new_serve: Callable[..., ServeProcess]) -> None:
    process = new_serve()
    process.wait_ready()
    everything = descendants(process.pid)

    async def end_meanwhile() -> tuple[bytes, int | None]:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        head = (
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + BODY[:5])
        url = f"ws://127.0.0.1:{process.port}/graphql"
        async with connect(url, subprotocols=["graphql-transport-ws"]) as websocket:  # type: ignore[list-item]  # a NewType of str
            await websocket.send('{"type": "connection_init"}')
            await websocket.recv()
            process.process.send_signal(signal.SIGTERM)
            code = await _code_of_close(websocket)
        # The socket is closed, so the worker is on its way out while the request is still being sent.
        writer.write(BODY[5:])
        answer = await reader.read()
        writer.close()
        return answer, code

    answer, code = asyncio.run(end_meanwhile())
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"viewer":null' in answer
    assert code == 1012
    assert process.process.wait(20) == 0
    # multiprocessing's resource tracker ends when it finds its pipe closed, a moment after the parent.
    eventually(lambda: living(everything) == [], seconds=5)


def test_the_time_to_finish_is_bounded(new_serve: Callable[..., ServeProcess]) -> None:
    process = new_serve(SHUTDOWN_TIMEOUT="1")
    process.wait_ready()
    with socket.create_connection(("127.0.0.1", process.port)) as client:
        client.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert process.end(seconds=10) == 0


def test_nothing_outlives_a_killed_parent(new_serve: Callable[..., ServeProcess]) -> None:
    process = new_serve("--workers", "2")
    process.wait_ready()
    everything = descendants(process.pid)
    assert len(everything) > 4
    process.end(signal.SIGKILL)
    eventually(lambda: living(everything) == [])


def test_nothing_outlives_the_terminal(tmp_path: Path) -> None:
    port = free_port()
    terminal, child = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *COMMAND, "serve"],
        cwd=tmp_path,
        env=environment(APP_PORT=str(port)),
        stdin=child,
        stdout=child,
        stderr=child,
    )
    os.close(child)
    os.set_blocking(terminal, False)
    eventually(lambda: _drained(terminal) and _listens(port) and len(descendants(shell.pid)) > 3, seconds=40)
    everything = descendants(shell.pid)
    os.close(terminal)
    try:
        eventually(lambda: living(everything) == [])
    finally:
        for pid in living(everything):
            os.kill(pid, signal.SIGKILL)
        shell.kill()
        shell.wait()


async def _code_of_close(websocket: ClientConnection) -> int | None:
    try:
        async for _ in websocket:
            pass
    except ConnectionClosed:
        pass
    return websocket.close_code


def _drained(terminal: int) -> bool:
    """Reads what has been written to a terminal, so that the writer is not held up."""
    with contextlib.suppress(BlockingIOError):
        while os.read(terminal, 65536):
            pass
    return True


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
