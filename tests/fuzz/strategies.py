"""What the tests of this folder draw from. TASKFLOW_FUZZ_SEED=<number> draws something else."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st

T = TypeVar("T")
SEED = int(os.environ.get("TASKFLOW_FUZZ_SEED", "1"))

DOCUMENTS = (
    "{ __typename }",
    "query A { viewer { id } } query B { __typename }",
    "mutation { signOut { userErrors { code } } }",
    "subscription { taskCreated { id } }",
    "query ($id: ID!) { node(id: $id) { id } }",
    "{ tasks(first: 2) { nodes { title } } }",
    "fragment A on Query { __typename }",
    "{",
    "",
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(DOCUMENTS) | st.text(max_size=40) | json_values,
        "variables": json_values | st.just({"id": "x"}),
        "operationName": st.sampled_from(("A", "B", "", None)) | json_values,
        "extensions": json_values | st.just({"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}),
        "documentId": json_values,
        "id": json_values,
    },
)


def many(count: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a hypothesis test: that many examples of SEED, and no others."""
    configured = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        decorated: Callable[..., Any] = seed(SEED)(configured(test))
        return decorated

    return decorate


def any_of(values: Sequence[T]) -> st.SearchStrategy[T]:
    """`sampled_from` for what is too long to be printed."""
    return st.integers(0, len(values) - 1).map(lambda index: values[index])
