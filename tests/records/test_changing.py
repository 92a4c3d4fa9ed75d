"""Correcting what is on file, and taking back what a batch brought."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.errors import NotFound
from backend.records import service
from backend.records.errors import RecordExists, RecordRefused, StatusNotPossible
from tests.records.test_service import CODE, honour, penalty

pytestmark = pytest.mark.usefixtures("city")

OFFICER = uuid4()


def correct(session: Session, resident_id: UUID, record_id: UUID, **changes: Any) -> service.Record:
    batch_id = changes.pop("batch_id", None)
    new = honour(**changes)
    return service.correct_record(
        session, resident_id, record_id, new, by=OFFICER, reason="文书笔误", batch_id=batch_id
    )


def test_a_correction_makes_a_version_and_is_told(session: Session, told: list[Any]) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    before = service.record(session, resident_id, record_id)
    day = clock.today() - timedelta(days=30)
    after = correct(session, resident_id, record_id, title="诚信标兵", decided_on=day)
    assert (after.version, after.title, after.decided_on, after.status) == (2, "诚信标兵", day, "active")
    assert (after.counts_until_on, after.known_from) == (day + timedelta(days=1825), before.known_from)
    assert (after.changed_by, after.change_reason) == (OFFICER, "文书笔误")
    lineage = service.lineage_of(session, resident_id, record_id)
    assert [version.record for version in lineage] == [before, after]
    assert lineage[0].replaced_at == after.changed_at and lineage[1].replaced_at is None
    assert told[-1][1]["change"] == "corrected"
    assert correct(session, resident_id, record_id, title="诚信标兵", decided_on=day) == after
    assert len(told) == 2


def test_what_is_final_or_another_s_or_another_document_is_not_corrected(session: Session) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    service.add_record(session, resident_id, honour(2))
    with pytest.raises(NotFound):
        correct(session, uuid4(), record_id)
    with pytest.raises(RecordExists):
        correct(session, resident_id, record_id, document_no="演示〔2026〕2号")
    with pytest.raises(RecordRefused):
        correct(session, resident_id, record_id, item_code="NP-HON-02")
    with pytest.raises(RecordRefused):
        correct(session, resident_id, record_id, fields={"honour_name": "x", "blood_type": "A"})
    assert correct(session, resident_id, record_id, document_no="演示〔2026〕3号").document_no == "演示〔2026〕3号"
    service.change_status(session, resident_id, record_id, "repaired", None, "已修复")
    with pytest.raises(StatusNotPossible):
        correct(session, resident_id, record_id, title="诚信标兵")


def test_a_dispute_goes_on_while_a_record_is_corrected(session: Session) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    service.change_status(session, resident_id, record_id, "disputed", None, "异议")
    assert correct(session, resident_id, record_id, title="诚信标兵").status == "disputed"


def test_a_corrected_penalty_is_shown_as_long_as_it_now_says(session: Session, told: list[Any]) -> None:
    record_id = service.add_entity_record(session, CODE, "演示公司", penalty())
    day = clock.today() - timedelta(days=100)
    new = penalty(decided_on=day)
    after = service.correct_entity_record(session, CODE, record_id, new, by=OFFICER, reason="文书笔误")
    assert after.publicity_until_on == day + timedelta(days=730)
    assert [version.record.version for version in service.entity_lineage_of(session, CODE, record_id)] == [1, 2]
    assert told[-1] == (
        "records.entity-changed", {"entity_code": CODE, "record_id": str(record_id), "change": "corrected"}
    )  # fmt: skip


def take_back(session: Session, batch_id: UUID, limit: int = 2) -> list[int]:
    counts = []
    while count := service.withdraw_batch_chunk(session, batch_id, OFFICER, "批次撤回", limit):
        counts.append(count)
    return counts


def test_a_batch_is_taken_back_in_chunks_and_what_it_corrected_says_what_it_said(
    session: Session, told: list[Any]
) -> None:
    first, batch = uuid4(), uuid4()
    people = sorted((uuid4() for _ in range(3)), key=lambda key: key.int)
    kept = service.add_record(session, people[0], honour(7), batch_id=first)
    before = service.record(session, people[0], kept)
    correct(session, people[0], kept, document_no=before.document_no, title="诚信标兵", batch_id=batch)
    for resident_id in people:
        service.add_record(session, resident_id, honour(), batch_id=batch)
    service.add_entity_record(session, CODE, "演示公司", penalty(), batch_id=batch)
    del told[:]
    assert take_back(session, batch) == [2, 2, 1]
    assert take_back(session, batch) == []
    restored = service.record(session, people[0], kept)
    same = ("title", "decided_on", "fields", "batch_id", "status", "known_from")
    assert all(getattr(restored, name) == getattr(before, name) for name in same)
    assert (restored.version, restored.change_reason) == (3, "批次撤回")
    for resident_id in people:
        (gone,) = [one for one in service.records_of(session, resident_id) if one.batch_id == batch]
        assert (gone.status, gone.version, gone.changed_by) == ("withdrawn", 2, OFFICER)
    assert service.entity_records_of(session, CODE, clock.today()) == []
    heard = [key for topic, payload in told if topic == "records.loaded" for key in payload["resident_ids"]]
    assert set(heard) == {str(key) for key in people}
    assert told[-1] == ("records.entities-loaded", {"entity_codes": [CODE]})


def test_what_was_decided_or_corrected_since_stays(session: Session) -> None:
    batch, resident_id = uuid4(), uuid4()
    repaired, corrected, again = (
        service.add_record(session, resident_id, honour(n), batch_id=batch) for n in (1, 2, 3)
    )
    service.change_status(session, resident_id, repaired, "repaired", None, "已修复")
    correct(session, resident_id, corrected, document_no="演示〔2026〕2号", title="诚信标兵")
    correct(session, resident_id, again, document_no="演示〔2026〕3号", title="诚信标兵", batch_id=uuid4())
    assert take_back(session, batch) == []
    assert {one.status for one in service.records_of(session, resident_id)} == {"repaired", "active"}


def test_a_number_that_was_given_away_meanwhile_is_not_taken_back(session: Session) -> None:
    batch, resident_id = uuid4(), uuid4()
    record_id = service.add_record(session, resident_id, honour(1))
    correct(session, resident_id, record_id, document_no="演示〔2026〕8号", batch_id=batch)
    service.add_record(session, resident_id, honour(1, title="另一份文书"))
    assert take_back(session, batch) == [1]
    assert service.record(session, resident_id, record_id).status == "withdrawn"


def test_what_went_with_its_batch_comes_back_when_it_is_reported_again(session: Session, told: list[Any]) -> None:
    first, second, resident_id = uuid4(), uuid4(), uuid4()
    record_id = service.add_record(session, resident_id, honour(), batch_id=first)
    assert take_back(session, first) == [1]
    assert service.add_record(session, resident_id, honour(title="诚信标兵"), batch_id=second) == record_id
    found = service.record(session, resident_id, record_id)
    assert (found.status, found.title, found.version, found.batch_id) == ("active", "诚信标兵", 3, second)
    assert told[-1][1]["change"] == "added"
    assert take_back(session, second) == [1]
    assert service.record(session, resident_id, record_id).status == "withdrawn"


def test_what_was_withdrawn_on_its_merits_does_not_come_back(session: Session) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    service.change_status(session, resident_id, record_id, "withdrawn", None, "认定有误")
    assert service.add_record(session, resident_id, honour()) == record_id
    assert service.record(session, resident_id, record_id).status == "withdrawn"
