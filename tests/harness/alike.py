"""The tests that tell nothing of the stores' versions, and so need not run on the production versions too."""

from pathlib import Path

from tests.harness.stores import REPOSITORY

_ALIKE = (
    # Other programs before the server or beside it: they see HTTP alone.
    "deploy/*",
    "test_bench_*",
    "test_clients_*",
    "test_graphiql_*",
    "test_live_node.py",
    "test_schema*",
    # What is decided before a statement is sent: bytes, documents, limits, counts in Redis. One Redis serves
    # both runs wherever a redis-server is on the PATH.
    "fuzz/*",
    "test_abuse_*",
    "test_edge_*",
    "test_http_*",
    "test_limits_*",
    "test_persisted_*",
    "test_sse_*",
    "test_switches_*",
    # The process itself: commands, settings, logs, metrics, traces, what it does when a store or itself dies.
    "test_accounts_secrets.py",
    "test_dependencies.py",
    "test_health_*",
    "test_live_outages.py",
    "test_mail_processes.py",
    "test_metrics_*",
    "test_platform_*",
    "test_readme.py",
    "test_tracing.py",
    # Tests of the tests, and figures.
    "engine/test_cost_correlation.py",
    "engine/test_faults.py",
    "engine/test_never_repeating.py",
    "test_walls_faults.py",
    # They bring a PostgreSQL 15 of their own.
    "faults/*",
    "test_backup.py",
    "test_pgbouncer.py",
)


def files_alike() -> set[Path]:
    """Raises LookupError when a pattern fits no file any more."""
    tests = REPOSITORY / "tests"
    found = {pattern: set(tests.glob(pattern)) for pattern in _ALIKE}
    if stale := [pattern for pattern, files in found.items() if not files]:
        raise LookupError(f"No tests fit {', '.join(stale)}")
    return set().union(*found.values())
