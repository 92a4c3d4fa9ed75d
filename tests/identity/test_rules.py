"""What is typed of a counter's code."""

from __future__ import annotations

from backend.identity import rules


def test_a_counter_code_may_be_typed_with_spaces_and_in_small_letters() -> None:
    assert rules.normal_counter_code(" ab2c-d3ef ") == "AB2CD3EF"
