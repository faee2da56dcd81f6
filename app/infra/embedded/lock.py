import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from app.infra.embedded.errors import AlreadyRunning

_STARTING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Owner:
    """Who uses a data folder: what the lock file says. URLs are None until its servers are up."""

    pid: int
    data_dir: str
    address: str | None = None
    database_url: str | None = None
    redis_url: str | None = None
    ready: bool = False

    def describe(self) -> str:
        where = (
            f"TaskFlow is already running at {self.address}"
            if self.address
            else "A taskflow command is running"
        )
        return f"{where} (process {self.pid}) and uses the data in {self.data_dir}."


class FolderLock:
    """
    An advisory lock (flock) on a data folder. The kernel drops it when the process ends in whatever way, so a
    lock file that is left behind means nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def acquire(self, owner: Owner) -> None:
        """Raises AlreadyRunning when another process holds the lock."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise AlreadyRunning(self._read()) from None
        self._file = file
        _write(file, owner)

    def write(self, owner: Owner) -> None:
        """Tells others where this process and its servers are."""
        if self._file is None:
            raise RuntimeError("the lock is not held")
        _write(self._file, owner)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def wait_for_owner(self, seconds: float = _STARTING_SECONDS) -> Owner | None:
        """The process that holds the lock, once its servers are up; None when nobody holds it."""
        deadline = time.monotonic() + seconds
        while self._is_held_elsewhere():
            owner = self._read()
            if owner.ready or time.monotonic() > deadline:
                return owner
            time.sleep(0.1)
        return None

    def _is_held_elsewhere(self) -> bool:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def _read(self) -> Owner:
        try:
            return Owner(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            # Another process is between taking the lock and writing.
            return Owner(pid=0, data_dir=str(self._path.parent))


def _write(file: int, owner: Owner) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(asdict(owner)).encode(), 0)
