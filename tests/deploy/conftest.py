"""nginx in front of replicas: processes on 127.0.0.21, .22 and .23 that a name server knows as `app`."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.client import Api
from tests.harness.dns import NameServer
from tests.harness.nginx import Nginx
from tests.harness.server import Server, Servers, free_port

REPLICA_ADDRESSES = ("127.0.0.21", "127.0.0.22", "127.0.0.23")

StartNginx = Callable[..., Nginx]


@dataclass(frozen=True)
class Edge:
    nginx: Nginx
    replicas: list[Server]


@pytest.fixture(scope="session")
async def edge(
    server: Server, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    """nginx and three replicas that most tests share, on the shared server's stores."""
    port = free_port()
    replicas = [
        servers.start(replica_environment(server, address), port=port) for address in REPLICA_ADDRESSES
    ]
    for replica in replicas:
        await replica.wait_ready()
    nginx = Nginx(tmp_path_factory.mktemp("nginx"), NameServer(*REPLICA_ADDRESSES), port)
    yield Edge(nginx, replicas)
    nginx.stop()
    for replica in replicas:
        replica.stop()


@pytest.fixture
def start_nginx(tmp_path: Path) -> Iterator[StartNginx]:
    """`start_nginx(*addresses, port=…, changes=())`: an nginx of one's own."""
    started: list[Nginx] = []

    def start(*addresses: str, port: int, changes: tuple[tuple[str, str], ...] = ()) -> Nginx:
        folder = tmp_path / f"nginx-{len(started)}"
        folder.mkdir()
        started.append(Nginx(folder, NameServer(*addresses), port, changes))
        return started[-1]

    yield start
    for nginx in started:
        nginx.stop()


@pytest.fixture
async def edge_api(edge: Edge) -> AsyncIterator[Api]:
    """An Api through nginx, over HTTPS."""
    api = Api(edge.nginx.https_url)
    await api.http.aclose()
    api.http = edge.nginx.client()
    yield api
    await api.close()


def replica_environment(server: Server, address: str, **settings: str) -> dict[str, str]:
    """The settings of a replica that shares `server`'s stores."""
    shared = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    return {**shared, "APP_HOST": address, **settings}
