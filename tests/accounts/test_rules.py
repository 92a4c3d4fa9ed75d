"""Names, id numbers and ages."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from backend.accounts import rules

TODAY = date(2026, 3, 5)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("张小明", "张小明"),
        (" 张 小明 ", "张小明"),
        ("买买提•艾合买提", "买买提·艾合买提"),
        ("买买提．艾合买提", "买买提·艾合买提"),
        ("㐀㐁", "㐀㐁"),
    ],
)
def test_a_name_is_compared_in_one_spelling(typed: str, normal: str) -> None:
    assert rules.normal_name(typed) == normal


@pytest.mark.parametrize("typed", ["", "张", "·张明", "张明·", "张··明", "Zhang", "张三1", "张" * 51, "张\u200b明"])
def test_what_cannot_be_a_name_is_none(typed: str) -> None:
    assert rules.normal_name(typed) is None


def test_the_standards_own_example_is_valid() -> None:
    assert rules.normal_id_number("11010519491231002x", TODAY) == "11010519491231002X"
    assert rules.normal_id_number(" 110105 19491231 002X ", TODAY) == "11010519491231002X"
    assert rules.birth_on("11010519491231002X") == date(1949, 12, 31)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "110105194912310021",  # another check character
        "11010519491231002",  # 17 characters
        "1101051949123100２Y",
        "010105194912310020",  # no division begins with 0
        "110105491231002",  # the old number of 15
        "X" * 18,
    ],
)
def test_what_cannot_be_an_id_number_is_none(typed: str) -> None:
    assert rules.normal_id_number(typed, TODAY) is None


@pytest.mark.parametrize("born", ["19000229", "20260306", "18991231", "19901301", "00000101"])
def test_an_id_number_with_an_impossible_birth_date_is_none(born: str) -> None:
    seventeen = f"320115{born}001"
    assert rules.normal_id_number(seventeen + rules.check_character(seventeen), TODAY) is None


@given(st.integers(0, 999), st.dates(date(1950, 1, 1), TODAY))
def test_the_check_character_agrees_with_an_independent_implementation(order: int, born_on: date) -> None:
    seventeen = f"320115{born_on:%Y%m%d}{order:03d}"
    number = seventeen + rules.check_character(seventeen)
    assert ric.calc_check_digit(number) == number[17]
    assert rules.normal_id_number(number, TODAY) == number


@given(st.integers(0, 16), st.integers(1, 9))
def test_every_single_wrong_digit_is_noticed(place: int, by: int) -> None:
    number = "11010519491231002X"
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    assert rules.check_character(wrong[:17]) != wrong[17]


def test_a_birthday_completes_a_year() -> None:
    born_on = date(2008, 3, 6)
    assert not rules.is_adult(born_on, date(2026, 3, 5))
    assert rules.is_adult(born_on, date(2026, 3, 6))


def test_whoever_was_born_on_a_leap_day_is_of_age_on_the_first_of_march() -> None:
    born_on = date(2008, 2, 29)
    assert not rules.is_adult(born_on, date(2026, 2, 28))
    assert rules.is_adult(born_on, date(2026, 3, 1))


@given(st.dates(date(1920, 1, 1), TODAY), st.dates(TODAY, date(2100, 1, 1)))
def test_age_never_falls_as_time_goes_on(born_on: date, on: date) -> None:
    assert 0 <= rules.age_years(born_on, TODAY) <= rules.age_years(born_on, on)


@pytest.mark.parametrize(("typed", "normal"), [(" Zhang.San ", "zhang.san"), ("a1b", "a1b"), ("a-b_c.d", "a-b_c.d")])
def test_a_username_is_lower_case(typed: str, normal: str) -> None:
    assert rules.normal_username(typed) == normal


@pytest.mark.parametrize("typed", ["", "ab", ".abc", "abc.", "a b", "张三丰", "a" * 41])
def test_what_cannot_be_a_username_is_none(typed: str) -> None:
    assert rules.normal_username(typed) is None


@pytest.mark.parametrize(
    ("number", "country", "normal"),
    [("13812345678", "86", "13812345678"), ("+8613812345678", "86", "13812345678"), ("13812345678", "852", None),
     ("12812345678", "86", None), ("1381234567", "86", None)],
)  # fmt: skip
def test_only_mainland_mobile_numbers_prove_anything(number: str, country: str, normal: str | None) -> None:
    assert rules.normal_phone(number, country) == normal
