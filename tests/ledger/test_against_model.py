"""Random lives of two residents, each step held against a plain Python model of wallets, lots and holds.

The model knows nothing of the ledger's rules: a hold is a list of single points, each with its issuer and end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.errors import DomainError
from backend.ledger import service
from backend.ledger.audit import audit_resident
from backend.ledger.errors import AlreadyReversed, BudgetExhausted, HoldClosed, NotEnoughPoints
from backend.ledger.service import EXPIRE_AT_ONCE, FOREVER, LateReturn
from tests.ledger.helpers import booked_lots

START = date(2026, 3, 2)
Point = tuple[UUID, date]
T = TypeVar("T")


@dataclass
class Held:
    resident: int
    transfer: service.Transfer
    points: list[Point]
    at: int
    settled: int = 0
    released: int = 0

    @property
    def open(self) -> int:
        return len(self.points) - self.settled - self.released


@dataclass
class Given:
    resident: int
    transfer: service.Transfer
    issuer: UUID
    ends: date
    month: date
    reversed: bool = False


@dataclass
class Loss:
    issuer: UUID
    owed: int
    at: int


@dataclass
class Person:
    id: UUID = field(default_factory=uuid4)
    lots: Counter[Point] = field(default_factory=Counter)
    losses: list[Loss] = field(default_factory=list)

    def expire(self, today: date, only: set[Point] | None = None) -> None:
        for point in list(self.lots):
            if point[1] < today and (only is None or point in only):
                del self.lots[point]

    def units(self) -> list[Point]:
        return sorted((point for point, n in self.lots.items() for _ in range(n)), key=lambda point: point[1])


class Lives(RuleBasedStateMachine):
    awards = Bundle("awards")
    holds = Bundle("holds")
    settlements = Bundle("settlements")

    def __init__(self) -> None:
        super().__init__()
        self.people = [Person(), Person()]
        self.issuers = [uuid4(), uuid4()]
        self.budgets: dict[tuple[UUID, date], list[int]] = {}
        self.today = START
        self.step = 0
        self.connection = db.current().engine.connect()
        self.outer = self.connection.begin()
        self.session = Session(self.connection, join_transaction_mode="create_savepoint")

    def do(self, act: Callable[[Session], T]) -> T:
        """One request: a savepoint at noon of the model's day."""
        self.step += 1
        with clock.at(datetime.combine(self.today, datetime.min.time(), UTC) + timedelta(hours=4)):
            with self.session.begin_nested():
                return act(self.session)

    def refused(self, kind: type[DomainError], act: Callable[[Session], Any]) -> None:
        with pytest.raises(kind):
            self.do(act)

    @initialize()
    def first_month(self) -> None:
        self.grant(0, 150)
        self.grant(1, 150)

    @rule(days=st.integers(1, 6))
    def days_pass(self, days: int) -> None:
        month, self.today = self.today.month, self.today + timedelta(days)
        if self.today.month != month:
            self.first_month()

    @rule(n=st.integers(0, 1), points=st.integers(1, 60))
    def grant(self, n: int, points: int) -> None:
        self.do(lambda session: service.grant_budget(session, self.issuers[n], self.today, points, None))
        self.budgets.setdefault((self.issuers[n], self.today.replace(day=1)), [0, 0])[0] += points

    @rule(target=awards, who=st.integers(0, 1), n=st.integers(0, 1), points=st.integers(5, 25), days=st.integers(1, 8))
    def award(self, who: int, n: int, points: int, days: int) -> Any:
        person, issuer, month = self.people[who], self.issuers[n], self.today.replace(day=1)
        # No two issuers share an end, so that the order of spending does not hang on random ids.
        ends = FOREVER if n == 0 and days > 7 else self.today + timedelta(days)
        if ends != FOREVER and ends.toordinal() % 2 != n:
            ends -= timedelta(1)
        budget = self.budgets.get((issuer, month), [0, 0])

        def act(session: Session) -> service.Transfer:
            return service.award(session, person.id, issuer, points, "test", clock.now(), None, "发放", ends)

        if budget[1] + points > budget[0]:
            self.refused(BudgetExhausted, act)
            return multiple()
        budget[1] += points
        person.lots[issuer, ends] += points
        return Given(who, self.do(act), issuer, ends, month)

    @rule(target=holds, who=st.integers(0, 1), points=st.integers(1, 20), n=st.none() | st.integers(0, 1))
    def hold(self, who: int, points: int, n: int | None) -> Any:
        person = self.people[who]
        only = None if n is None else {self.issuers[n]}

        def act(session: Session) -> service.Transfer:
            return service.hold(session, person.id, points, uuid4(), "test", uuid4(), "兑换", "场馆", only)

        good = [unit for unit in person.units() if unit[1] >= self.today and (only is None or unit[0] in only)]
        if len(good) < points:
            self.refused(NotEnoughPoints, act)
            return multiple()
        person.expire(self.today)
        person.lots.subtract(good[:points])
        return Held(who, self.do(act), good[:points], self.step)

    @rule(held=holds, points=st.none() | st.integers(1, 12), grace=st.none() | st.integers(0, 3))
    def release(self, held: Held, points: int | None, grace: int | None) -> None:
        late = EXPIRE_AT_ONCE if grace is None else LateReturn("grace_days", grace)
        wanted = held.open if points is None else points

        def act(session: Session) -> service.Transfer:
            mine = self.people[held.resident].id
            return service.release(session, mine, held.transfer.id, "test", "退回", points, late)

        if not 1 <= wanted <= held.open:
            return self.refused(HoldClosed, act)
        last = len(held.points) - held.released
        coming = held.points[last - wanted : last]
        held.released += wanted
        self._come_home(held, coming, grace)
        self.do(act)
        return None

    def _come_home(self, held: Held, coming: list[Point], grace: int | None) -> None:
        person = self.people[held.resident]
        landed = [
            (issuer, self.today + timedelta(grace) if grace is not None and ends < self.today else ends)
            for issuer, ends in coming
        ]
        person.lots.update(landed)
        landed.sort(key=lambda point: point[1])
        for loss in person.losses:
            if loss.at < held.at:
                continue
            paying = [point for point in landed if point[0] == loss.issuer][: loss.owed]
            for point in paying:
                landed.remove(point)
            person.lots.subtract(paying)
            loss.owed -= len(paying)
        person.expire(self.today, set(held.points) | set(landed))

    @rule(target=settlements, held=holds, points=st.none() | st.integers(1, 12))
    def settle(self, held: Held, points: int | None) -> Any:
        wanted = held.open if points is None else points

        def act(session: Session) -> service.Transfer:
            mine = self.people[held.resident].id
            return service.settle(session, mine, held.transfer.id, uuid4(), "test", "结算", points)

        if not 1 <= wanted <= held.open:
            self.refused(HoldClosed, act)
            return multiple()
        held.settled += wanted
        return (held, self.do(act), [])

    @rule(paid=settlements)
    def reverse_settlement(self, paid: tuple[Held, service.Transfer, list[bool]]) -> None:
        held, transfer, done = paid

        def act(session: Session) -> service.Transfer:
            return service.reverse(session, self.people[held.resident].id, transfer.id, uuid4(), "误")

        if done:
            return self.refused(AlreadyReversed, act)
        held.settled -= transfer.amount_points
        done.append(True)
        self.do(act)
        return None

    @rule(given=awards)
    def reverse_award(self, given: Given) -> None:
        person = self.people[given.resident]

        def act(session: Session) -> service.Transfer:
            return service.reverse(session, person.id, given.transfer.id, uuid4(), "误")

        if given.reversed:
            return self.refused(AlreadyReversed, act)
        person.expire(self.today)
        points, own = given.transfer.amount_points, (given.issuer, given.ends)
        left = [unit for unit in person.units() if unit[0] == given.issuer]
        left.sort(key=lambda unit: unit != own)
        person.lots.subtract(left[:points])
        if len(left) < points:
            person.losses.append(Loss(given.issuer, points - len(left), self.step))
        self.budgets[given.issuer, given.month][1] -= points
        given.reversed = True
        self.do(act)
        return None

    @rule(who=st.integers(0, 1))
    def expire(self, who: int) -> None:
        person = self.people[who]
        person.expire(self.today)
        self.do(lambda session: service.expire_due(session, person.id, self.today))

    @rule(target=holds, who=st.integers(0, 1), n=st.integers(0, 1), points=st.integers(1, 15), days=st.integers(1, 8))
    def an_award_is_reversed_behind_its_hold(self, who: int, n: int, points: int, days: int) -> Any:
        given = self.award(who, n, points, days)
        held = self.hold(who, points, n)
        if isinstance(given, Given):
            self.reverse_award(given)
        return held

    @rule(
        target=holds, who=st.integers(0, 1), n=st.integers(0, 1),
        points=st.lists(st.integers(1, 9), min_size=3, max_size=3),
        grace=st.none() | st.integers(0, 3), days=st.integers(0, 4),
    )  # fmt: skip
    def a_hold_of_two_lots_comes_home_in_parts(
        self, who: int, n: int, points: list[int], grace: int | None, days: int
    ) -> Any:
        self.award(who, n, points[0], 2)
        self.award(who, n, points[1], 5)
        held = self.hold(who, max(points[0] + points[1] - 1, 1), n)
        if isinstance(held, Held):
            self.release(held, points[2], grace)
            if days:
                self.days_pass(days)
            self.release(held, points[2], grace)
        return held

    @invariant()
    def the_books_are_as_the_model_says(self) -> None:
        for person in self.people:
            expected = {point: n for point, n in person.lots.items() if n}
            assert booked_lots(self.session, person.id) == expected
            spendable = sum(n for (_, ends), n in expected.items() if ends >= self.today)
            assert service.balance(self.session, person.id, self.today) == spendable
            newest = service.entries(self.session, person.id, 1)
            assert (newest[0].balance_after_points if newest else 0) == sum(expected.values())
            assert audit_resident(self.session, person.id) == []

    @invariant()
    def the_budgets_are_as_the_model_says(self) -> None:
        for (issuer, month), figures in self.budgets.items():
            assert list(service.budget(self.session, issuer, month)[2:]) == figures

    def teardown(self) -> None:
        try:
            self._prove()
        finally:
            self.session.close()
            self.outer.rollback()
            self.connection.close()

    def _prove(self) -> None:
        owed = dict.fromkeys(self.issuers, 0)
        for person in self.people:
            for loss in person.losses:
                owed[loss.issuer] += loss.owed
        report = service.audit(self.session)
        assert report.agrees, report.disagreements
        for issuer, points in owed.items():
            account = report.accounts.get(service.account_id("loss", issuer))
            assert (-account.balance_points if account else 0) == points


def test_the_ledger_lives_as_the_model_does(database: db.Database) -> None:
    run_state_machine_as_test(Lives, settings=settings(max_examples=25, stateful_step_count=40, deadline=None))
