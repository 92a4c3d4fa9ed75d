"""Places in buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.offers import rules


@given(st.integers(0, 10**7), st.integers(1, 8))
def test_stock_spreads_evenly_and_wholly(total: int, buckets: int) -> None:
    shares = rules.spread(total, buckets)
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


def test_few_places_lie_in_one_bucket_and_many_in_eight() -> None:
    assert [rules.bucket_count(total) for total in (1, 3, 8, 31, 32, 2000)] == [1, 1, 2, 7, 8, 8]
