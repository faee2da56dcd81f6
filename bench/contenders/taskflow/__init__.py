"""The real server with everything on: authentication, rate limiting, metrics, one worker."""

from __future__ import annotations

import os
import sys

import httpx

from bench import documents
from bench.contender import Stage
from bench.dataset import Dataset, Place
from bench.graphql_contender import GraphQLContender
from tests.harness.server import JWT_SECRET
from tests.harness.stores import REPOSITORY

_CURSORS_A_QUERY = 100


class TaskFlow(GraphQLContender):
    name = "taskflow"
    title = "TaskFlow"
    note = "GraphQL with authentication, rate limit, metrics and Redis"
    ready_path = "/health/ready"

    def __init__(self) -> None:
        super().__init__()
        self._cursors: dict[str, str] = {}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "app.cli", "serve", "--workers", "1"]

    def environment(self, stage: Stage) -> dict[str, str]:
        return {
            "NODE_ENV": "production",
            "DATABASE_URL": stage.database_url,
            "REDIS_URL": stage.redis_url,
            "JWT_SECRET": JWT_SECRET,
            "APP_HOST": "127.0.0.1",
            "APP_PORT": str(stage.port),
            # On, and never reached.
            "RATE_LIMIT_MAX": "1000000000",
            "MAX_CONCURRENT": "1000000000",
            "RATE_LIMIT_POINTS": "1000000000000",
            "LOG_LEVEL": "warn",
            "PYTHONPATH": os.fspath(REPOSITORY),
        }

    def headers(self, dataset: Dataset) -> dict[str, str]:
        return {"Authorization": f"Bearer {dataset.token}"}

    async def prepare(self, client: httpx.AsyncClient, dataset: Dataset) -> None:
        """Cursors are opaque: asks for those of all places."""
        await super().prepare(client, dataset)
        ids = [place.id for place in (*dataset.newest, *dataset.deep)]
        for start in range(0, len(ids), _CURSORS_A_QUERY):
            variables = {"workspaceId": dataset.workspace_id, "ids": ids[start : start + _CURSORS_A_QUERY]}
            body = {"query": documents.CURSORS, "variables": variables}
            response = await client.post(self.path, json=body)
            for edge in response.raise_for_status().json()["data"]["tasks"]["edges"]:
                self._cursors[edge["node"]["id"]] = edge["cursor"]

    def cursor(self, place: Place) -> str:
        return self._cursors[place.id]
