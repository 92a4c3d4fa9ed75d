"""Leaving while something else happens to the same person, with real commits: in either order nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.codes import service as codes
from backend.community import desk, submissions
from backend.community import service as community
from backend.consents import service as consents
from backend.kit import clock, db
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.ledger.audit import audit_resident
from backend.ledger.models import wallets
from backend.models import metadata
from backend.perks import service as perks
from backend.perks.models import Coupon
from backend.privacy import rooms
from backend.privacy import service as privacy
from tests.factories import perks as shops
from tests.privacy.conftest import HOME, Full, give_everything, leave
from tests.races.barrier import at_once

ROUNDS = 6
GONE = {"NotFound", "ConsentMissing", "NotAMember", "NotEntitled", "StatusUnknown"}
"""What somebody is told who comes after the departure."""


@pytest.fixture(autouse=True, scope="module")
def _ready(app: Flask, city: dict[str, Any]) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")


def somebody() -> Full:
    with db.transaction() as session:
        return give_everything(session)


def word(result: Any) -> str:
    return type(result).__name__


def nothing_is_left(full: Full) -> None:
    """No open coupon, no points, no row in a table whose rows go, books that agree."""
    mine = full.resident_id
    with db.reading() as reader:
        assert accounts.has_left(reader, mine)
        open_ones = select(func.count()).where(Coupon.resident_id == mine, Coupon.status == "issued")
        assert reader.execute(open_ones).scalar_one() == 0
        balance = select(wallets.c.balance_points).where(wallets.c.resident_id == mine)
        assert reader.execute(balance).scalar_one() == 0
        assert audit_resident(reader, mine) == []
        for keeper in rooms.ERASING:
            for name in set(keeper.deleted) - {"operations", "outbox"}:
                table = metadata.tables[name]
                whose = next((table.c[c] for c in ("resident_id", "owner_id") if c in table.c), None)
                if whose is not None:
                    left = reader.execute(select(func.count()).select_from(table).where(whose == mine)).scalar_one()
                    assert left == 0, name


def race(full: Full, others: list[Callable[[Session], Any]]) -> Counter[str]:
    departed, *told = at_once([lambda session: leave(session, full), *others])
    assert word(departed) == "Departure", repr(departed)
    nothing_is_left(full)
    return Counter(map(word, told))


def test_a_redemption_comes_before_or_not_at_all() -> None:
    for price in (0, 5):
        for _ in range(ROUNDS):
            full = somebody()
            with db.transaction() as session:
                shop = shops.shop(session, price_points=price, stock_total=40)
            told = race(full, [redeem_of(full, shop) for _ in range(4)])
            assert set(told) <= {"RedemptionView", *GONE}, told
            with db.reading() as reader:
                assert perks.offer(reader, shop.offer_id).left == 40


def redeem_of(full: Full, shop: shops.Shop) -> Callable[[Session], Any]:
    return lambda session: perks.redeem(session, full.resident_id, shop.offer_id, shops.act(full.resident_id))


def test_an_award_and_a_deed_come_before_or_not_at_all() -> None:
    for _ in range(ROUNDS):
        full = somebody()
        with db.transaction() as session:
            organisation = community.community(session, HOME).organisation_id
        worker = desk.Worker(uuid4(), "community-worker", frozenset({organisation}))
        review = lambda session, f=full, w=worker: desk.review(  # noqa: E731
            session, w, f.submission_id, "approve", "属实", shops.act(w.account_id)
        )
        told = race(full, [review, *[deed_of(full) for _ in range(3)]])
        assert set(told) <= {"DecisionView", "SubmissionView", *GONE}, told


def deed_of(full: Full) -> Callable[[Session], Any]:
    deed = submissions.NewSubmission("elder-care", clock.now(), "陪邻居去医院", (full.photo_id,), community_id=HOME)
    return lambda session: submissions.submit(session, full.resident_id, deed, shops.act(full.resident_id))


def test_an_admission_and_a_cancellation_come_before_or_not_at_all() -> None:
    for _ in range(ROUNDS):
        full = somebody()
        with db.reading() as reader:
            code = perks.coupon_code(reader, full.resident_id, full.coupon_id).text
        door = full.shop.door
        admit = lambda session, d=door, c=code: admissions.admit(session, d, c, None, shops.act(d.device_id))  # noqa: E731
        cancel = lambda session, f=full: perks.cancel(  # noqa: E731
            session, f.resident_id, f.coupon_id, shops.act(f.resident_id)
        )
        told = race(full, [admit, cancel])
        assert set(told) <= {"Outcome", "CouponView", "NotCancellable", *GONE}, told


def test_a_consent_and_a_signature_come_before_or_not_at_all() -> None:
    for _ in range(ROUNDS):
        full = somebody()
        with db.reading() as reader:
            version = consents.purpose_called(reader, "messages").text_version
            other = next(one.id for one in community.communities(reader) if one.id != HOME)
        give = lambda session, f=full, v=version: consents.set_consent(  # noqa: E731
            session, f.resident_id, "messages", True, v
        )
        sign = lambda session, f=full, o=other: community.sign_covenant(  # noqa: E731
            session, f.resident_id, o, shops.act(f.resident_id)
        )
        told = race(full, [give, sign])
        assert set(told) <= {"Consent", "Row", *GONE}, told


def test_leaving_twice_at_once_happens_once() -> None:
    full, key = somebody(), uuid4()
    with db.reading() as reader:
        notice = privacy.notice(reader, full.resident_id)

    def depart(key: UUID) -> Callable[[Session], Any]:
        said = (full.resident_id, uuid4(), notice.confirmation, notice.version)
        return lambda session: privacy.leave(session, *said, Operation(full.resident_id, key, b"x" * 32))

    results = at_once([*[depart(key) for _ in range(6)], *[depart(uuid4()) for _ in range(6)]])
    done = [one for one in results if isinstance(one, privacy.Departure)]
    assert {(one.id, one.left_at) for one in done} == {(done[0].id, done[0].left_at)}
    assert all(isinstance(one, privacy.Departure | NotFound) for one in results), results
    nothing_is_left(full)


def test_a_department_reports_somebody_who_is_leaving() -> None:
    """The record goes to the old person before she has left, or to a new one: never to a number that is nobody's."""
    for _ in range(ROUNDS):
        full = somebody()
        report = lambda session, f=full: accounts.ensure_person(session, f.who.name, f.who.id_number)  # noqa: E731
        departed, found = at_once([lambda session, f=full: leave(session, f), report])
        assert word(departed) == "Departure" and isinstance(found, UUID)
        nothing_is_left(full)
        with db.reading() as reader:
            now = accounts.find_person(reader, full.who.id_number)
            assert now != full.resident_id and now == (None if found == full.resident_id else found)
