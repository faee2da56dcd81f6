import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import ranks

NUMBERS = st.integers(min_value=0, max_value=10**9)


@given(NUMBERS, NUMBERS)
def test_ranks_of_numbers_sort_as_the_numbers(left: int, right: int) -> None:
    assert (ranks.of_number(left) < ranks.of_number(right)) == (left < right)


@given(st.lists(st.integers(min_value=0, max_value=10**6), max_size=200), st.randoms(use_true_random=False))
def test_any_insertions_keep_a_strict_order(places: list[int], chance: random.Random) -> None:
    end = ranks.of_number(5)
    order = [ranks.of_number(number) for number in range(1, 5)]
    for place in places:
        at = place % (len(order) + 1) if chance.random() < 0.5 else len(order) // 2
        lower = order[at - 1] if at else None
        upper = order[at] if at < len(order) else end
        rank = ranks.between(lower, upper)
        assert lower is None or lower < rank
        assert rank < upper
        assert rank.isascii()
        assert rank.isalnum()
        order.insert(at, rank)
    assert order == sorted(set(order))
    assert order[-1] < end


@given(st.integers(min_value=0, max_value=300), st.booleans())
def test_spread_gives_short_ranks_in_order(count: int, open_below: bool) -> None:
    lower, upper = None if open_below else ranks.of_number(7), ranks.of_number(8)
    fresh = ranks.spread(lower, upper, count)
    assert len(fresh) == count
    assert fresh == sorted(set(fresh))
    assert all((lower is None or lower < rank) and rank < upper for rank in fresh)
    assert max(map(len, fresh), default=0) <= 8


def test_there_is_always_something_before_the_first() -> None:
    first = ranks.of_number(1)
    for _ in range(20_000):
        earlier = ranks.between(None, first)
        assert earlier < first
        first = earlier
    assert len(first) <= 5


@pytest.mark.parametrize(("lower", "upper"), [("a1", "a1"), ("a2", "a1"), ("a1V", "a1")])
def test_no_rank_lies_in_an_empty_gap(lower: str, upper: str) -> None:
    with pytest.raises(ValueError, match="no rank lies between"):
        ranks.between(lower, upper)
