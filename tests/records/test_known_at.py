"""What we knew at an instant, held against a plain replay of what was done."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.records import service
from backend.records.errors import RecordExists, StatusNotPossible
from tests.records.test_service import CODE, honour, penalty

pytestmark = pytest.mark.usefixtures("city")

BATCHES = (uuid4(), uuid4())
TITLES = ("诚信之星", "诚信标兵", "诚信好市民")
ACTS = ("add", "correct", "disputed", "active", "repaired", "withdrawn", "take back")
Known = dict[UUID, tuple[str, str, int]]
steps = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(1, 3), st.sampled_from(TITLES), st.sampled_from((None, *BATCHES))),
    max_size=10,
)


def known(session: Session, resident_id: UUID, at: datetime) -> Known:
    view = service.archive_known_at("instant")
    wanted = (view.c.id, view.c.status, view.c.title, view.c.version)
    rows = session.execute(select(*wanted).where(view.c.resident_id == resident_id), {"instant": at})
    return {row.id: (row.status, row.title, row.version) for row in rows}


def do(session: Session, resident_id: UUID, act: str, number: int, title: str, batch_id: UUID | None) -> None:
    """One act, as the archive has it; what it refuses changes nothing."""
    filed = {one.document_no: one.id for one in service.records_of(session, resident_id)}
    new = honour(number, title=title)
    try:
        if act == "add":
            service.add_record(session, resident_id, new, batch_id=batch_id)
        elif act == "take back":
            service.withdraw_batch_chunk(session, batch_id or BATCHES[0], None, "批次撤回", 10)
        elif new.document_no in filed and act == "correct":
            record_id = filed[new.document_no]
            service.correct_record(session, resident_id, record_id, new, by=None, reason="", batch_id=batch_id)
        elif new.document_no in filed:
            service.change_status(session, resident_id, filed[new.document_no], act, None, "")
    except (RecordExists, StatusNotPossible):
        pass


@settings(max_examples=25, deadline=None)
@given(steps)
def test_every_instant_is_known_as_it_was(session: Session, acts: list[tuple[Any, ...]]) -> None:
    resident_id = uuid4()
    seen: list[tuple[datetime, Known]] = [(clock.now(), {})]
    for act in acts:
        do(session, resident_id, *act)
        stands = {one.id: (one.status, one.title, one.version) for one in service.records_of(session, resident_id)}
        seen.append((clock.now(), stands))
    for instant, stood in seen:
        assert known(session, resident_id, instant) == stood


def test_at_the_very_instant_of_a_change_the_new_version_is_known(session: Session) -> None:
    resident_id = uuid4()
    record_id = service.add_record(session, resident_id, honour())
    changed = service.change_status(session, resident_id, record_id, "disputed", None, "异议")
    assert known(session, resident_id, changed.changed_at) == {record_id: ("disputed", "诚信之星", 2)}


def test_an_entity_s_archive_is_known_too(session: Session) -> None:
    record_id = service.add_entity_record(session, CODE, "演示公司", penalty())
    then = clock.now()
    service.change_entity_status(session, CODE, record_id, "repaired", None, "已修复")
    view = service.entity_archive_known_at()
    query = select(view.c.status).where(view.c.entity_code == CODE)
    assert session.execute(query, {"known_at": then}).scalars().all() == ["active"]
    assert session.execute(query, {"known_at": clock.now()}).scalars().all() == ["repaired"]
