"""The process's metrics, in Prometheus' terms.

With several workers each process writes its values to files in PROMETHEUS_MULTIPROC_DIR (set before this
module is imported, emptied before the first worker starts) and any worker answers for all of them.
"""

import asyncio
import os
from collections.abc import Callable
from functools import cache, lru_cache
from multiprocessing import current_process
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from app.infra.tallies import Level, Observations, Tally, write_tallies

_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

disable_created_metrics()
if _FOLDER_VARIABLE in os.environ:
    Path(os.environ[_FOLDER_VARIABLE]).mkdir(parents=True, exist_ok=True)
    # A worker's name, which its successor bears when it has died: with process ids there would be more and
    # more files, and memory that they take.
    _process_name = os.getpid() if current_process().name == "MainProcess" else current_process().name
    values.ValueClass = values.MultiProcessValue(lambda: _process_name)
registry = CollectorRegistry()

_http_requests = Counter(
    "taskflow_http_requests_total",
    "Total HTTP requests by method, path (the route's template) and status.",
    ["method", "path", "status"],
    registry=registry,
)
_http_seconds = Histogram(
    "taskflow_http_duration_seconds",
    "Request duration distribution in seconds, from the first byte read to the last byte sent.",
    ["method", "path"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)


@lru_cache(maxsize=1_000)  # there are fewer, and finding one by its labels takes longer than counting
def http_series(method: str, path: str, status: int) -> tuple[Tally, Observations]:
    """Where an answered request is counted, and where its seconds are observed."""
    return (
        Tally(_http_requests.labels(method, path, str(status))),
        _http_durations(method, path),
    )


@cache
def _http_durations(method: str, path: str) -> Observations:
    return Observations(_http_seconds.labels(method, path))


active_connections = Level(
    Gauge(
        "taskflow_active_connections",
        "Current active connections: open WebSockets and HTTP requests being answered.",
        multiprocess_mode="livesum",
        registry=registry,
    )
)
_db_query_seconds = Histogram(
    "taskflow_db_query_duration_seconds",
    "Database query execution time in seconds, by the statement's label.",
    ["statement"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)


@lru_cache(maxsize=10_000)  # labels come from the code; finding a series by its label is half of observing it
def statement_seconds(label: str) -> Observations:
    """Where the seconds of one statement are observed."""
    return Observations(_db_query_seconds.labels(label))


pool_connections = Gauge(
    "taskflow_db_pool_connections",
    "Connections to the database in use (being opened or closed too), by pool, a second ago at most.",
    ["pool"],
    multiprocess_mode="livesum",
    registry=registry,
)
pool_size = Gauge(
    "taskflow_db_pool_size",
    "Connections to the database that may be in use at once, by pool.",
    ["pool"],
    multiprocess_mode="livesum",
    registry=registry,
)
pool_waiting = Gauge(
    "taskflow_db_pool_waiting",
    "Statements and transactions that wait for a connection, by pool, a second ago at most.",
    ["pool"],
    multiprocess_mode="livesum",
    registry=registry,
)
_pool_wait_seconds = Histogram(
    "taskflow_db_pool_wait_seconds",
    "How long those waited for whom no connection was free, for one that was opened too, by pool.",
    ["pool"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 3),
    registry=registry,
)


@cache
def pool_wait_seconds(pool: str) -> Observations:
    """Where it is observed how long somebody waited for a connection of this pool."""
    return Observations(_pool_wait_seconds.labels(pool))


pool_timeouts = Counter(
    "taskflow_db_pool_timeouts_total",
    "Statements and transactions that were given up because no connection came free, by pool.",
    ["pool"],
    registry=registry,
)
_operation_seconds = Histogram(
    "taskflow_operation_duration_seconds",
    "How long queries and mutations take in seconds, over HTTP and WebSocket, by their names as far as there"
    " is room for them, else by their type and root field.",
    ["operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)


def operation_seconds(operation: str) -> Observations:
    """Where the seconds of operations of this name are observed; to be kept."""
    return Observations(_operation_seconds.labels(operation))


errors = Counter(
    "taskflow_errors_total", "GraphQL errors that were answered, by code.", ["code"], registry=registry
)
for _code in ("INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"):  # what alerts ask for
    errors.labels(_code)  # from 0 on: of a series that is born with 1 no increase is seen
user_errors = Counter(
    "taskflow_user_errors_total", "Entries of mutations' userErrors, by code.", ["code"], registry=registry
)
subscriptions = Gauge(
    "taskflow_subscriptions", "Open subscriptions.", multiprocess_mode="livesum", registry=registry
)
dependency_up = Gauge(
    "taskflow_dependency_up",
    "1 while every worker reaches it (database, redis), else 0; also while the database lacks a migration, or"
    " Redis refuses writes.",
    ["dependency"],
    multiprocess_mode="livemin",
    registry=registry,
)
workers = Gauge("taskflow_workers", "Worker processes.", multiprocess_mode="livesum", registry=registry)
cpu_seconds = Counter(
    "taskflow_cpu_seconds_total", "Processor time of the worker processes.", registry=registry
)
memory_bytes = Gauge(
    "taskflow_resident_memory_bytes",
    "Resident memory of the worker processes; pages that they share count for each.",
    multiprocess_mode="livesum",
    registry=registry,
)
engine_operations = Counter(
    "taskflow_engine_operations_total",
    "Queries and payloads by how they were answered: by the engine, or why by graphql-core.",
    ["outcome"],
    registry=registry,
)
operations_answered = Tally(engine_operations.labels("answered"))
attempts = Counter(
    "taskflow_attempts_total",
    "Attempts at what is throttled (sign_in, sign_up, password, password_reset, member_add), by"
    " outcome (allowed, refused) and by where they were counted: in Redis, or in the process alone while"
    " Redis is away.",
    ["verb", "outcome", "counted_in"],
    registry=registry,
)
_rate_limit_operations = Counter(
    "taskflow_rate_limit_operations_total",
    "Operations, and requests that hold none, by what the rate limit said (allowed, refused) and by where"
    " they were counted: redis; process, while Redis is away; none, for a caller who is known to have nothing"
    " left and is refused without counting.",
    ["outcome", "counted_in"],
    registry=registry,
)
allowed_in_redis, allowed_in_process, refused_in_redis, refused_in_process, refused_uncounted = (
    Tally(_rate_limit_operations.labels(outcome, counted_in))
    for outcome, counted_in in (
        ("allowed", "redis"),
        ("allowed", "process"),
        ("refused", "redis"),
        ("refused", "process"),
        ("refused", "none"),
    )
)


mails = Counter(
    "taskflow_mails_total",
    "Mails of the outbox by what came of an attempt: sent, put back for another, refused for good, given up,"
    " not needed.",
    ["outcome"],
    registry=registry,
)
tasks_created = Counter("taskflow_tasks_created_total", "Total tasks created.", registry=registry)
tasks_completed = Counter(
    "taskflow_tasks_completed_total", "Total tasks marked as completed.", registry=registry
)


def worker_restarts() -> Counter:
    """For the supervisor, which counts where its workers do: PROMETHEUS_MULTIPROC_DIR is set by now."""
    # This process has no metrics else: values that it keeps to itself were chosen when it loaded this module.
    values.ValueClass = values.MultiProcessValue()
    return Counter(
        "taskflow_worker_restarts_total",
        "Worker processes that ended by themselves, or hung, and were replaced.",
        registry=None,
    )


async def exposition(accept: str) -> tuple[bytes, str]:
    """All workers' metrics in the format asked for by the Accept header, and that format's content type."""
    write_tallies()
    encode, content_type = choose_encoder(accept)
    folder = os.environ.get(_FOLDER_VARIABLE)
    if folder is None:
        return encode(registry), content_type
    return await asyncio.to_thread(_encode_all_workers, encode, Path(folder)), content_type


def _encode_all_workers(encode: Callable[[CollectorRegistry], bytes], folder: Path) -> bytes:
    combined = CollectorRegistry()
    MultiProcessCollector(combined, str(folder))
    return encode(combined)
