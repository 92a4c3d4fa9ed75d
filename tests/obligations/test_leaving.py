"""A person's copy of what she owes, and what stays of it when she leaves."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from backend.codes import service as codes
from backend.kit import clock, db
from backend.kit.errors import NotFound
from backend.messages.models import MessageRow
from backend.obligations import desk, disputes, jobs, service
from backend.obligations.desk import Desk
from backend.obligations.personal import KEEPER
from tests.factories import accounts as people
from tests.obligations.conftest import DUE_HOURS, HOUR, Owed, act, charge, decide, dispute, office, owed, row
from tests.privacy.conftest import leave


@pytest.fixture(autouse=True)
def _keys(app: Flask, city: dict[str, Any]) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")


def left() -> tuple[people.Resident, Owed, Owed, Owed]:
    """Somebody who left with one open, one charged and one disputed."""
    with db.transaction() as session:
        who = people.resident(session)
        made = [owed(session, who=who.resident_id) for _ in range(3)]
        for one in made[1:]:
            charge(session, one)
        dispute(session, made[2])
    with db.transaction() as session:
        leave(session, who)
    return who, made[0], made[1], made[2]


def test_a_copy_tells_all_with_the_words_of_both_sides(session: Any) -> None:
    one = owed(session)
    charge(session, one)
    dispute(session, one)
    decide(session, one)
    (section,) = KEEPER.sections
    page = section.page(session, one.resident_id, None)
    (shown,) = page.rows
    assert page.after is None and set(shown) == {column.name for column in section.columns}
    assert (shown["amount_fen"], shown["charge_reason"], shown["decision"]) == (1_234, "演示事由", "upheld")
    assert (shown["dispute_text"], shown["decision_reason"]) == ("演示异议：金额不对", "演示理由")
    for column in section.columns:
        if column.words and shown[column.name] is not None:
            assert shown[column.name] in column.words


def test_a_claim_stays_under_the_number_without_words_and_can_be_ended() -> None:
    who, opened, charged, disputed = left()
    with db.transaction() as session:
        mine = {one.id: desk.partner_obligation(session, Desk(frozenset({one.partner_id})), one.id)
                for one in (opened, charged, disputed)}  # fmt: skip
        assert [mine[one.id].state for one in (opened, charged, disputed)] == ["open", "charged", "charged"]
        assert not {disputed.id} & {each.id for each in disputes.disputes(session, 100)}
        with pytest.raises(NotFound):
            disputes.show(session, office(session), disputed.id)
        for one in (opened, charged, disputed):
            kept = row(session, one)
            assert {kept.charge_reason_sealed, kept.dispute_sealed, kept.decision_reason_sealed} == {None}
        assert charge(session, opened, 5).state == "charged"
        assert row(session, opened).charge_reason_sealed is None, "what is said of nobody is not kept"
        assert service.settle(session, charged.partner_id, charged.id, act()).state == "settled"
        assert service.withdraw(session, disputed.partner_id, disputed.id, act()).state == "withdrawn"
        assert messages(session, who) == 0


def test_nobody_is_reminded_who_has_left_and_time_goes_on_all_the_same() -> None:
    who, opened, charged, _ = left()
    with db.transaction() as session, clock.shifted(31 * 24 * HOUR):
        while jobs.tell_some(session, 100) == 100:
            pass
        assert messages(session, who) == 0
        assert row(session, opened).state == "released" and row(session, charged).next_at is None


def test_the_pause_ends_with_the_person_and_does_not_follow_her() -> None:
    who, *_ = left()
    with db.transaction() as session:
        back = people.accounts.ensure_person(session, who.name, who.id_number)
        with clock.shifted((DUE_HOURS + 1) * HOUR):
            assert back != who.resident_id and service.paused(session, back) == frozenset()


def messages(session: Any, who: people.Resident) -> int:
    waiting = select(func.count()).where(MessageRow.recipient_id == who.resident_id)
    return int(session.execute(waiting).scalar_one())
