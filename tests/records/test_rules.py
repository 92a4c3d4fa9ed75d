"""What the catalogue may hold, and how long a record counts and shows."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from backend.records import rules
from backend.records.rules import NewRecord

TODAY = date(2026, 3, 5)


def item(**changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "code": "NP-TST-01", "title": "测试条目", "subject": "natural_person", "category": "行政奖励信息",
        "effect": "favourable", "legal_basis": "《某法》第一条", "basis": "规划", "source_departments": ["某局"],
        "disclosure": "authorised", "retention_days": 1000, "natural_key": ["document_no"], "due_workdays": 7,
        "may_feed_score": True,
        "fields": [
            {"name": "document_no", "title": "文书号", "type": "text", "required": True},
            {"name": "honour_name", "title": "称号", "type": "text", "required": True},
            {"name": "year", "title": "年度", "type": "integer", "required": False},
            {"name": "signed_on", "title": "签署日期", "type": "date", "required": False},
            {"name": "fine_wanyuan", "title": "金额", "type": "decimal", "required": False},
        ],
    }  # fmt: skip
    return raw | changes


def problems(*raws: dict[str, Any]) -> list[str]:
    return rules.catalogue_problems({"items": list(raws)}, {})


def new(**changes: Any) -> NewRecord:
    facts: dict[str, Any] = {
        "item_code": "NP-TST-01", "source_name": "某局", "document_no": "〔2026〕1号", "title": "先进个人",
        "decided_on": date(2026, 1, 1), "fields": {"honour_name": "先进"},
    }  # fmt: skip
    return NewRecord(**facts | changes)


def judged(record: NewRecord, subject: str = "natural_person") -> list[str]:
    return rules.record_problems(record, rules.items_of({"items": [item()]}), subject, TODAY)


def test_the_catalogue_of_jiangning_passes(city_contents: dict[str, Any]) -> None:
    assert rules.catalogue_problems(city_contents["catalogue"], city_contents) == []


@pytest.mark.parametrize(
    ("title", "what"),
    [
        ("宗教信仰", "宗教信仰"), ("基因检测结果", "基因"), ("指纹", "指纹"), ("血型", "血型"),
        ("既往病史", "疾病和病史"),
        ("年收入", "收入"), ("存款余额", "存款"), ("有价证券", "有价证券"), ("商业保险", "商业保险"),
        ("不动产登记", "不动产"), ("纳税数额", "纳税数额"),
    ],
)  # fmt: skip
def test_a_prohibited_field_is_refused_naming_the_article(title: str, what: str) -> None:
    raw = item()
    raw["fields"] = [*raw["fields"], {"name": "extra", "title": title, "type": "text", "required": False}]
    assert any("第十四条" in problem and what in problem for problem in problems(raw))
    assert any("第十四条" in problem for problem in problems(item(title=f"{title}信息")))


@pytest.mark.parametrize("name", ["religion", "blood_type", "disease", "income", "insurance_no", "tax_paid"])
def test_a_prohibited_field_is_refused_by_its_english_name_too(name: str) -> None:
    raw = item()
    raw["fields"] = [*raw["fields"], {"name": name, "title": "其他", "type": "text", "required": False}]
    assert any("第十四条" in problem for problem in problems(raw))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"legal_basis": " "}, "legal_basis"),
        ({"effect": "adverse", "retention_days": 1827}, "第十六条"),
        ({"publicity_days": 30}, "不公示"),
        ({"disclosure": "public"}, "不公示"),
        ({"subject": "legal_entity"}, "只有自然人条目可以计分"),
        ({"natural_key": []}, "natural_key"),
        ({"retention_days": True}, "retention_days"),
        ({"retention_days": 10.5}, "retention_days"),
        ({"effect": "bad"}, "effect"),
        ({"code": "x"}, "code"),
        ({"fields": []}, "fields"),
        ({"severity_field": "nothing"}, "severity_field"),
    ],
)
def test_an_item_is_refused(changes: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems(item(**changes)))


def test_a_code_stands_once() -> None:
    assert any("重复" in problem for problem in problems(item(), item()))


def test_a_record_that_follows_the_catalogue_has_no_problems() -> None:
    fields = {"honour_name": "先进", "year": 2026, "signed_on": "2026-01-01", "fine_wanyuan": "1.25"}
    assert judged(new(fields=fields)) == []


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
        ({"fields": {"honour_name": "先进", "fine_wanyuan": "1.255"}}, "两位小数"),
        ({"fields": {"honour_name": "先" * 2001}}, "应为文本"),
    ],
)
def test_a_record_is_refused(changes: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in judged(new(**changes)))


def test_a_person_s_item_does_not_take_a_legal_entity() -> None:
    assert any("不适用" in problem for problem in judged(new(), "legal_entity"))


def test_retention_runs_from_the_end_of_the_conduct() -> None:
    known = rules.items_of({"items": [item()]})["NP-TST-01"]
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
    known = rules.items_of({"items": [raw]})["NP-TST-01"]
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


def test_the_linter_leaves_its_input_alone(city_contents: dict[str, Any]) -> None:
    before = deepcopy(city_contents["catalogue"])
    rules.catalogue_problems(city_contents["catalogue"], city_contents)
    assert city_contents["catalogue"] == before
