"""Programs that a bare machine may lack."""

import shutil

import pytest

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def skip_if_missing(item: pytest.Item) -> None:
    """Skips a test marked `node` or `browser` where the program is missing, and says which."""
    if item.get_closest_marker("node") and node() is None:
        pytest.skip("needs Node.js: no `node` on the PATH")
    if item.get_closest_marker("browser") and chromium() is None:
        pytest.skip(f"needs Chromium: none of {', '.join(CHROMIUM_NAMES)} on the PATH")


def node() -> str | None:
    return shutil.which("node")


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
