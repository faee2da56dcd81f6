"""Programs that a bare machine may lack."""

import os
import shutil
from pathlib import Path

import pytest

POSTGRESQL_15 = Path("/usr/lib/postgresql/15/bin")
IMAGE_PROGRAMS = ("buildah", "mmdebstrap", "chroot", "unshare")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def skip_if_missing(item: pytest.Item) -> None:
    """Skips a marked test where a program is missing, and says which."""
    if item.get_closest_marker("node") and node() is None:
        pytest.skip("needs Node.js: no `node` on the PATH")
    if item.get_closest_marker("browser") and chromium() is None:
        pytest.skip(f"needs Chromium: none of {', '.join(CHROMIUM_NAMES)} on the PATH")
    if item.get_closest_marker("nginx") and shutil.which("nginx") is None:
        pytest.skip("needs nginx, and openssl for its certificate")
    if item.get_closest_marker("prometheus") and None in map(shutil.which, ("prometheus", "promtool")):
        pytest.skip("needs prometheus, and promtool which comes with it")
    if item.get_closest_marker("compose") and shutil.which("docker-compose") is None:
        pytest.skip("needs docker-compose")
    for marker, programs in (("postgresql", ["redis-server"]), ("pgbouncer", ["pgbouncer"])):
        missing = [program for program in programs if shutil.which(program) is None]
        if item.get_closest_marker(marker) and (missing or not POSTGRESQL_15.is_dir()):
            pytest.skip(
                f"needs {' and '.join(['PostgreSQL 15', *programs])}, as Debian's packages install them"
            )
    if item.get_closest_marker("image"):
        _skip_unless_images_can_be_built()


def node() -> str | None:
    return shutil.which("node")


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def _skip_unless_images_can_be_built() -> None:
    missing = [program for program in IMAGE_PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a file system and change into it")
