import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

# sun_path holds 108 bytes with its closing zero (unix(7)).
_LONGEST_PATH = 107


def make_socket_folder(data_dir: Path, longest_name: str) -> Path:
    """
    A folder that only this user enters, short enough for a socket of that name: `run` in the data folder,
    else one among the temporary files that is the same at every start.
    """
    preferred = data_dir / "run"
    if _fits(preferred, longest_name):
        preferred.mkdir(mode=0o700, exist_ok=True)
        return preferred
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    name = f"taskflow-{os.geteuid()}-{digest}"
    parents = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - checked below to be ours alone
    folder = next((parent / name for parent in parents if _fits(parent / name, longest_name)), None)
    if folder is None:
        raise ValueError(
            f"no folder is short enough for a socket; set DATA_DIR to a shorter path than {data_dir}"
        )
    return _private(folder)


def remove_socket_folder(folder: Path, data_dir: Path) -> None:
    if folder.parent != data_dir:
        shutil.rmtree(folder, ignore_errors=True)


def _fits(folder: Path, name: str) -> bool:
    return len(os.fsencode(folder / name)) <= _LONGEST_PATH


def _private(folder: Path) -> Path:
    """The folder if nobody else could have prepared it, else one under a new name."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        mine = found.st_uid in (os.geteuid(), 0) or os.geteuid() == 0
        if not (stat.S_ISDIR(found.st_mode) and mine and stat.S_IMODE(found.st_mode) == 0o700):
            return Path(tempfile.mkdtemp(prefix="taskflow-", dir=folder.parent))
    return folder
