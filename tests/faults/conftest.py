from collections.abc import AsyncIterator, Callable

import pytest

from tests.faults.cluster import Cluster, start_cluster
from tests.harness.people import Person
from tests.harness.server import Servers

Figures = Callable[..., None]


@pytest.fixture(scope="module")
async def whole_cluster(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    started = await start_cluster(tmp_path_factory.mktemp("cluster"), servers)
    yield started
    await started.stop()


@pytest.fixture
async def cluster(whole_cluster: Cluster) -> Cluster:
    """Everything of it is there, whatever the test before did."""
    await whole_cluster.wait_well()
    return whole_cluster


@pytest.fixture
async def writer(cluster: Cluster) -> Person:
    return await cluster.sign_up()


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """`figures(writes=1000, slowest_seconds=1.2)`: printed when the run ends."""

    def record(**measured: object) -> None:
        texts = (
            f"{name.replace('_', ' ')}: {f'{value:.2f}' if isinstance(value, float) else value}"
            for name, value in measured.items()
        )
        record_property("figures", ", ".join(texts))

    return record
