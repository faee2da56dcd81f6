"""The process's metrics, in Prometheus' terms.

With several workers each process writes its values to files in PROMETHEUS_MULTIPROC_DIR (set before this
module is imported, emptied before the first worker starts) and any worker answers for all of them.
"""

import asyncio
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

disable_created_metrics()
if _FOLDER_VARIABLE in os.environ:
    # Asking for the process' id at every count is a system call for nothing: workers are never forked.
    _process_id = os.getpid()
    values.ValueClass = values.MultiProcessValue(lambda: _process_id)
registry = CollectorRegistry()

http_requests = Counter(
    "taskflow_http_requests_total",
    "Total HTTP requests by method, path (the route's template) and status.",
    ["method", "path", "status"],
    registry=registry,
)
http_seconds = Histogram(
    "taskflow_http_duration_seconds",
    "Request duration distribution in seconds, from the first byte read to the last byte sent.",
    ["method", "path"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
active_connections = Gauge(
    "taskflow_active_connections",
    "Current active connections: open WebSockets and HTTP requests being answered.",
    multiprocess_mode="livesum",
    registry=registry,
)
db_query_seconds = Histogram(
    "taskflow_db_query_duration_seconds",
    "Database query execution time in seconds, by the statement's label.",
    ["statement"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)


@lru_cache(maxsize=10_000)  # labels come from the code; finding a series by its label is half of observing it
def statement_seconds(label: str) -> Histogram:
    """`db_query_seconds` of one statement."""
    return db_query_seconds.labels(label)


engine_operations = Counter(
    "taskflow_engine_operations_total",
    "Queries and payloads by how they were answered: by the engine, or why by graphql-core.",
    ["outcome"],
    registry=registry,
)
tasks_created = Counter("taskflow_tasks_created_total", "Total tasks created.", registry=registry)
tasks_completed = Counter(
    "taskflow_tasks_completed_total", "Total tasks marked as completed.", registry=registry
)


async def exposition(accept: str) -> tuple[bytes, str]:
    """All workers' metrics in the format asked for by the Accept header, and that format's content type."""
    encode, content_type = choose_encoder(accept)
    folder = os.environ.get(_FOLDER_VARIABLE)
    if folder is None:
        return encode(registry), content_type
    return await asyncio.to_thread(_encode_all_workers, encode, Path(folder)), content_type


def _encode_all_workers(encode: Callable[[CollectorRegistry], bytes], folder: Path) -> bytes:
    combined = CollectorRegistry()
    MultiProcessCollector(combined, str(folder))
    return encode(combined)
