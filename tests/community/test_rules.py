from __future__ import annotations

import copy
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.community import rules
from backend.community.rules import Behaviour, Deed, Evidence
from backend.kit import city
from backend.kit.clock import SHANGHAI
from config.settings import ROOT

NOW = datetime(2026, 3, 5, 12, tzinfo=SHANGHAI)
CITY = city.read_folder(ROOT / "config" / "cities" / "320115")


def behaviour(points: int = 2, daily: int | None = 10, monthly: int | None = 60, **changes: Any) -> Behaviour:
    told: dict[str, Any] = dict(
        id="waste-sorting", title="分类投放", points=points, kinds=("residential",), evidence=Evidence(True, False),
        daily_cap=daily, monthly_cap=monthly, award="review", reviewers=1,
    )  # fmt: skip
    return Behaviour(**{**told, **changes})


CAPS = st.one_of(st.none(), st.integers(1, 300))


@given(points=st.integers(1, 100), daily=CAPS, monthly=CAPS, days=st.lists(st.integers(0, 4), max_size=40))
def test_points_awarded_never_exceed_a_cap(
    points: int, daily: int | None, monthly: int | None, days: list[int]
) -> None:
    deed, earned = behaviour(points, daily, monthly), [0] * 5
    for day in days:
        grant = rules.under_caps(deed, earned[day], sum(earned))
        assert 0 <= grant.points <= points
        assert (grant.points < points) == bool(grant.reasons)
        earned[day] += grant.points
    assert daily is None or max(earned) <= daily
    assert monthly is None or sum(earned) <= monthly


@given(points=st.integers(1, 100), daily=CAPS, monthly=CAPS, day=st.integers(0, 500), month=st.integers(0, 500))
def test_a_cap_takes_no_more_than_it_must(
    points: int, daily: int | None, monthly: int | None, day: int, month: int
) -> None:
    room = [cap - earned for cap, earned in ((daily, day), (monthly, month)) if cap is not None]
    assert rules.under_caps(behaviour(points, daily, monthly), day, month).points == max(0, min([points, *room]))


def test_both_caps_are_told_when_both_cut() -> None:
    grant = rules.under_caps(behaviour(points=10, daily=10, monthly=12), 5, 10)
    assert grant.points == 2
    assert [reason[:4] for reason in grant.reasons] == ["每日上限", "每月上限"]


@given(day=st.dates(date(2020, 1, 1), date(2100, 12, 31)))
def test_a_month_runs_from_its_first_day_to_the_next_ones(day: date) -> None:
    first, after = rules.month_of(day)
    assert first <= day < after and first.day == after.day == 1
    assert (after - timedelta(days=1)).month == first.month


def test_points_end_as_the_city_says() -> None:
    assert rules.expires_on("year_end", date(2026, 3, 5)) == date(2026, 12, 31)
    assert rules.expires_on("rolling_365", date(2026, 3, 5)) == date(2027, 3, 5)
    assert rules.expires_on("never", date(2026, 3, 5)) is None


@pytest.mark.parametrize(
    ("deed", "pointers"),
    [
        (Deed("waste-sorting", NOW, "", 1), []),
        (Deed("waste-sorting", NOW + timedelta(seconds=1), "", 1), ["/happened_at"]),
        (Deed("waste-sorting", NOW - timedelta(days=30, seconds=1), "", 1), ["/happened_at"]),
        (Deed("waste-sorting", NOW - timedelta(days=30), "", 0), ["/photo_ids"]),
    ],
)
def test_a_deed_is_judged_by_time_and_evidence(deed: Deed, pointers: list[str]) -> None:
    found = rules.submission_problems(behaviour(), "residential", deed, NOW, 30)
    assert [pointer for pointer, _, _ in found] == pointers


def test_a_deed_of_another_kind_of_community_is_refused() -> None:
    found = rules.submission_problems(behaviour(), "village", Deed("waste-sorting", NOW, "", 1), NOW, 30)
    assert [pointer for pointer, _, _ in found] == ["/behaviour"]


def test_what_is_earned_by_being_there_is_not_handed_in() -> None:
    deed = Deed("assembly", NOW, "我在", 1)
    found = rules.submission_problems(behaviour(award="check_in"), "residential", deed, NOW, 30)
    assert [pointer for pointer, _, _ in found] == ["/behaviour"]


def test_a_text_that_is_asked_for_may_not_be_blank() -> None:
    asked = behaviour(evidence=Evidence(False, True))
    found = rules.submission_problems(asked, "residential", Deed("x", NOW, " \n", 0), NOW, 30)
    assert [pointer for pointer, _, _ in found] == ["/text"]


# --- the linter --------------------------------------------------------------------------------------------------


def problems_after(change: Any) -> list[str]:
    contents = copy.deepcopy(CITY)
    change(contents["community"])
    return rules.lint(contents["community"], contents)


def test_the_city_file_passes() -> None:
    assert rules.lint(CITY["community"], CITY) == []


def first(content: dict[str, Any], table: str) -> dict[str, Any]:
    found: dict[str, Any] = content[table][0]
    return found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: first(c, "behaviours").update(points=-2), "不得为负"),
        (lambda c: first(c, "behaviours").update(points=0), "正整数"),
        (lambda c: first(c, "behaviours").update(points=2.5), "正整数"),
        (lambda c: first(c, "behaviours").update(points=True), "正整数"),
        (lambda c: first(c, "behaviours").update(points=21), "两人审核"),
        (lambda c: first(c, "behaviours").update(points=21, review="two", award="check_in"), "第二位审核人"),
        (lambda c: first(c, "behaviours").update(score_points=1), "不得影响信用分"),
        (lambda c: first(c, "behaviours").update(cash_fen=100), "不得兑换现金"),
        (lambda c: first(c, "behaviours").update(effect={"score": 1}), "不得影响信用分"),
        (lambda c: c.update(deduct={"points": 1}), "扣罚"),
        (lambda c: first(c, "behaviours").update(daily_cap=61), "每日上限"),
        (lambda c: first(c, "behaviours").update(monthly_cap=0), "正整数"),
        (lambda c: first(c, "behaviours").update(kinds=["town"]), "kinds"),
        (lambda c: first(c, "behaviours").pop("evidence"), "evidence"),
        (lambda c: c["behaviours"].append(first(c, "behaviours")), "重复"),
        (lambda c: c.pop("budget"), "额度"),
        (lambda c: c["budget"].update(monthly_points=0), "额度"),
        (lambda c: c.update(points_expire="soon"), "points_expire"),
        (lambda c: c.pop("communities"), "缺少 [[communities]]"),
        (lambda c: first(c, "communities").update(kind="town"), "kind"),
        (lambda c: first(c, "communities").update(district="nowhere"), "没有片区"),
        (lambda c: first(c, "communities")["covenant"].update(text=[]), "条文"),
        (lambda c: first(c, "communities").pop("covenant"), "公约"),
        (lambda c: first(c, "activities").update(community="nowhere"), "没有社区"),
        (lambda c: first(c, "activities").update(behaviour="nothing"), "没有善行"),
        (lambda c: first(c, "activities").update(behaviour="patrol"), "不适用"),
        (lambda c: first(c, "activities").update(starts={"in_days": -1}), "starts"),
    ],
)
def test_the_linter_refuses(change: Any, told: str) -> None:
    found = problems_after(change)
    assert any(told in problem for problem in found), found


def test_civic_conduct_may_not_feed_the_score() -> None:
    contents = copy.deepcopy(CITY)
    first(contents["scoring"], "indicators").update(item="waste-sorting")
    assert any("不进入信用分" in problem for problem in rules.lint(contents["community"], contents))


def test_ids_follow_from_slugs() -> None:
    assert rules.community_id("dongshan-demo") == rules.community_id("dongshan-demo")
    assert rules.community_id("dongshan-demo") != rules.community_id("hengxi-demo")
