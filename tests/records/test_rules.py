"""Whether a record is admitted, how long it counts and shows, and whose a code is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc

from backend.catalogue import rules as catalogue
from backend.records import rules
from backend.records.rules import NewRecord
from tests.catalogue.test_rules import item

TODAY = date(2026, 3, 5)


CHECKED = (
    {"name": "valid_until_on", "title": "有效期至", "type": "date", "required": False, "not_before": "decided_on"},
    {"name": "decided_on", "title": "决定日期", "type": "date", "required": True},
    {"name": "kind", "title": "类别", "type": "text", "required": False, "values": ["甲", "乙"]},
    {"name": "number", "title": "编号", "type": "text", "required": False, "pattern": "[0-9]{3}", "longest": 3},
    {"name": "whose_code", "title": "代码", "type": "unified_social_credit_code", "required": False},
    {"name": "whose_number", "title": "号码", "type": "id_number", "required": False},
)


def new(**changes: Any) -> NewRecord:
    facts: dict[str, Any] = {
        "item_code": "NP-TST-01", "source_name": "某局", "document_no": "〔2026〕1号", "title": "先进个人",
        "decided_on": date(2026, 1, 1), "fields": {"honour_name": "先进"},
    }  # fmt: skip
    return NewRecord(**facts | changes)


def judged(record: NewRecord, subject: str = "natural_person") -> list[str]:
    raw = item()
    raw["fields"] = [*raw["fields"], *CHECKED]
    return rules.record_problems(record, catalogue.items_of({"items": [raw]}), subject, TODAY)


def test_a_record_that_follows_the_catalogue_has_no_problems() -> None:
    fields = {
        "honour_name": "先进", "year": 2026, "signed_on": "2026-01-01", "fine_wanyuan": "0.005", "kind": "甲",
        "number": "012", "valid_until_on": "2099-12-31", "whose_code": "91110000600037341L",
        "whose_number": "11010519491231002x",
    }  # fmt: skip
    assert judged(new(fields=fields)) == []
    assert judged(new(fields={"honour_name": "先进", "kind": "", "number": "", "signed_on": None})) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"item_code": "NP-XXX-99"}, "没有条目"),
        ({"decided_on": date(2026, 3, 6)}, "decided_on"),
        ({"decided_on": date(1, 1, 1)}, "decided_on"),
        ({"ended_on": date(2026, 3, 6)}, "ended_on"),
        ({"document_no": " "}, "document_no"),
        ({"fields": {}}, "缺少必填列 honour_name"),
        ({"fields": {"honour_name": "先进", "religion": "无"}}, "第十四条"),
        ({"fields": {"honour_name": "先进", "hobby": "棋"}}, "没有列 hobby"),
        ({"fields": {"honour_name": "先进", "year": "2026"}}, "应为整数"),
        ({"fields": {"honour_name": "先进", "year": True}}, "应为整数"),
        ({"fields": {"honour_name": "先进", "signed_on": "2026-02-30"}}, "应为日期"),
        ({"fields": {"honour_name": "先进", "fine_wanyuan": "1.2550001"}}, "六位小数"),
        ({"fields": {"honour_name": "先" * 2001}}, "应为文本"),
        ({"fields": {"honour_name": "先\x07进"}}, "控制字符"),
        ({"fields": {"honour_name": "先进", "signed_on": "2026-03-06"}}, "不能晚于今天"),
        ({"fields": {"honour_name": "先进", "signed_on": "1899-12-31"}}, "之间"),
        ({"fields": {"honour_name": "先进", "signed_on": "同"}}, "应为日期"),
        ({"fields": {"honour_name": "先进", "signed_on": "20260101"}}, "应为日期"),
        ({"fields": {"honour_name": "先进", "valid_until_on": "9999-12-31"}}, "之间"),
        ({"fields": {"honour_name": "先进", "valid_until_on": "2025-12-31"}}, "不能早于"),
        ({"fields": {"honour_name": "先进", "fine_wanyuan": "-1"}}, "不能小于"),
        ({"fields": {"honour_name": "先进", "fine_wanyuan": "１"}}, "六位小数"),
        ({"fields": {"honour_name": "先进", "year": 1900}}, "不能小于"),
        ({"fields": {"honour_name": "先进", "year": 2200}}, "不能大于"),
        ({"fields": {"honour_name": "先进", "kind": "丙"}}, "应为 甲、乙 之一"),
        ({"fields": {"honour_name": "先进", "number": "12"}}, "格式"),
        ({"fields": {"honour_name": "先进", "number": "1234"}}, "最长 3"),
        ({"fields": {"honour_name": "先进", "whose_code": "91110000600037341M"}}, "GB 32100"),
        ({"fields": {"honour_name": "先进", "whose_number": "110105194912310021"}}, "GB 11643"),
    ],
)
def test_a_record_is_refused(changes: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in judged(new(**changes)))


def test_a_person_s_item_does_not_take_a_legal_entity() -> None:
    assert any("不适用" in problem for problem in judged(new(), "legal_entity"))


def test_retention_runs_from_the_end_of_the_conduct() -> None:
    known = catalogue.items_of({"items": [item()]})["NP-TST-01"]
    assert rules.counts_until(known, date(2026, 1, 1), None) == date(2028, 9, 27)
    assert rules.counts_until(known, date(2026, 1, 1), date(2026, 2, 1)) == date(2028, 10, 28)


@pytest.mark.parametrize(
    ("fields", "until"),
    [
        ({}, date(2027, 1, 1)),
        ({"severity": "minor"}, None),
        ({"severity": "general"}, date(2026, 12, 1)),
        ({"severity": "general", "publicity_until_on": "2026-05-01"}, date(2026, 5, 1)),
    ],
)
def test_publicity_ends_with_the_shortest_clock(fields: dict[str, Any], until: date | None) -> None:
    raw = item(subject="legal_entity", disclosure="public", publicity_days=365, severity_field="severity")
    known = catalogue.items_of({"items": [raw]})["NP-TST-01"]
    severities = [
        {"id": "minor", "maximum_days": 90, "published_by_default": False},
        {"id": "general", "maximum_days": 334, "published_by_default": True},
    ]
    assert rules.publicity_until(known, date(2026, 1, 1), fields, severities, date(2030, 1, 1)) == until


def test_final_statuses_stay() -> None:
    assert rules.may_change("active", "disputed") and rules.may_change("disputed", "active")
    assert not any(rules.may_change(end, "active") for end in ("repaired", "withdrawn", "expired"))


@pytest.mark.parametrize("code", ["91110000600037341L", "91110108551385082Q", " 91110000600037341l "])
def test_a_valid_credit_code_is_taken(code: str) -> None:
    assert rules.normal_entity_code(code) == code.strip().upper()


@pytest.mark.parametrize("code", ["", "91110000600037341M", "9111000060003734", "91110000600037341I"])
def test_a_wrong_credit_code_is_not(code: str) -> None:
    assert rules.normal_entity_code(code) is None


def test_a_credit_code_whose_remainder_is_0_ends_in_0() -> None:
    found = [f"9111000060003{n:04d}0" for n in range(200) if rules.normal_entity_code(f"9111000060003{n:04d}0")]
    assert found


GB_32100 = "0123456789ABCDEFGHJKLMNPQRTUWXY"
stems = st.builds(
    lambda head, division, body: head + division + body,
    st.text(GB_32100, min_size=2, max_size=2), st.text("0123456789", min_size=6, max_size=6),
    st.text(GB_32100, min_size=9, max_size=9),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(stems)
def test_exactly_one_check_character_fits_and_it_is_the_one_that_stdnum_finds(stem: str) -> None:
    fitting = [c for c in GB_32100 if rules.normal_entity_code(stem + c)]
    assert fitting == [uscc.calc_check_digit(stem)]


@settings(max_examples=30, deadline=None)
@given(stems, st.integers(0, 16), st.sampled_from(GB_32100))
def test_one_wrong_character_is_noticed(stem: str, at: int, other: str) -> None:
    code = stem + uscc.calc_check_digit(stem)
    wrong = code[:at] + other + code[at + 1 :]
    assert (rules.normal_entity_code(wrong) is None) == (wrong != code)


def test_a_name_is_compared_without_its_typography() -> None:
    same = {"演示（南京）有限公司", "演示(南京)有限公司", " 演示〔南京〕 有限公司", "演示\u3000（南京）有限公司"}
    assert len({rules.normal_entity_name(name) for name in same}) == 1
    assert rules.normal_entity_name("ＡＢｃ公司") == "ABC公司" != rules.normal_entity_name("ABD公司")
