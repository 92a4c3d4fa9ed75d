"""From when until when a version holds."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.scoring import published


@settings(max_examples=40)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_on_every_day_the_version_in_force_is_the_last_that_has_begun(offsets: list[int]) -> None:
    first = date(2026, 1, 1)
    days = sorted(first + timedelta(days=n) for n in offsets)
    for ahead in range(14):
        today = first + timedelta(days=ahead)
        begun = [at for at, day in enumerate(days) if day <= today]
        found = published.periods(days, today)
        assert [at for at, period in enumerate(found) if period.state == "in-force"] == begun[-1:]
        for at, period in enumerate(found):
            assert (period.state == "coming") == (days[at] > today and days[at] not in days[at + 1 :])
            assert period.effective_until_on is None or period.effective_until_on >= period.effective_on
