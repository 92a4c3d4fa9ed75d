"""What the catalogue may hold, and what it is refused for."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from backend.catalogue import linter
from backend.catalogue import rules as catalogue
from backend.catalogue.prohibited import prohibited


def item(**changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "code": "NP-TST-01", "title": "测试条目", "subject": "natural_person", "category": "行政奖励信息",
        "effect": "favourable", "legal_basis": "《某法》第一条", "basis": "规划", "source_departments": ["某局"],
        "disclosure": "authorised", "retention_days": 1000, "natural_key": ["document_no"], "due_workdays": 7,
        "may_feed_score": True,
        "fields": [
            {"name": "document_no", "title": "文书号", "type": "text", "required": True},
            {"name": "honour_name", "title": "称号", "type": "text", "required": True},
            {"name": "year", "title": "年度", "type": "integer", "required": False, "minimum": 1990,
             "maximum": 2099},
            {"name": "signed_on", "title": "签署日期", "type": "date", "required": False},
            {"name": "fine_wanyuan", "title": "金额", "type": "decimal", "required": False, "minimum": 0},
        ],
    }  # fmt: skip
    return raw | changes


def problems(*raws: dict[str, Any]) -> list[str]:
    return linter.catalogue_problems({"items": list(raws)}, {})


def test_the_catalogue_of_jiangning_passes(city_contents: dict[str, Any]) -> None:
    assert linter.catalogue_problems(city_contents["catalogue"], city_contents) == []


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
        ({"category": "行政管理信息"}, "DB32/T 4040.5"),
        ({"subject": "legal_entity"}, "基础目录"),
        ({"self_declarable": 1}, "self_declarable"),
        ({"effect": "adverse", "self_declarable": True}, "不能自主申报"),
    ],
)
def test_an_item_is_refused(changes: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems(item(**changes)))


def with_field(**told: Any) -> dict[str, Any]:
    raw = item()
    raw["fields"] = [*raw["fields"], {"name": "extra", "title": "其他", "type": "text", "required": False} | told]
    return raw


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"type": "blob"}, "type"),
        ({"title": " "}, "title"),
        ({"aliases": []}, "aliases"),
        ({"values": ["甲", "甲"]}, "values"),
        ({"values": ["甲", ""]}, "values"),
        ({"values": "甲"}, "values"),
        ({"pattern": "["}, "正则"),
        ({"pattern": "(?=a)b"}, "环视"),
        ({"pattern": r"(a)\1"}, "反向引用"),
        ({"type": "date", "values": ["2026-01-01"]}, "只用于 text"),
        ({"values": ["a", "b"], "value_names": {"c": "丙"}}, "value_names"),
        ({"values": ["a", "b"], "value_names": {"a": "甲", "b": "甲"}}, "value_names"),
        ({"values": ["a", "b"], "value_names": {"a": "b"}}, "value_names"),
        ({"values": ["a"], "value_names": {"a": ""}}, "value_names"),
        ({"value_names": {"a": "甲"}}, "value_names"),
        ({"values": ["a"], "value_names": ["甲"]}, "value_names"),
        ({"values": ["a"], "value_names": {"a": "血型"}}, "第十四条"),
        ({"minimum": 0}, "只用于"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "不能大于"),
        ({"type": "integer", "minimum": "nan"}, "应为数"),
        ({"type": "decimal", "maximum": True}, "应为数"),
        ({"longest": 0}, "longest"),
        ({"longest": 3000}, "longest"),
        ({"may_be_future": True}, "只用于 date"),
        ({"type": "date", "may_be_future": "yes"}, "may_be_future"),
        ({"type": "date", "not_before": "nothing"}, "not_before"),
        ({"type": "date", "not_before": "extra"}, "not_before"),
        ({"type": "date", "not_before": ["signed_on"]}, "not_before"),
        ({"aliases": ["称 号"]}, "同时属于"),
        ({"title": "身份证号"}, "同时属于"),
    ],
)
def test_a_field_is_refused(told: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems(with_field(**told)))


def test_a_field_with_every_check_passes() -> None:
    raw = with_field(type="date", not_before="signed_on", may_be_future=True, aliases=["另一日期"], longest=10)
    raw["fields"] += [
        {"name": "kind", "title": "类别", "type": "text", "required": False, "values": ["甲", "乙"], "pattern": "."},
        {"name": "sum", "title": "数额", "type": "decimal", "required": False, "minimum": 0, "maximum": "9.5"},
        {"name": "whose_code", "title": "代码", "type": "unified_social_credit_code", "required": False},
        {"name": "whose_number", "title": "号码", "type": "id_number", "required": False},
    ]
    assert problems(raw) == []


@pytest.mark.parametrize(
    "spelling",
    [
        "宗 教 信 仰", "宗\u200b教", "宗-教", "ＤＮＡ", "D N A", "bloodType", "BLOOD TYPE", "blood-type", "既往·病史",
        "健康状况", "人寿保险", "月薪", "储蓄余额", "股票数量", "房屋所有权", "完税金额", "Ｒｅｌｉｇｉｏｎ",
        "incomeLevel",
    ],
)  # fmt: skip
def test_a_prohibited_word_is_known_under_any_spelling_and_at_any_place(spelling: str) -> None:
    for told in ({"title": spelling}, {"aliases": [spelling]}, {"values": ["无", spelling]}):
        assert any("第十四条" in problem for problem in problems(with_field(**told))), told
    assert any("第十四条" in problem for problem in problems(item(title=spelling)))
    assert "第十四条" in (prohibited(spelling) or "")


@pytest.mark.parametrize(
    "lawful",
    [
        "房地产开发资质",
        "拖欠农民工工资",
        "没收违法所得金额（万元）",
        "证券从业资格",
        "社会保险登记",
        "property_service",
    ],
)
def test_a_lawful_word_is_not_taken_for_a_prohibited_one(lawful: str) -> None:
    assert problems(with_field(title=lawful)) == []


def test_a_code_stands_once() -> None:
    assert any("重复" in problem for problem in problems(item(), item()))


def test_who_a_row_is_about_stands_in_known_columns(city_contents: dict[str, Any]) -> None:
    known = catalogue.items_of(city_contents["catalogue"])
    person = catalogue.identity_columns(known["NP-HON-01"])
    entity = catalogue.identity_columns(known["LE-LST-01"])
    party = catalogue.identity_columns(known["LE-PEN-01"])
    assert [f.title for f in person] == ["姓名", "公民身份号码"] and "身份证号" in person.code.heads
    assert [f.title for f in entity] == ["主体名称", "统一社会信用代码"]
    assert [f.name for f in party] == ["party_name", "party_code_1"] and "统一社会信用代码" in party.code.heads
    assert catalogue.normal_head(" 行政相对人代码＿１（统一 社会信用代码）") in party.code.heads


def test_the_linter_leaves_its_input_alone(city_contents: dict[str, Any]) -> None:
    before = deepcopy(city_contents["catalogue"])
    linter.catalogue_problems(city_contents["catalogue"], city_contents)
    assert city_contents["catalogue"] == before
