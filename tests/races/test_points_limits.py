"""Limits, expiry and refunds of one wallet by many hands at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from backend.kit import clock, db
from backend.kit.ids import NIL
from backend.ledger import expiring, limits, service
from backend.ledger.audit import LAST
from backend.ledger.counting import Limits
from tests.ledger.helpers import award, hold, issuer, release
from tests.races.barrier import at_once
from tests.races.test_ledger_races import agrees, balance, commit, verdicts

THREADS = 12


@pytest.fixture(autouse=True)
def _bound(database: db.Database) -> None:
    """The races commit for real, on the run's own database."""


@pytest.fixture
def ten_a_minute(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "in_force", lambda _session: Limits(None, {"test.hold": 10}))
    limits.bind("on")
    yield
    limits.bind("count")


@pytest.mark.usefixtures("ten_a_minute")
def test_a_limit_is_never_passed_by_many_at_once() -> None:
    who, given = uuid4(), commit(lambda session: issuer(session))
    commit(lambda session: award(session, who, given, 100))
    results = at_once([lambda session: hold(session, who, 2) for _ in range(THREADS)])
    assert verdicts(results) == {"Transfer": 5, "PointsLimitReached": THREADS - 5}
    assert balance(who) == 90 and agrees(who)


def test_a_budget_is_not_overdrawn_by_fifty_workers() -> None:
    given = commit(lambda session: issuer(session, 70))
    people = [uuid4() for _ in range(50)]
    results: list[object] = []
    for start in range(0, 50, 17):  # a connection pool's worth at a time
        results += at_once(
            [lambda session, who=who: award(session, who, given, 7) for who in people[start : start + 17]]
        )
    assert verdicts(results) == {"Transfer": 10, "BudgetExhausted": 40}
    with db.reading() as reader:
        assert service.budget(reader, given, clock.today())[2:] == (70, 70)
    assert all(agrees(who) for who in people)


@pytest.mark.parametrize("rounds", range(3))
def test_expiry_and_redemptions_of_one_wallet_take_each_point_once(rounds: int) -> None:
    """The lot's last day is today for those who redeem, and yesterday for the job: clocks differ, points do not."""
    who, given, today = uuid4(), commit(lambda session: issuer(session)), clock.today()
    commit(lambda session: award(session, who, given, 30, today))
    commit(lambda session: award(session, who, given, 5))
    tomorrow = today + timedelta(days=1)
    acts = [lambda session: hold(session, who, 3) for _ in range(THREADS - 2)]
    jobs = [lambda session: expiring.expire_between(session, NIL, LAST, tomorrow)] * 2
    results = at_once([*acts[:5], *jobs, *acts[5:]])  # type: ignore[list-item]
    held = verdicts(results)["Transfer"]
    assert verdicts(results) == {
        k: v for k, v in {"Transfer": held, "NotEnoughPoints": len(acts) - held, "Expired": 2}.items() if v
    }
    with db.reading() as reader:
        lines = [(line.code, line.amount_points) for line in service.entries(reader, who, 100)]
    expired = -sum(points for code, points in lines if code == "ledger.expiry")
    assert expired + 3 * held + balance(who) == 35 and agrees(who)
    with db.reading() as reader:
        assert service.balance(reader, who, tomorrow) == balance(who), "nothing that ended is left"


def test_a_refund_and_the_expiry_of_its_lot_lose_nothing_and_make_nothing() -> None:
    given, today = commit(lambda session: issuer(session)), clock.today()
    people = [uuid4() for _ in range(6)]
    held = []
    for who in people:
        commit(lambda session, who=who: award(session, who, given, 10, today))
        held.append(commit(lambda session, who=who: hold(session, who, 6)))
    tomorrow = clock.now() + timedelta(days=1)

    def give_back(session: object, one: service.Transfer) -> service.Transfer:
        with clock.at(tomorrow):
            return release(session, one)  # type: ignore[arg-type]

    acts = [lambda session, one=one: give_back(session, one) for one in held]
    job = lambda session: expiring.expire_between(session, NIL, LAST, today + timedelta(days=1))  # noqa: E731
    results = at_once([job, *acts, job])
    assert verdicts(results) == {"Transfer": 6, "Expired": 2}
    for who in people:
        assert balance(who) == 0 and agrees(who)
        with db.reading() as reader:
            lines = service.entries(reader, who, 10)
        assert -sum(line.amount_points for line in lines if line.code == "ledger.expiry") == 10
