"""nginx, three server processes, PostgreSQL 15 and Redis 7, each of which a test may take away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.deploy.conftest import REPLICA_ADDRESSES
from tests.harness.client import Api
from tests.harness.dns import NameServer
from tests.harness.nginx import Nginx
from tests.harness.own_postgres import OwnPostgres
from tests.harness.own_redis import OwnRedis
from tests.harness.people import Person, sign_up
from tests.harness.server import Server, Servers, free_port, server_environment
from tests.harness.sockets import Socket, open_socket

DB_POOL_SIZE = 8
SETTINGS = {
    "NODE_ENV": "production",
    "DB_POOL_SIZE": str(DB_POOL_SIZE),
    "SHUTDOWN_TIMEOUT": "20",
    # Counted in Redis, and never reached.
    "RATE_LIMIT_MAX": "10000000",
    "RATE_LIMIT_POINTS": "0",
}


@dataclass
class Cluster:
    postgres: OwnPostgres
    redis: OwnRedis
    nginx: Nginx
    replicas: list[Server]
    servers: Servers
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.api = Api(self.nginx.local_url)

    @property
    def database_url(self) -> str:
        return self.postgres.url()

    async def sign_up(self) -> Person:
        return await sign_up(self.api)

    async def wait_well(self) -> None:
        await asyncio.gather(*(replica.wait_ready(patience=60) for replica in self.replicas))

    def log_of_replicas(self) -> str:
        return "".join(replica.output() for replica in self.replicas)

    def start_again(self, number: int) -> Server:
        """A new process in place of a replica that has ended; returns before it is ready."""
        old = self.replicas[number]
        env = {name: value for name, value in old.env.items() if name != "APP_PORT"}
        self.replicas[number] = self.servers.start(env, port=old.port)
        return self.replicas[number]

    async def readiness(self, number: int) -> tuple[int, dict[str, Any]]:
        """What /health/ready of one replica says."""
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{self.replicas[number].url}/health/ready", timeout=10)
        return response.status_code, response.json()

    @asynccontextmanager
    async def sql(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection past the API."""
        connection = await asyncpg.connect(self.database_url)
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def socket(self, person: Person) -> AsyncIterator[Socket]:
        """A WebSocket through nginx."""
        url = self.nginx.local_url.replace("http:", "ws:") + "/graphql"
        async with open_socket(url, token=person.token) as socket:
            yield socket

    @asynccontextmanager
    async def writes_wait(self, person: Person) -> AsyncIterator[None]:
        """Every write in the person's own workspace waits until the block ends."""
        async with self.sql() as sql, sql.transaction():
            await sql.execute(
                "SELECT FROM workspace_counters WHERE workspace_id = $1 FOR UPDATE", person.workspace_id
            )
            yield

    async def waiting_writes(self, sql: asyncpg.Connection, count: int) -> bool:
        """Whether so many transactions wait for a lock."""
        waiting: int = await sql.fetchval("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return waiting == count

    async def stop(self) -> None:
        await self.api.close()
        self.nginx.stop()
        for replica in self.replicas:
            replica.stop()
        self.redis.stop()
        self.postgres.stop()


async def start_cluster(folder: Path, servers: Servers) -> Cluster:
    place = {name: folder / name for name in ("pg", "redis", "nginx")}
    for one in place.values():
        one.mkdir()
    postgres, redis = OwnPostgres(place["pg"]), OwnRedis(place["redis"])
    port = free_port()
    env = {**server_environment(postgres.url(), redis.url), **SETTINGS}
    replicas = [servers.start({**env, "APP_HOST": address}, port=port) for address in REPLICA_ADDRESSES]
    nginx = Nginx(place["nginx"], NameServer(*REPLICA_ADDRESSES), port)
    cluster = Cluster(postgres, redis, nginx, replicas, servers)
    await cluster.wait_well()
    return cluster


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started
