"""The `taskflow` command as a process, with nothing in its environment but what a test gives it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.harness.stores import REPOSITORY, bare_environment

COMMAND = [sys.executable, "-m", "app.cli"]
_T = TypeVar("_T")


def environment(**settings: str) -> dict[str, str]:
    return {**bare_environment(), "PYTHONPATH": os.fspath(REPOSITORY), **settings}


def run_taskflow(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, in the folder `cwd` (where `.env` and `.taskflow` would be)."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
    )


def eventually(look: Callable[[], _T], *, seconds: float = 20) -> _T:
    """The first true result of `look`. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = look()
        if result:
            return result
        assert time.monotonic() < deadline, f"still {result!r} after {seconds} s"
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """The living children of a process, and theirs, without zombies."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        state = parent_and_state(int(process.name))
        if state is not None and state[1] != "Z":
            children.setdefault(state[0], []).append(int(process.name))
    found, waiting = [], [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.append(child)
            waiting.append(child)
    return found


def parent_and_state(pid: int) -> tuple[int, str] | None:
    """None when there is no such process."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(after_name[1]), after_name[0]


def living(pids: list[int]) -> list[int]:
    states = {pid: parent_and_state(pid) for pid in pids}
    return [pid for pid, state in states.items() if state is not None and state[1] != "Z"]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


class ServeProcess:
    """`taskflow serve` on a port of its own, with its output in a file."""

    def __init__(self, folder: Path, port: int, *arguments: str, **settings: str) -> None:
        self.port = port
        self.log = folder / f"serve-{port}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", *arguments],
                cwd=folder,
                env=environment(APP_PORT=str(port), RATE_LIMIT_MAX="0", **settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def status(self, path: str = "/health/live", *, timeout: float = 5) -> int:
        """The status of an answer; 0 when none comes."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return 0

    def text(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read(), "utf-8")

    def wait_ready(self, path: str = "/health/ready") -> None:
        def look() -> bool:
            assert self.process.poll() is None, self.output
            return self.status(path) == 200

        try:
            eventually(look, seconds=40)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from error

    def workers(self) -> list[int]:
        children = [pid for pid in descendants(self.pid) if "spawn_main" in command_line(pid)]
        return sorted(children)

    def servers(self) -> list[int]:
        """The main processes of the embedded PostgreSQL and Redis."""
        direct = [pid for pid in descendants(self.pid) if (parent_and_state(pid) or (0,))[0] == self.pid]
        return [pid for pid in direct if re.search(r"/postgres -D|redis-server", command_line(pid))]

    def end(self, sign: signal.Signals = signal.SIGTERM, *, seconds: float = 20) -> int:
        """Sends a signal to the parent alone and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        return self.process.wait(seconds)


def worker_of(pid: int) -> int:
    """The only worker process of a server."""
    [worker] = [child for child in descendants(pid) if "spawn_main" in command_line(child)]
    return worker


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
