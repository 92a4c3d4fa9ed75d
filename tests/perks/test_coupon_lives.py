"""Coupons through any order of acts: a status moves along the table alone, and no point is lost or made."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import clock, db
from backend.kit.errors import DomainError
from backend.ledger import audit
from backend.ledger import service as ledger
from backend.ledger.models import transfers
from backend.offers import service as shelf
from backend.offers.models import SlotCount
from backend.perks import errors, expiry, extensions, rules, service
from backend.perks.extensions import Officer
from backend.perks.models import GroupHold
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, give_points, shop

START = date(2027, 3, 1)
POINTS, PLACES = 200, 6
OPEN_DAYS = {"minutes": 60, "open": ["10:00-18:00"], "capacity": 2, "days_ahead": 5}
OFFERS: tuple[dict[str, Any], ...] = (
    {"price_points": 7, "uses": 3, "stock_total": PLACES, "coupon_valid_days": 4},
    {"price_points": 5, "stock_per_day": PLACES, "stacking_group": "lives", "coupon_valid_days": 3},
    {"price_points": 4, "slots": OPEN_DAYS, "stacking_group": "lives"},
    {"price_points": 3, "uses": 2, "refund": "none", "coupon_valid_days": 2},
)


class CouponLives(RuleBasedStateMachine):
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.connection = db.current().engine.connect()
        self.outer = self.connection.begin()
        self.session = Session(self.connection, join_transaction_mode="create_savepoint")
        self.now = datetime.combine(START, datetime.min.time(), UTC)
        self.status: dict[UUID, str] = {}
        self.paid: dict[UUID, list[UUID]] = {}
        with clock.at(self.now):
            self.shops: list[Shop] = [shop(self.session, offline={"mode": "none"}, **each) for each in OFFERS]
            self.who = people.resident(self.session).resident_id
            give_points(self.session, self.who, POINTS)

    def do(self, coupon_id: UUID | None, name: str, act_: Any) -> Any:
        """One act in a savepoint at the model's instant; what it made of the coupon must stand in the table."""
        with clock.at(self.now):
            try:
                with self.session.begin_nested():
                    done = act_(self.session)
            except DomainError as refusal:
                done = refusal
        if coupon_id is not None:
            self.moved(coupon_id, name)
        return done

    def moved(self, coupon_id: UUID, name: str) -> None:
        before, row = self.status.get(coupon_id, ""), self.row(coupon_id)
        names = {name, "admit-last"} if name == "admit" else {name}
        legal = {rules.next_status(before, each) for each in names} - {None}
        assert row.status == before or row.status in legal, (before, name, row.status)
        assert 0 <= row.uses_left <= row.uses_total and (row.status != "used" or row.uses_left == 0)
        self.status[coupon_id] = row.status

    def row(self, coupon_id: UUID) -> Any:
        row = service.lock_coupon(self.session, self.who, coupon_id)
        assert row is not None
        return row

    @rule(target=held, place=st.integers(0, len(OFFERS) - 1), day=st.integers(0, 3), nth=st.integers(0, 9))
    def redeem(self, place: int, day: int, nth: int) -> Any:
        known, starts_at = self.shops[place], None
        if "slots" in OFFERS[place]:
            with clock.at(self.now):
                found = service.slots(self.session, known.offer_id, clock.today() + timedelta(days=day))
            if not found:
                return None
            starts_at = found[nth % len(found)].starts_at
        made = self.do(None, "issue", lambda session: service.redeem(
            session, self.who, known.offer_id, act(self.who), slot_starts_at=starts_at
        ))  # fmt: skip
        if isinstance(made, DomainError):
            return None
        self.moved(made.coupon.id, "issue")
        return made.coupon.id

    @rule(coupon_id=held)
    def admit(self, coupon_id: UUID | None) -> None:
        if coupon_id is None or self.row(coupon_id).status != "issued" or self.row(coupon_id).valid_until <= self.now:
            return
        row = self.row(coupon_id)
        use_no = row.uses_total - row.uses_left + 1
        last = use_no == row.uses_total

        def use(session: Session) -> None:
            service.change_coupon(
                session,
                row,
                uses_left=row.uses_left - 1,
                status="used" if last else "issued",
                closed_at=clock.now() if last else None,
            )
            if last:
                codes.revoke_status(session, row.status_list_id, row.status_index)
            points = service.share_points(row.price_points, row.uses_total, use_no)
            settled = ledger.settle(
                session, self.who, row.hold_transfer_id, partner_of(self.shops, row.offer_id), code="perks.admitted",
                title="使用", points=points,
            ) if points else None  # fmt: skip
            self.paid.setdefault(coupon_id, []).append(settled.id if settled else UUID(int=0))

        self.do(coupon_id, "admit", use)

    @rule(coupon_id=held)
    def undo(self, coupon_id: UUID | None) -> None:
        if coupon_id is None or not self.paid.get(coupon_id):
            return
        last = self.paid[coupon_id][-1]

        def take_back(session: Session) -> bool:
            if not service.give_use_back(session, self.row(coupon_id), None):
                return False
            if last.int:
                ledger.reverse(session, self.who, last, uuid4(), "误扫")
            return True

        if self.do(coupon_id, "undo", take_back):
            self.paid[coupon_id].pop()

    @rule(coupon_id=held)
    def cancel(self, coupon_id: UUID | None) -> None:
        if coupon_id is not None:
            self.do(coupon_id, "cancel", lambda session: service.cancel(session, self.who, coupon_id, act(self.who)))

    @rule(coupon_id=held)
    def expire(self, coupon_id: UUID | None) -> None:
        if coupon_id is not None:
            self.do(coupon_id, "expire", lambda session: expiry.expire(session, self.who, coupon_id, timedelta(0)))

    @rule(coupon_id=held)
    def reissue(self, coupon_id: UUID | None) -> None:
        if coupon_id is not None:
            self.do(coupon_id, "reissue", lambda session: service.reissue(session, self.who, coupon_id, act(self.who)))

    @rule(coupon_id=consumes(held))
    def transfer(self, coupon_id: UUID | None) -> None:
        if coupon_id is not None:
            refuse = lambda session: service.refuse_transfer(session, self.who, coupon_id)  # noqa: E731
            assert isinstance(self.do(coupon_id, "transfer", refuse), errors.TransferRefused)

    @rule(place=st.integers(0, len(OFFERS) - 1), days=st.integers(0, 9))
    def extend(self, place: int, days: int) -> None:
        officer, before = Officer(uuid4(), "office", None), {each: self.row(each).valid_until for each in self.status}

        def order(session: Session) -> None:
            day = clock.today() + timedelta(days=days)
            ordered = service.extend(session, officer, self.shops[place].offer_id, day, "测试", act(uuid4()))
            assert extensions.step(session, ordered.id)

        self.do(None, "extend", order)
        for coupon_id, until in before.items():
            assert self.row(coupon_id).valid_until >= until
            self.moved(coupon_id, "extend")

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def no_point_is_lost_or_made(self) -> None:
        assert audit.audit_resident(self.session, self.who) == []
        with clock.at(self.now):
            mine = ledger.balance(self.session, self.who, clock.today())
        held = paid = 0
        for coupon_id in self.status:
            row = self.row(coupon_id)
            used = row.uses_total - row.uses_left
            shares = sum(rules.share_points(row.price_points, row.uses_total, n + 1) for n in range(used))
            kept = row.status == "expired" and row.terms["refund"] == "none"
            held += row.price_points - shares if row.status == "issued" else 0
            paid += row.price_points if kept else shares
        assert mine + held + paid == POINTS, (mine, held, paid)

    @invariant()
    def places_add_up_and_a_group_holds_one(self) -> None:
        rows = [self.row(each) for each in self.status]
        first = self.shops[0].offer_id
        gone = [row for row in rows if row.offer_id == first and row.status != "cancelled"]
        assert shelf.left(self.session, [first])[first] == PLACES - len(gone)
        taken = select(func.coalesce(func.sum(SlotCount.taken), 0)).where(SlotCount.offer_id == self.shops[2].offer_id)
        booked = [row for row in rows if row.offer_id == self.shops[2].offer_id and row.status != "cancelled"]
        assert int(self.session.execute(taken).scalar_one()) == len(booked)
        held = select(func.count()).select_from(GroupHold).where(GroupHold.resident_id == self.who)
        assert int(self.session.execute(held).scalar_one()) <= 1

    def teardown(self) -> None:
        try:
            moves = select(func.count()).select_from(transfers).where(transfers.c.resident_id == self.who)
            assert int(self.session.execute(moves).scalar_one()) >= 1
        finally:
            self.session.close()
            self.outer.rollback()
            self.connection.close()
            shelf.forget()


def partner_of(shops: list[Shop], offer_id: UUID) -> UUID:
    """Who is paid for an offer."""
    return next(known.partner_id for known in shops if known.offer_id == offer_id)


def test_coupons_live_as_the_table_says_and_points_are_conserved(ready: None, app: Flask) -> None:
    run_state_machine_as_test(CouponLives, settings=settings(max_examples=12, stateful_step_count=30, deadline=None))
