"""What an offline device reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backend.admissions import rules

NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "why"),
    [(0, ""), (-5, ""), (-9, ""), (-13, "before-code"), (1, ""), (3, "time-in-future"), (-60 * 24 * 40, "too-old")],
)
def test_an_offline_time_is_believed_within_reason(minutes: int, why: str) -> None:
    """The code was issued ten minutes ago and lives for a day."""
    at = NOW + timedelta(minutes=minutes)
    issued = NOW - timedelta(minutes=10)
    assert rules.judge_upload(at, issued, issued + timedelta(days=1), NOW, timedelta(days=31)) == why


def test_an_offline_scan_of_a_dead_code_is_told_from_one_that_died_since() -> None:
    issued = NOW - timedelta(hours=2)
    ends = NOW - timedelta(hours=1)
    assert rules.judge_upload(NOW - timedelta(minutes=90), issued, ends, NOW, timedelta(days=31)) == ""
    assert rules.judge_upload(NOW - timedelta(minutes=30), issued, ends, NOW, timedelta(days=31)) == "code-expired"
