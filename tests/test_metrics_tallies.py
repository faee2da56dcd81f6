"""What is gathered is written as if it had been counted one by one."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.infra.tallies import Level, Observations, Tally, write_tallies

BUCKETS = (0.001, 0.01, 0.1, 1)


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("le", "")): round(sample.value, 9)
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(st.one_of(st.floats(0, 2), st.sampled_from([0.0, *BUCKETS])), max_size=30))
def test_observations(values: Sequence[float]) -> None:
    gathered, one_by_one = CollectorRegistry(), CollectorRegistry()
    observations = Observations(Histogram("seconds", "x", buckets=BUCKETS, registry=gathered))
    histogram = Histogram("seconds", "x", buckets=BUCKETS, registry=one_by_one)
    for value in values:
        observations.observe(value)
        histogram.observe(value)
    write_tallies()
    assert samples(gathered) == samples(one_by_one)


def test_counts_and_levels_go_on_after_they_were_written() -> None:
    registry = CollectorRegistry()
    tally = Tally(Counter("requests", "x", registry=registry))
    level = Level(Gauge("open", "x", registry=registry))
    for _ in range(3):
        tally.inc()
        level.inc()
    write_tallies()
    write_tallies()
    tally.inc()
    level.dec()
    assert registry.get_sample_value("requests_total") == 3
    write_tallies()
    assert registry.get_sample_value("requests_total") == 4
    assert registry.get_sample_value("open") == 2
