from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.kit import city as cities
from backend.kit import clock, db, jobs
from backend.kit.errors import FieldError, NotFound
from backend.publicity import jobs as steps
from backend.publicity import names, rules, service
from backend.publicity.errors import NameTooCommon
from backend.publicity.models import entity_name_grams, entity_names
from backend.records import entities
from backend.records import service as records
from tests.publicity.conftest import entity_code, index, licence, penalty

CITY = "南京市江宁区"


@pytest.fixture
def rows(session: Session, city: dict[str, Any]) -> Session:
    return session


def shop(session: Session, name: str, **changes: Any) -> str:
    """An entity with a licence."""
    code = entity_code()
    licence(session, code, name, **changes)
    return code


def found(session: Session, **sought: Any) -> list[service.Found]:
    return service.search(session, **{"limit": 100, **sought})


def codes(session: Session, **sought: Any) -> set[str]:
    return {record.entity_code for record in found(session, **sought)}


# --- by name ---------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(data=st.data(), words=st.lists(st.text("甲乙丙丁戊Ab1", min_size=2, max_size=5), min_size=2, max_size=4))
def test_a_name_is_found_exactly_by_what_it_contains(rows: Session, data: Any, words: list[str]) -> None:
    with rows.begin_nested() as inner:
        called = {shop(rows, f"{CITY}{word}商行有限公司"): f"{CITY}{word}商行有限公司" for word in words}
        index(rows)
        part = data.draw(st.sampled_from([*words, *(word[1:] + "商" for word in words), *(w[::-1] for w in words)]))
        folded = rules.fold(part)
        if len(folded) >= 2:
            expected = {code for code, name in called.items() if folded in rules.fold(name)}
            assert codes(rows, name=part) & set(called) == expected
            assert all(folded in rules.fold(record.entity_name) for record in found(rows, name=part))
        inner.rollback()


def test_a_name_that_has_all_the_pairs_in_another_order_is_not_found(rows: Session) -> None:
    code = shop(rows, "丑寅子丑杂货店")
    index(rows)
    assert codes(rows, name="子丑寅") == set() and codes(rows, name="寅子丑") == {code}


def test_width_brackets_and_blanks_of_a_name_do_not_matter(rows: Session) -> None:
    code = shop(rows, "江宁（测试）ＡＢ玄禾 面馆")
    index(rows)
    for part in ("测试ab玄禾", "(测试)AB", "玄禾面馆", "玄禾  面", "ａｂ玄"):
        assert codes(rows, name=part) == {code}, part


def test_signs_that_a_database_reads_as_patterns_find_nothing_of_their_own(rows: Session) -> None:
    shop(rows, "壬癸百货店")
    index(rows)
    for part in ("%%", "__", "壬%", "%货", "\\", "'; --"):
        with pytest.raises(NameTooCommon):
            service.search(rows, name=part, limit=5)
    assert codes(rows, name="壬_癸") == codes(rows, name="壬癸%") == codes(rows, name="壬癸")  # marks are no part


@pytest.mark.parametrize("part", ["有限公司", "南京", CITY, "公司", "馆", "（）", "南京江宁"[:2] + "有限"])
def test_what_nearly_every_name_has_is_refused_with_words(rows: Session, part: str) -> None:
    if part == "南京有限":  # the pair in the middle is nobody's, and so a search like any other
        assert service.search(rows, name=part, limit=5) == []
        return
    with pytest.raises(NameTooCommon) as refused:
        service.search(rows, name=part, limit=5)
    assert refused.value.detail_zh and refused.value.detail_en


def test_a_new_name_is_found_when_the_step_has_run_and_the_old_one_no_longer(rows: Session) -> None:
    code = shop(rows, "丙午旧字号商店")
    assert codes(rows, name="丙午旧字") == set()
    index(rows)
    assert codes(rows, name="丙午旧字") == {code}
    with clock.shifted(timedelta(seconds=5)):
        entities.rename_entity(rows, code, "丙午新字号商店", None, "更名")
    index(rows)
    assert codes(rows, name="丙午旧字") == set() and codes(rows, name="午新") == {code}
    kept = set(rows.execute(select(entity_name_grams.c.gram).where(entity_name_grams.c.entity_code == code)).scalars())
    assert kept == set(rules.pairs("丙午新字号商店"))


def test_the_step_does_nothing_twice_and_everything_anew_when_its_rules_change(
    rows: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(rows, "丁未百货商行")
    index(rows)
    assert names.index_names(rows) is None
    counted = select(func.count()).select_from(entity_name_grams)
    before = rows.execute(counted).scalar_one()
    monkeypatch.setattr(names, "common_pairs", lambda _: rules.common_pairs("百货商行"))
    assert names.index_names(rows, limit=1) is not None
    index(rows)
    marks = set(rows.execute(select(entity_names.c.rules_mark)).scalars())
    assert len(marks) == 1 and rows.execute(counted).scalar_one() != before
    assert codes(rows, name="未百") != set()
    with pytest.raises(NameTooCommon):
        found(rows, name="百货")


def test_a_very_long_name_is_kept_and_found_by_its_beginning(rows: Session) -> None:
    code = shop(rows, "辛丑" + "ﷺ" * 60)  # each of them folds to eighteen letters
    index(rows)
    kept = rows.execute(select(entity_names.c.folded).where(entity_names.c.entity_code == code)).scalar_one()
    assert len(kept) == rules.MOST_NAME and codes(rows, name="辛丑") == {code}


def test_names_wait_for_the_worker_and_a_full_run_takes_them_all(city: dict[str, Any]) -> None:
    with db.transaction() as session:
        made = [shop(session, f"庚申{word}五金店") for word in ("一二", "三四", "五六")]
    assert "chunks" in steps.index_names()
    with db.reading() as reader:
        assert {record.entity_code for record in service.search(reader, name="庚申", limit=10)} == set(made)
    assert steps.index_names() == "0 chunks of names"
    assert steps.index_names(most_seconds=0) == "0 chunks of names"
    steps.register()
    assert "publicity.index-names" in jobs._steps


# --- by number -------------------------------------------------------------------------------------------------------


def test_a_code_of_today_or_of_before_leads_to_its_records(rows: Session) -> None:
    code = entity_code()
    old = f"320115{code[11:17]:0>9}"
    licence(rows, code, "戊戌旧代码商店", party_code_2=old)
    for typed in (code, code.lower(), f" {code[:8]} {code[8:]} ", code[8:17], old):
        assert codes(rows, code=typed) == {code}, typed
    assert codes(rows, code=entity_code()) == set() == codes(rows, code="999999999999999")


@pytest.mark.parametrize("typed", ["91110000600037341M", "91", "%", "x" * 40, "ABCDEFGHI", "1" * 21])
def test_what_cannot_be_a_code_is_refused(rows: Session, typed: str) -> None:
    with pytest.raises(FieldError) as refused:
        found(rows, code=typed)
    assert refused.value.members["errors"][0]["pointer"] == "/query/code"


def test_a_document_is_found_by_its_number_however_its_brackets_are_typed(rows: Session) -> None:
    code = shop(rows, "己亥文书商店", document_no="宁测特〔2026〕77号")
    for typed in ("宁测特〔2026〕77号", "宁测特(2026)77号", "宁测特［２０２６］77号 "):
        assert codes(rows, document_no=typed) == {code}, typed
    assert found(rows, document_no="宁测特〔2026〕7") == [] == found(rows, document_no="%")


def test_all_that_is_given_must_fit(rows: Session) -> None:
    code = shop(rows, "庚子甲店", document_no="宁测合〔2026〕1号")
    penalty(rows, code, "庚子甲店")
    other = shop(rows, "庚子乙店")
    index(rows)
    assert codes(rows, name="庚子") == {code, other} and codes(rows, name="庚子", code=code) == {code}
    assert codes(rows, code=other, document_no="宁测合〔2026〕1号") == set()
    assert [record.kind for record in found(rows, name="庚子", kind="penalty")] == ["penalty"]
    assert {record.kind for record in found(rows, code=code)} == {"licence", "penalty"}
    with pytest.raises(FieldError):
        found(rows)


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_by_name_leave_nothing_out_and_show_nothing_twice(rows: Session, limit: int) -> None:
    made = []
    for number, count in enumerate((3, 1, 4, 2)):
        code = entity_code()
        for day in range(count):
            days = {"decided_on": clock.today() - timedelta(days=10 + day // 2)}
            made.append((licence if number % 2 else penalty)(rows, code, f"壬寅{number}号商店", **days))
    index(rows)
    seen: list[service.Found] = []
    while True:
        after = seen[-1].place if seen else None
        part = found(rows, name="壬寅", limit=limit, after=after)
        seen += part
        if len(part) < limit:
            break
    assert sorted(record.id for record in seen) == sorted(made)
    assert [(r.entity_code, -r.decided_on.toordinal()) for r in seen] == sorted(
        (r.entity_code, -r.decided_on.toordinal()) for r in seen
    )


def test_a_search_by_name_is_two_statements_and_one_by_number_is_one(city: dict[str, Any], statements: Any) -> None:
    with db.transaction() as session:
        code = shop(session, "癸卯计数商店")
    steps.index_names()
    with db.reading() as reader:
        service.search(reader, name="癸卯", limit=5)  # what the city decides is known from here on
        statements()
        assert [record.entity_code for record in service.search(reader, name="癸卯计数", limit=5)] == [code]
        assert len(statements()) == 2
        service.search(reader, code=code, limit=5)
        service.search(reader, document_no="宁测〔2026〕1号", limit=5)
        assert len(statements()) == 2


# --- what is shown, and until when -----------------------------------------------------------------------------------


def test_a_record_leaves_on_the_day_after_its_last_one_without_any_write(rows: Session) -> None:
    code = entity_code()
    record_id = penalty(rows, code, "甲辰期满商店")
    index(rows)
    shown = service.show(rows, code, record_id)
    assert shown.publicity_until_on == shown.decided_on + timedelta(days=365) and shown.days_left == 335
    last = clock.start_of_day(shown.publicity_until_on)
    with clock.at(last + timedelta(hours=23, minutes=59)):
        assert service.show(rows, code, record_id).days_left == 0
        assert found(rows, code=code) and found(rows, name="甲辰期满") and extract(rows, "penalty", code)
    with clock.at(last + timedelta(hours=24)):
        assert found(rows, code=code) == found(rows, name="甲辰期满") == extract(rows, "penalty", code) == []
        with pytest.raises(NotFound):
            service.show(rows, code, record_id)


@pytest.mark.parametrize("status", ["repaired", "withdrawn", "expired"])
def test_a_record_leaves_with_its_repair_its_withdrawal_or_its_end(rows: Session, status: str) -> None:
    code = entity_code()
    record_id = penalty(rows, code, "乙巳商店")
    assert found(rows, code=code)
    records.change_entity_status(rows, code, record_id, status, None, "测试")
    assert found(rows, code=code) == extract(rows, "penalty", code) == []
    with pytest.raises(NotFound):
        service.show(rows, code, record_id)


def test_what_an_entity_declared_of_itself_is_marked_wherever_it_is_shown(rows: Session) -> None:
    code, own = entity_code(), "自主申报，测试部门 确认"
    new = records.NewRecord(
        item_code="LE-SEL-01", source_name=own, document_no=f"演示{code}", title="演示事项", decided_on=clock.today(),
        fields={"authority": "测试机构", "declared_matter": "演示事项", "promise_no": "1"}, declaration_id=uuid4(),
    )  # fmt: skip
    record_id = records.add_entity_record(rows, code, "丙辰商店", new)
    (listed,), shown = found(rows, code=code, kind="all"), service.show(rows, code, record_id)
    assert listed.self_declared and shown.self_declared and listed.authority == own
    assert {column.value for column in shown.content if column.name == "authority"} == {f"测试机构（{own}）"}
    assert extract(rows, "all", code)[0][7] == "公示中（自主申报）"


def test_a_disputed_record_stays_and_says_so(rows: Session) -> None:
    code = entity_code()
    record_id = penalty(rows, code, "丙午商店")
    records.change_entity_status(rows, code, record_id, "disputed", None, "异议")
    assert service.show(rows, code, record_id).disputed and found(rows, code=code)[0].disputed
    assert extract(rows, "penalty", code)[0][7] == "异议处理中"


def test_a_slight_penalty_and_what_the_catalogue_does_not_publish_are_not_shown(rows: Session) -> None:
    code = entity_code()
    record_id = penalty(rows, code, "丁未轻微商店", severity="minor")
    assert found(rows, code=code) == []
    with pytest.raises(NotFound):
        service.show(rows, code, record_id)


def test_an_item_that_the_catalogue_publishes_no_longer_is_gone_at_once(
    rows: Session, city_contents: dict[str, Any]
) -> None:
    code = shop(rows, "戊申商店")
    catalogue = city_contents["catalogue"]
    closed = [
        {**item, "disclosure": "government"} if item["code"] == "LE-LIC-01" else item for item in catalogue["items"]
    ]
    today = clock.today().isoformat()
    assert found(rows, code=code)
    cities.publish(rows, "catalogue", {**catalogue, "items": closed, "version": "test.9", "effective_on": today})
    assert found(rows, code=code) == []


def test_a_record_shows_every_standard_column_under_its_official_name_and_no_certificate(rows: Session) -> None:
    code = entity_code()
    record_id = penalty(rows, code, "己酉商店", violation_facts="当事人11010519491231002X未标价", remarks="")
    shown = service.show(rows, code, record_id)
    told = {column.title: column.value for column in shown.content}
    assert len(told) == len(records.items(rows)["LE-PEN-01"].fields) - 2
    assert told["行政处罚决定书文号"] == shown.document_no and told["处罚决定日期"] == shown.decided_on.isoformat()
    assert told["公示截止期"] == shown.publicity_until_on.isoformat() and told["罚款金额（万元）"] == "0.05"
    assert told["备注"] is told["暂扣或吊销证照名称及编号"] is None and told["法定代表人"] == "测试甲子"
    assert "一般" in told.values() and "当事人110105************未标价" in told.values()
    assert "11010519491231002X" not in str(shown) and "002X" not in str(shown) and "身份证" not in str(shown)
    assert shown.legal_basis.startswith("《行政处罚法》") and shown.repair is not None
    assert shown.repair.from_on == shown.decided_on + timedelta(days=90)
    assert service.show(rows, code, licence(rows, code, "己酉商店")).repair is None


def test_a_record_is_found_under_its_own_code_alone(rows: Session) -> None:
    code = entity_code()
    record_id = licence(rows, code, "庚戌商店")
    for key in ((entity_code(), record_id), (code, uuid4()), ("", record_id), ("%", record_id)):
        with pytest.raises(NotFound):
            service.show(rows, *key)


# --- all of it -------------------------------------------------------------------------------------------------------


def extract(session: Session, kind: str, code: str) -> list[list[str]]:
    """The rows of an entity."""
    whole, after, cells = service.Extract(session, kind), None, list[list[str]]()
    while True:
        part, after = whole.chunk(session, after)
        cells += part
        if after is None:
            return [row for row in cells if row[4] == code]


def test_an_extract_is_read_in_chunks_and_complete(rows: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {}
    for number in range(3):
        code = entity_code()
        made[code] = {str(licence(rows, code, f"辛亥{number}商店")) for _ in range(3)}
    monkeypatch.setattr(service, "AT_ONCE", 2)
    for code, ids in made.items():
        kept = extract(rows, "all", code)
        assert {row[9] for row in kept} == ids and len(kept) == 3
        assert "许可内容：热食类食品制售" in kept[0][-1] and "证件" not in kept[0][-1]


def test_an_extract_says_its_day_and_has_the_standards_columns(rows: Session) -> None:
    code = entity_code()
    penalty(rows, code, "壬子商店", title="=cmd()", remarks="+1")
    whole = service.Extract(rows, "penalty")
    (row,) = extract(rows, "penalty", code)
    told = dict(zip(whole.header, row, strict=True))
    assert told["数据日期"] == clock.today().isoformat() and told["标题"] == "'=cmd()" and told["备注"] == "'+1"
    assert told["罚款金额（万元）"] == "0.05" and told["公示状态"] == "公示中"
    assert len(whole.header) == len(set(whole.header)) and not [title for title in whole.header if "证件" in title]
    assert extract(rows, "licence", code) == []


def test_the_days_of_the_clock_are_shanghais(rows: Session) -> None:
    code = entity_code()
    penalty(rows, code, "癸丑商店", decided_on=date(2026, 3, 5), publicity_until_on="2026-06-30")
    with clock.at(clock.start_of_day(date(2026, 6, 30))):
        assert found(rows, code=code)[0].publicity_until_on == date(2026, 6, 30)
    with clock.at(clock.start_of_day(date(2026, 7, 1))):
        assert found(rows, code=code) == []
