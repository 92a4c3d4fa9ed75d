"""A slot and its queue through any order of acts, beside a list in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.bookings import promoting, service
from backend.bookings.errors import AlreadyBooked, SlotFree
from backend.kit import db
from backend.offers.errors import SlotFull
from backend.offers.models import SlotCount
from backend.perks import service as perks
from tests.bookings.conftest import SLOTS, book, slot_of, somebody, wait
from tests.factories.perks import act, change_offer, give_points, shop

PEOPLE, PRICE, RICH = 6, 2, 40
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["book", "wait", "leave", "cancel", "promote", "spend", "more"]), st.integers(0, PEOPLE - 1)
    ),
    max_size=25,
)

FULL = [("book", 0), ("wait", 1), ("wait", 2)]
"""How every run begins: a full slot for which two wait."""


class Model:
    """What should be: who holds a place, who waits in which order, who can pay."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.capacity, self.kept = 1, 0
        self.known = shop(session, slots=SLOTS, price_points=PRICE)
        self.other = shop(session, price_points=RICH)
        self.starts_at = slot_of(session, self.known)
        self.people = [somebody(session) for _ in range(PEOPLE)]
        for who in self.people:
            give_points(session, who, RICH)
        self.held: dict[UUID, UUID] = {}
        self.queue: list[UUID] = []
        self.entries: dict[UUID, UUID] = {}
        self.poor: set[UUID] = set()

    @property
    def free(self) -> int:
        return self.capacity - len(self.held) - self.kept

    def act(self, name: str, who: UUID) -> None:
        getattr(self, f"_{name}")(who)
        taken = select(SlotCount.taken).where(SlotCount.offer_id == self.known.offer_id)
        assert (self.session.execute(taken).scalar() or 0) == len(self.held) + self.kept <= self.capacity
        assert promoting.kept(self.session, self.known.offer_id, self.starts_at) == self.kept

    def _book(self, who: UUID) -> None:
        if who in self.held or who in self.poor:
            return
        if not self.free:
            with pytest.raises(SlotFull), self.session.begin_nested():
                book(self.session, who, self.known, self.starts_at)
            return
        self.held[who] = book(self.session, who, self.known, self.starts_at).id

    def _wait(self, who: UUID) -> None:
        if who in self.queue or who in self.poor:
            return
        if self.free or who in self.held:
            with pytest.raises((SlotFree, AlreadyBooked)), self.session.begin_nested():
                wait(self.session, who, self.known, self.starts_at)
            return
        self.entries[who] = wait(self.session, who, self.known, self.starts_at).id
        self.queue.append(who)

    def _leave(self, who: UUID) -> None:
        if who in self.queue:
            service.leave(self.session, who, self.entries[who])
            self.queue.remove(who)

    def _cancel(self, who: UUID) -> None:
        if who in self.held:
            perks.cancel(self.session, who, self.held.pop(who), act(who))
            self.kept += bool(self.queue)

    def _spend(self, who: UUID) -> None:
        if who not in self.held and who not in self.poor:
            perks.redeem(self.session, who, self.other.offer_id, act(who))
            self.poor.add(who)

    def _more(self, _who: UUID) -> None:
        self.capacity += 1
        change_offer(self.session, self.known, slots={**SLOTS, "capacity": self.capacity})

    def _promote(self, _who: UUID) -> None:
        service.promote(self.known.offer_id, self.starts_at)
        for who in list(self.queue):
            if not self.free + self.kept:
                break
            if who in self.held:
                self.queue.remove(who)
            elif who not in self.poor:
                self.queue.remove(who)
                self.kept = max(0, self.kept - 1)
                seen = service.entry(self.session, who, self.entries[who])
                assert seen.state == "promoted", "the first who may have it has it"
                self.held[who] = seen.coupon_id
        if self.free + self.kept:
            self.kept = 0
        assert all(service.entry(self.session, who, self.entries[who]).state == "waiting" for who in self.queue)


@given(ACTS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_slot_never_holds_more_than_it_has_and_its_places_go_in_order(
    ready: None, app: Flask, acts: list[tuple[str, int]]
) -> None:
    connection = db.current().engine.connect()
    outer = connection.begin()
    session = Session(connection, join_transaction_mode="create_savepoint")

    @contextmanager
    def own() -> Iterator[Any]:
        yield session

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(promoting.db, "transaction", own)
        patched.setattr(promoting.db, "reading", own)
        try:
            model = Model(session)
            for name, number in [*FULL, *acts]:
                model.act(name, model.people[number])
        finally:
            session.close()
            outer.rollback()
            connection.close()
