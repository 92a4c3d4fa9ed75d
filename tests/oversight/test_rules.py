"""The tree, the statements and the calendar: pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kit.evidence import canonical, leaf
from backend.oversight import rules

LEAVES = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def by_the_book(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + by_the_book(leaves[:half]) + by_the_book(leaves[half:])).digest()


@given(LEAVES)
def test_the_root_is_that_of_the_standard(leaves: list[bytes]) -> None:
    assert rules.root(leaves) == by_the_book(leaves)


@given(LEAVES.filter(bool), st.data())
def test_any_change_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.binary(min_size=32, max_size=32).filter(lambda value: value != leaves[at]))
    replaced, removed = [*leaves[:at], other, *leaves[at + 1 :]], leaves[:at] + leaves[at + 1 :]
    for changed in (replaced, removed, [*leaves[:at], other, *leaves[at:]]):
        assert rules.root(changed) != rules.root(leaves)


VECTORS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Roots of the first one to eight inputs, as Certificate Transparency's implementations test themselves."""
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]


@pytest.mark.parametrize("count", range(1, 9))
def test_the_roots_of_certificate_transparency_come_out(count: int) -> None:
    assert rules.root(leaf(bytes.fromhex(text)) for text in INPUTS[:count]).hex() == VECTORS[count - 1]


def test_a_leaf_is_never_taken_for_a_node() -> None:
    one, two = leaf(b"1"), leaf(b"2")
    assert leaf(one + two) != rules.root([one, two])


def test_a_row_is_spelt_alike_whatever_the_order_and_the_zone() -> None:
    at = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
    shanghai = at.astimezone(__import__("zoneinfo").ZoneInfo("Asia/Shanghai"))
    first = canonical("trail", {"b": {"y": 1, "x": "中"}, "a": at, "later": None})
    assert first == canonical("trail", {"a": shanghai, "b": {"x": "中", "y": 1}})
    assert first != canonical("access_log", {"a": at, "b": {"x": "中", "y": 1}})


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_nothing_is_destroyed_before_its_ten_years_are_full(happened: date, day: date) -> None:
    destroyed = happened < rules.years_before(day, 10)
    full = (day.year - happened.year, day.month, day.day) > (10, happened.month, happened.day)
    assert not destroyed or full
    if full and (day - happened).days > 3654:
        assert destroyed


@pytest.mark.parametrize(
    ("day", "before"),
    [("2026-03-01", "2016-03-01"), ("2028-02-29", "2018-02-28"), ("2026-02-28", "2016-02-28"),
     ("2100-03-01", "2090-03-01"), ("2024-02-29", "2014-02-28")],
)  # fmt: skip
def test_leap_days_shorten_no_period(day: str, before: str) -> None:
    assert rules.years_before(date.fromisoformat(day), 10) == date.fromisoformat(before)


def test_a_row_is_late_only_after_a_seal_that_left_nothing() -> None:
    sealed = datetime(2026, 3, 1, tzinfo=UTC)
    assert rules.is_late(sealed - rules.GRACE - timedelta(seconds=1), sealed)
    assert not rules.is_late(sealed - rules.GRACE, sealed)
    assert not rules.is_late(sealed - timedelta(days=9), None)
