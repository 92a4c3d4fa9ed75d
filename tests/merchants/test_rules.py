from __future__ import annotations

import copy
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kit import city
from backend.merchants import rules
from backend.merchants.rules import Facts, Published
from config.settings import ROOT

TODAY = date(2026, 3, 5)
CITY = city.read_folder(ROOT / "config" / "cities" / "320115")
POLICY = CITY["merchants"]


def score_of(facts: Facts) -> int:
    return rules.evaluate(POLICY, facts, TODAY).score


def penalty(severity: str | None, days_ago: int = 10) -> Published:
    return Published("LE-PEN-01", TODAY - timedelta(days=days_ago), {"severity": severity} if severity else {})


def test_a_new_merchant_starts_good_for_want_of_data() -> None:
    verdict = rules.evaluate(POLICY, Facts(), TODAY)
    assert (verdict.score, verdict.grade.id, verdict.reasons) == (70, "B", ())


def test_licence_and_pledge_raise_the_grade() -> None:
    facts = rules.facts_of("JY1", TODAY, True, [], TODAY)
    assert score_of(facts) == 80


def test_a_licence_is_good_through_its_last_day() -> None:
    assert "licence_valid" in rules.facts_of("JY1", TODAY, False, [], TODAY).flags
    assert "licence_expired" in rules.facts_of("JY1", TODAY - timedelta(days=1), False, [], TODAY).flags
    assert "licence_valid" in rules.facts_of("JY1", None, False, [], TODAY).flags
    assert rules.facts_of("", None, False, [], TODAY).flags == set()


@pytest.mark.parametrize(
    ("severities", "score"),
    [
        (["minor"], 67), (["general"], 60), ([None], 60), (["odd"], 60), (["serious"], 40),
        (["minor"] * 9, 61), (["general"] * 9, 40), (["serious"] * 9, 10), (["serious", "serious", "general"], 0),
    ],
)  # fmt: skip
def test_penalties_count_by_severity_up_to_their_cap(severities: list[str | None], score: int) -> None:
    facts = rules.facts_of("", None, False, [penalty(severity) for severity in severities], TODAY)
    assert score_of(facts) == score


def test_clamping_is_a_reason_of_its_own() -> None:
    records = [penalty("serious"), penalty("serious"), penalty("general", 20), penalty("general", 30)]
    verdict = rules.evaluate(POLICY, rules.facts_of("", None, False, records, TODAY), TODAY)
    assert verdict.score == 0 and verdict.reasons[-1].indicator == "scale"
    assert 70 + sum(reason.points for reason in verdict.reasons) == 0


@pytest.mark.parametrize(
    ("record", "fact", "holds"),
    [
        (Published("LE-ABN-01", TODAY, {}), "abnormal_operation_listed", True),
        (Published("LE-ABN-01", TODAY, {"removed_on": "2026-03-06"}), "abnormal_operation_listed", True),
        (Published("LE-ABN-01", TODAY, {"removed_on": "2026-03-05"}), "abnormal_operation_listed", False),
        (Published("LE-LST-01", TODAY, {"exit_on": ""}), "serious_dishonesty_listed", True),
        (Published("LE-LST-01", TODAY, {"exit_on": "2026-01-01"}), "serious_dishonesty_listed", False),
        (Published("LE-HON-03", TODAY, {"valid_until_on": "2026-03-05"}), "integrity_merchant_honour", True),
        (Published("LE-HON-03", TODAY, {"valid_until_on": "2026-03-04"}), "integrity_merchant_honour", False),
        (Published("LE-ANN-01", TODAY, {"report_year": 2024}), "annual_report_filed", True),
        (Published("LE-ANN-01", TODAY, {"report_year": 2023}), "annual_report_filed", False),
        (Published("LE-LIC-01", TODAY, {}), "licence_valid", False),
    ],
)
def test_records_become_facts(record: Published, fact: str, holds: bool) -> None:
    assert (fact in rules.facts_of("", None, False, [record], TODAY).flags) is holds


def test_a_broken_promise_counts_for_a_year() -> None:
    for days, score in ((365, 62), (366, 70)):
        broken = Published("LE-PRO-01", TODAY - timedelta(days=days), {"fulfilment": "未履行"})
        assert score_of(rules.facts_of("", None, False, [broken], TODAY)) == score
    kept = Published("LE-PRO-01", TODAY, {"fulfilment": "已履行"})
    assert score_of(rules.facts_of("", None, False, [kept], TODAY)) == 70


def test_a_ratio_needs_enough_samples() -> None:
    name = "complaint_answered_in_time"
    assert score_of(Facts(ratios={name: (2, 2)})) == 70
    assert score_of(Facts(ratios={name: (9, 10)})) == 75
    assert score_of(Facts(ratios={name: (8, 9)})) == 70


EVENTS = st.lists(st.dates(TODAY - timedelta(days=900), TODAY), max_size=12)


@given(
    flags=st.sets(st.sampled_from([name for name, form in rules.FACTS.items() if form == "flag"])),
    events=st.dictionaries(st.sampled_from([name for name, form in rules.FACTS.items() if form == "each"]), EVENTS),
    ratio=st.tuples(st.integers(0, 50), st.integers(0, 50)),
)
def test_base_plus_reasons_is_the_score_and_every_score_has_a_grade(
    flags: set[str], events: dict[str, list[date]], ratio: tuple[int, int]
) -> None:
    facts = Facts(flags, events, {"verified_review_good": ratio})
    verdict = rules.evaluate(POLICY, facts, TODAY)
    assert 0 <= verdict.score <= 100
    assert verdict.score == 70 + sum(reason.points for reason in verdict.reasons)
    bounds = {grade["id"]: grade["from"] for grade in POLICY["grades"]}
    assert bounds[verdict.grade.id] <= verdict.score


@given(days=EVENTS, count=st.integers(0, 5))
def test_one_more_penalty_never_raises_the_score(days: list[date], count: int) -> None:
    before = Facts(events={"penalty_general_published": days})
    after = Facts(events={"penalty_general_published": [*days, *[TODAY] * count]})
    assert score_of(after) <= score_of(before)


# --- the linter --------------------------------------------------------------------------------------------------


def test_the_city_file_passes() -> None:
    assert rules.lint(POLICY, CITY) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.pop("scale"), "scale"),
        (lambda c: c["scale"].update(base=200), "min ≤ base ≤ max"),
        (lambda c: c["grades"].pop(), "最低一级"),
        (lambda c: c["grades"][0].update({"from": 70}), "不同的整数"),
        (lambda c: c["grades"][0].update(colour="green"), "RRGGBB"),
        (lambda c: c["indicators"][0].update(fact="favourite"), "没有事实"),
        (lambda c: c["indicators"][0].update(form="each"), "form 应为"),
        (lambda c: c["indicators"][0].update(points=0), "非零"),
        (lambda c: c["indicators"][0].pop("basis"), "basis"),
        (lambda c: c["indicators"][3].pop("within_days"), "within_days"),
        (lambda c: c["indicators"][3].update(total_cap=0), "total_cap"),
        (lambda c: c["indicators"].append(c["indicators"][0]), "重复"),
        (lambda c: c["pledge"].update(text=[]), "条文"),
        (lambda c: c.pop("pledge"), "pledge"),
    ],
)
def test_the_linter_refuses(change: Any, told: str) -> None:
    content = copy.deepcopy(POLICY)
    change(content)
    found = rules.lint(content, CITY)
    assert any(told in problem for problem in found), found
