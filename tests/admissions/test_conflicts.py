"""What should not have been let in offline: claimed or waived by the partner, decided by the office."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.admissions import conflicts
from backend.admissions.conflicts import Desk
from backend.admissions.errors import ConflictSettled, OwnConflict
from backend.admissions.models import Admission
from backend.kit import clock
from backend.kit.errors import NotFound
from backend.kit.trail import TrailRow
from backend.ledger import audit
from backend.ledger import service as ledger
from tests.admissions.test_venue import Held
from tests.factories.perks import act, shop

PARTNER, OFFICE = (Desk(uuid4(), "partner-manager"), Desk(uuid4(), "office"))
WHY = "演示：当时确已验票入场"


def a_conflict(session: Session, **terms: Any) -> tuple[Held, UUID]:
    """A coupon that was used at the door and then let in again offline."""
    said = {"price_points": 10, "settlement_price_fen": 800, "funding_account": "office", **terms}
    held = Held(session, shop(session, **said), points=10)
    held.admit()
    return held, held.upload(clock.now()).id


def mine(session: Session, held: Held, step: str | None = None) -> list[conflicts.Conflict]:
    return conflicts.of_partners(session, [held.shop.partner_id], step, 20)


def claim(session: Session, held: Held, key: UUID, operation: UUID | None = None) -> conflicts.Conflict:
    return conflicts.claim(session, [held.shop.partner_id], key, WHY, PARTNER, act(PARTNER.account_id, operation))


def waive(session: Session, held: Held, key: UUID) -> conflicts.Conflict:
    return conflicts.waive(session, [held.shop.partner_id], key, PARTNER, act(PARTNER.account_id))


def decide(session: Session, key: UUID, accepted: bool, desk: Desk = OFFICE) -> conflicts.Conflict:
    return conflicts.decide(session, key, accepted, "演示：核对闸机记录", desk, act(desk.account_id))


def owed_fen(session: Session, held: Held) -> int:
    """What a settlement would count."""
    counted = (Admission.partner_id == held.shop.partner_id, Admission.standing.in_(("admitted", "accepted")))
    return int(session.execute(select(func.coalesce(func.sum(Admission.settlement_fen), 0)).where(*counted)).scalar())


def test_a_conflict_says_what_is_at_stake_and_nobodys_name(session: Session) -> None:
    held, key = a_conflict(session)
    [shown] = mine(session, held)
    assert (shown.id, shown.reason, shown.step, shown.points, shown.settlement_fen) == (
        key, "already-used", "open", 10, 800
    )  # fmt: skip
    assert (shown.offer["title"], shown.venue["name"]) == ("测试门票", "测试场所")
    assert str(held.resident_id) not in repr(shown) and str(held.coupon_id) not in repr(shown)
    row = session.execute(select(*Admission.__table__.c).where(Admission.id == key)).one()
    assert (row.settlement_fen, row.funding_account, row.settled_points) == (800, "office", 0)
    assert owed_fen(session, held) == 800


@pytest.mark.parametrize(("accepted", "standing", "fen"), [(True, "accepted", 1600), (False, "rejected", 800)])
def test_what_the_office_decides_counts_in_fen_and_never_moves_points(
    session: Session, accepted: bool, standing: str, fen: int
) -> None:
    held, key = a_conflict(session)
    assert claim(session, held, key).step == "claimed"
    assert owed_fen(session, held) == 800, "left out until it is decided"
    decided = decide(session, key, accepted)
    assert (decided.step, decided.claim, decided.decision) == (standing, WHY, "演示：核对闸机记录")
    row = session.execute(select(*Admission.__table__.c).where(Admission.id == key)).one()
    assert (row.standing, row.decided_at, row.settled_points) == (standing, decided.decided_at, 0)
    assert owed_fen(session, held) == fen
    assert ledger.balance(session, held.resident_id, clock.today()) == 0
    assert audit.audit_resident(session, held.resident_id) == []
    acts = session.execute(select(TrailRow.action).where(TrailRow.subject_id == str(key)).order_by(TrailRow.at))
    assert [row.action for row in acts] == ["conflict.claimed", "conflict.decided"]


def test_only_what_is_claimed_is_decided_and_what_is_decided_stays(session: Session) -> None:
    held, key = a_conflict(session)
    with pytest.raises(NotFound):
        decide(session, key, True)
    claim(session, held, key)
    decide(session, key, False)
    for again in (
        lambda: decide(session, key, True),
        lambda: claim(session, held, key),
        lambda: waive(session, held, key),
    ):
        with pytest.raises(ConflictSettled) as refused:
            again()
        assert refused.value.members == {"step": "rejected"}


def test_a_waived_conflict_is_rejected_for_good(session: Session) -> None:
    held, key = a_conflict(session)
    claim(session, held, key)
    assert waive(session, held, key).step == "waived"
    with pytest.raises(ConflictSettled):
        decide(session, key, True)
    with pytest.raises(ConflictSettled):
        claim(session, held, key)
    standing = session.execute(select(Admission.standing).where(Admission.id == key)).scalar_one()
    assert (standing, owed_fen(session, held)) == ("rejected", 800)


def test_a_repeated_claim_is_one_claim(session: Session) -> None:
    held, key = a_conflict(session)
    operation = uuid4()
    assert claim(session, held, key, operation) == claim(session, held, key, operation)
    with pytest.raises(ConflictSettled):
        claim(session, held, key)


def test_another_partner_neither_sees_nor_touches_a_conflict(session: Session) -> None:
    held, key = a_conflict(session)
    other = Held(session, shop(session))
    assert mine(session, other) == []
    with pytest.raises(NotFound):
        claim(session, other, key)
    with pytest.raises(NotFound):
        waive(session, other, key)
    own = held.admit(code=held.code)
    with pytest.raises(NotFound):
        claim(session, held, own.id)


def test_nobody_decides_her_own(session: Session) -> None:
    held, key = a_conflict(session)
    claim(session, held, key)
    for desk in (Desk(uuid4(), "office", held.resident_id), Desk(PARTNER.account_id, "office")):
        with pytest.raises(OwnConflict):
            decide(session, key, True, desk)
    assert decide(session, key, True).step == "accepted"


def test_lists_page_by_their_order_and_filter_by_step(session: Session) -> None:
    known = shop(session, settlement_price_fen=5, uses=1)
    keys = []
    for _ in range(4):
        held = Held(session, known)
        held.admit()
        keys.append(held.upload(clock.now()).id)
    mine = [known.partner_id]
    pages, before = [], None
    while found := conflicts.of_partners(session, mine, None, 3, before):
        pages += [one.id for one in found]
        before = (found[-1].recorded_at, found[-1].id)
    assert pages == keys[::-1]
    for key in keys[:2]:
        conflicts.claim(session, mine, key, WHY, PARTNER, act(PARTNER.account_id))
    assert [one.id for one in conflicts.of_partners(session, mine, "open", 9)] == keys[:1:-1]
    waiting = [one for one in conflicts.claimed(session, "claimed", 50) if one.partner["id"] == known.partner_id]
    assert [one.id for one in waiting] == keys[:2]
    after = (waiting[0].listed_at, waiting[0].id)
    assert keys[1] in [one.id for one in conflicts.claimed(session, "claimed", 50, after)]
    assert keys[0] not in [one.id for one in conflicts.claimed(session, "claimed", 50, after)]
