"""Filing, changing and reading."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.errors import NotFound
from backend.records import models, service
from backend.records.errors import RecordExists, RecordRefused, StatusNotPossible
from backend.records.service import NewRecord

CODE = "91110000600037341L"

pytestmark = pytest.mark.usefixtures("city")


def honour(number: int = 1, **changes: Any) -> NewRecord:
    facts: dict[str, Any] = {
        "item_code": "NP-HON-01", "source_name": "演示单位", "document_no": f"演示〔2026〕{number}号",
        "title": "诚信之星", "decided_on": clock.today() - timedelta(days=number),
        "fields": {"honour_name": "诚信之星", "honour_level": "区级"},
    }  # fmt: skip
    return NewRecord(**facts | changes)


def penalty(**changes: Any) -> NewRecord:
    facts: dict[str, Any] = {
        "item_code": "LE-LST-02", "source_name": "演示法院", "document_no": "演示执1号", "title": "失信被执行人",
        "decided_on": clock.today() - timedelta(days=10),
        "fields": {"enforcement_court": "演示法院", "case_no": "演示1", "conduct": "演示"},
    }  # fmt: skip
    return NewRecord(**facts | changes)


def test_a_record_is_filed_once_and_told_once(session: Session, told: list[Any]) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    assert service.add_record(session, resident_id, honour()) == record_id
    assert told == [
        ("records.changed", {"resident_id": str(resident_id), "record_id": str(record_id), "change": "added"})
    ]
    (found,) = service.records_of(session, resident_id)
    assert (found.id, found.status, found.version, found.effect) == (record_id, "active", 1, "favourable")
    assert found.counts_until_on == found.decided_on + timedelta(days=1825)
    assert found.publicity_until_on is None and found.known_from == found.changed_at


def test_the_same_document_with_other_content_is_refused(session: Session) -> None:
    resident_id = uuid4()
    service.add_record(session, resident_id, honour())
    with pytest.raises(RecordExists):
        service.add_record(session, resident_id, honour(title="诚信标兵"))


def test_what_the_catalogue_does_not_admit_is_refused(session: Session) -> None:
    with pytest.raises(RecordRefused) as caught:
        service.add_record(session, uuid4(), honour(fields={"honour_name": "x", "blood_type": "A"}))
    assert any("第十四条" in problem for problem in caught.value.members["problems"])
    assert caught.value.status == 422


def test_many_are_filed_at_once_and_a_second_time_changes_nothing(session: Session, told: list[Any]) -> None:
    residents = [uuid4() for _ in range(50)]
    news = [(resident_id, honour(n)) for resident_id in residents for n in range(1, 5)]
    assert set(service.add_records(session, news)) == set(residents)
    assert service.add_records(session, news) == []
    assert [topic for topic, _ in told] == ["records.loaded"]
    assert set(told[0][1]["resident_ids"]) == {str(resident_id) for resident_id in residents}
    assert len(service.records_of(session, residents[0])) == 4


def test_every_version_stays(session: Session, told: list[Any]) -> None:
    resident_id, officer = uuid4(), uuid4()
    record_id = service.add_record(session, resident_id, honour())
    service.change_status(session, resident_id, record_id, "disputed", officer, "本人提出异议")
    found = service.change_status(session, resident_id, record_id, "repaired", officer, "认定单位已修复")
    assert (found.status, found.version, found.changed_by, found.change_reason) == (
        "repaired", 3, officer, "认定单位已修复"
    )  # fmt: skip
    before = service.versions_of(session, resident_id, record_id)
    assert [(v.version, v.status, v.change_reason) for v in before] == [
        (1, "active", ""), (2, "disputed", "本人提出异议")
    ]  # fmt: skip
    assert [payload["change"] for _, payload in told] == ["added", "disputed", "repaired"]


def test_the_same_status_again_changes_nothing(session: Session, told: list[Any]) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    service.change_status(session, resident_id, record_id, "disputed", None, "")
    service.change_status(session, resident_id, record_id, "disputed", None, "")
    assert len(told) == 2 and len(service.versions_of(session, resident_id, record_id)) == 1


def test_a_final_status_is_final_and_somebody_else_s_record_is_not_there(session: Session) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    service.change_status(session, resident_id, record_id, "withdrawn", None, "来源单位撤销")
    with pytest.raises(StatusNotPossible) as caught:
        service.change_status(session, resident_id, record_id, "active", None, "")
    assert caught.value.members == {"from": "withdrawn", "to": "active"}
    for act in (
        lambda: service.change_status(session, uuid4(), record_id, "disputed", None, ""),
        lambda: service.record(session, uuid4(), record_id),
    ):
        with pytest.raises(NotFound):
            act()


def test_an_archive_is_read_in_pages(session: Session) -> None:
    resident_id = uuid4()
    day = clock.today() - timedelta(days=3)
    service.add_records(session, [(resident_id, honour(n, decided_on=day)) for n in range(1, 6)])
    seen: list[UUID] = []
    after: tuple[date, UUID] | None = None
    while found := service.records_of(session, resident_id, 2, after):
        seen += [record.id for record in found]
        after = (found[-1].decided_on, found[-1].id)
    assert len(seen) == len(set(seen)) == 5


def test_a_legal_entity_s_record_shows_until_its_publicity_ends(session: Session) -> None:
    record_id = service.add_entity_record(session, CODE.lower(), "演示公司", penalty())
    today = clock.today()
    (shown,) = service.entity_records_of(session, CODE, today)
    assert shown.publicity_until_on == shown.decided_on + timedelta(days=730)
    assert service.entity_records_of(session, CODE, shown.publicity_until_on)
    assert not service.entity_records_of(session, CODE, shown.publicity_until_on + timedelta(days=1))
    service.change_entity_status(session, CODE, record_id, "disputed", None, "异议")
    assert service.entity_records_of(session, CODE, today)[0].status == "disputed"
    service.change_entity_status(session, CODE, record_id, "repaired", None, "已修复")
    assert service.entity_records_of(session, CODE, today) == []


def test_a_legal_representative_s_id_number_is_neither_kept_whole_nor_shown(session: Session) -> None:
    fields = {
        "party_name": "演示公司", "party_kind": "法人及非法人组织", "party_code_1": CODE,
        "legal_representative": "某某", "legal_representative_id_type": "身份证",
        "legal_representative_id_number": "11010519491231002X",
        "violation_type": "演示", "violation_facts": "演示", "penalty_basis": "演示", "penalty_category": "警告",
        "penalty_content": "演示", "severity": "general", "data_source": "演示局", "data_source_code": CODE,
        "publicity_until_on": (clock.today() + timedelta(days=20)).isoformat(), "authority_code": CODE,
    }  # fmt: skip
    new = penalty(item_code="LE-PEN-01", fields=fields)
    service.add_entity_record(session, CODE, "演示公司", new)
    (shown,) = service.entity_records_of(session, CODE, clock.today())
    assert "legal_representative_id_number" not in shown.fields
    assert shown.publicity_until_on == clock.today() + timedelta(days=20)
    table = models.entity_records
    kept = session.execute(table.select().where(table.c.id == shown.id)).one()
    assert "19491231" not in str(kept.fields)


def test_a_wrong_credit_code_is_refused(session: Session) -> None:
    with pytest.raises(RecordRefused):
        service.add_entity_record(session, "91110000600037341M", "演示公司", penalty())


def test_many_entity_records_are_filed_at_once(session: Session) -> None:
    news = [(CODE, "演示公司", penalty(document_no=f"演示执{n}号")) for n in range(30)]
    assert service.add_entity_records(session, news) == [CODE]
    assert service.add_entity_records(session, news) == []
    assert len(service.entity_records_of(session, CODE, clock.today())) == 30
