"""The load test runs from end to end and finds nothing wrong."""

import asyncio
import re
import shutil
import sys
from array import array

import pytest

from bench.load.followers import ends_with
from bench.load.memory import Size, Watch
from tests.harness.stores import REPOSITORY, bare_environment

MEGABYTE = 1024**2


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk, as Debian's package installs it")
async def test_a_short_load_has_no_errors() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load", "--seconds", "6"),
        *("--workspaces", "2", "--tasks", "600", "--idle", "500"),
        cwd=REPOSITORY,
        env={**bare_environment(), "PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 300)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    text = output.decode()
    assert "100 users in 2 workspaces of 600 tasks" in text
    assert re.search(r"^\| without pauses \| 3 s \| .* \| 0 \|$", text, re.MULTILINE), text
    assert re.search(r"^[1-9][\d,]* events reached the subscribers", text, re.MULTILINE), text


@pytest.mark.parametrize(
    ("received", "complete"),
    [
        ([3, 4, 5], True),
        ([1, 2, 3, 4, 5], True),
        ([4, 5], False),
        ([3, 5], False),
        ([3, 4, 4, 5], False),
        ([4, 3, 5], False),
        ([3, 4], False),
        ([0, 1, 2, 3, 4, 5], False),
    ],
)
def test_a_gap_a_repeat_and_a_wrong_order_are_noticed(received: list[int], complete: bool) -> None:
    assert ends_with(array("I", [1, 2, 3, 4, 5]), array("I", received), least=3) is complete


@pytest.mark.parametrize(
    ("private", "faults"),
    [
        ([100, 150, 200, 200, 200, 200], []),
        ([100, 150, 200, 200, 215, 215], ["server grew by 15 MB from the second third to the last"]),
        ([100, 150, 200, 200, 207, 207], []),
    ],
)
def test_memory_that_grows_is_noticed(private: list[int], faults: list[str]) -> None:
    sizes = [{"server": Size(size * MEGABYTE, size * MEGABYTE)} for size in private]
    watch = Watch({"server": 1}, sizes)
    assert watch.faults(flat=True) == faults
    assert watch.faults(flat=False) == []


def test_more_memory_than_the_host_has_is_noticed() -> None:
    sizes = [{"server": Size(3000 * MEGABYTE, 0), "PostgreSQL": Size(2000 * MEGABYTE, 0)}]
    assert Watch({"server": 1, "PostgreSQL": 2}, sizes).faults(flat=False) == [
        "all parts together took 4.9 GB"
    ]
