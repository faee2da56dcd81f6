"""The real Prometheus, with monitoring/prometheus.yml and its rules."""

import asyncio
import json
import math
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from tests.harness.documents import read_yaml
from tests.harness.processes import spawn, stop
from tests.harness.server import free_port
from tests.harness.stores import REPOSITORY

MONITORING = REPOSITORY / "monitoring"
INTERVAL = 1
"""Seconds between two scrapes here, where production has ten."""

Series = dict[str, dict[float, float]]
"""By the labels as text: the values by their time, without those that are no number."""


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program is not None
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


class Prometheus:
    """Scrapes `targets`, and tells `alertmanager` (host:port); all else but the intervals is the production
    configuration."""

    def __init__(self, folder: Path, *targets: str, alertmanager: str | None = None) -> None:
        self._log = folder / "prometheus.log"
        self._url = f"http://127.0.0.1:{free_port()}"
        program = shutil.which("prometheus")
        assert program is not None
        self._process = spawn(
            [
                program,
                f"--config.file={_configuration(folder, targets, alertmanager)}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={self._url.removeprefix('http://')}",
            ],
            log=self._log,
        )

    async def wait_for(self, expression: str, patience: float = 60) -> Series:
        """What it evaluates to once it is not empty. Raises AssertionError when that does not come."""
        deadline = time.monotonic() + patience
        while True:
            try:
                found = await self.range(expression, time.time() - INTERVAL, time.time())
            except (httpx.TransportError, json.JSONDecodeError):  # it is starting
                found = {}
            if found:
                return found
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, f"{expression} stays empty"
            await asyncio.sleep(0.2)

    async def range(self, expression: str, start: float, end: float) -> Series:
        async with httpx.AsyncClient(base_url=self._url, timeout=20) as client:
            query = {"query": expression, "start": start, "end": end, "step": INTERVAL}
            answer = (await client.post("/api/v1/query_range", data=query)).json()
        assert answer["status"] == "success", (expression, answer)
        found: Series = {}
        for series in answer["data"]["result"]:
            values = {float(at): float(text) for at, text in series["values"]}
            numbers = {at: value for at, value in values.items() if math.isfinite(value)}
            if numbers:
                found[json.dumps(series["metric"], sort_keys=True)] = numbers
        return found

    async def rules(self) -> list[dict[str, Any]]:
        """The rules as Prometheus has loaded them."""
        async with httpx.AsyncClient(base_url=self._url, timeout=20) as client:
            groups = (await client.get("/api/v1/rules")).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def stop(self) -> None:
        stop(self._process)


def _configuration(folder: Path, targets: tuple[str, ...], alertmanager: str | None) -> Path:
    """A copy with static targets in the place of Docker's name server, and short intervals."""
    configuration = read_yaml(MONITORING / "prometheus.yml")
    configuration["global"] |= {"scrape_interval": f"{INTERVAL}s", "evaluation_interval": f"{INTERVAL}s"}
    [scrape] = configuration["scrape_configs"]
    scrape["scrape_interval"] = f"{INTERVAL}s"
    del scrape["dns_sd_configs"]
    scrape["static_configs"] = [{"targets": list(targets)}]
    [manager] = configuration["alerting"]["alertmanagers"]
    del manager["dns_sd_configs"]
    manager["static_configs"] = [{"targets": [alertmanager]}] if alertmanager else []
    rules = folder / "alerts"
    rules.mkdir()
    for file in (MONITORING / "alerts").glob("*.yml"):
        (rules / file.name).write_text(re.sub(r"^ +for: .*\n", "", file.read_text(), flags=re.MULTILINE))
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(configuration))  # which is YAML too
    return path
