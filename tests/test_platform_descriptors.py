"""How many connections the system lets the server hold."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness.taskflow import descendants


@pytest.fixture
def most() -> Iterator[int]:
    """The hard limit, while the soft one, which a new process gets, is far lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_all_processes_may_hold_as_many_as_the_system_allows(
    start_server: StartServer, most: int
) -> None:
    server = await start_server(MAX_CONNECTIONS=str(most))
    assert _limits(server.process.pid) == {str(most)}
    assert "may open" in server.output()


def _limits(pid: int) -> set[str]:
    """Of a process and those below it, as Linux tells them."""
    told = [Path(f"/proc/{one}/limits").read_text() for one in (pid, *descendants(pid))]
    return {text.partition("Max open files")[2].split()[0] for text in told}
