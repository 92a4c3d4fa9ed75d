"""A city's limits on points: counted under the wallet's lock, and never in the way of points that come home."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.ledger import adjusting, counting, limits, service
from backend.ledger.audit import audit_resident
from backend.ledger.counting import Limits
from backend.ledger.errors import PointsLimitReached
from backend.ledger.models import wallets
from tests.ledger.helpers import NOON, day, hold, issuer, release, settle

LIMITS = Limits(3, {"test.*": 50, "test.hold": 30})


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "in_force", lambda _session: LIMITS)
    limits.bind("on")
    yield
    limits.bind("count")


def award(session: Session, who: UUID, given: UUID, points: int, **more: Any) -> service.Transfer:
    return service.award(session, who, given, points, "test.award", clock.now(), None, "发放", None, **more)


@pytest.mark.usefixtures("limited")
def test_a_wallet_moves_so_often_in_a_minute_and_again_in_the_next(session: Session) -> None:
    who, given = uuid4(), issuer(session)
    for _ in range(3):
        award(session, who, given, 1)
    with pytest.raises(PointsLimitReached) as refused:
        hold(session, who, 1)
    assert refused.value.members == {"limit": "transfers_per_minute", "most": 3, "again_at": "2026-03-05T04:01:00Z"}
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 61
    award(session, uuid4(), given, 1)
    with clock.shifted(timedelta(minutes=1)):
        hold(session, who, 1)


@pytest.mark.usefixtures("limited")
def test_points_of_a_kind_are_limited_in_a_shanghai_day(session: Session) -> None:
    who, given = uuid4(), issuer(session)
    award(session, who, given, 50)
    with clock.shifted(timedelta(minutes=1)), pytest.raises(PointsLimitReached) as refused:
        award(session, who, given, 1)
    assert refused.value.members["limit"] == "per_day.test.*"
    assert refused.value.members["again_at"] == "2026-03-05T16:00:00Z"
    with clock.at(datetime(2026, 3, 5, 15, 59, tzinfo=UTC)), pytest.raises(PointsLimitReached):
        award(session, who, given, 1)
    with clock.at(datetime(2026, 3, 5, 16, 0, tzinfo=UTC)):
        award(session, who, given, 50)


@pytest.mark.usefixtures("limited")
def test_a_refused_award_takes_nothing_from_the_budget_even_when_its_caller_goes_on(session: Session) -> None:
    who, given = uuid4(), issuer(session, 100)
    award(session, who, given, 40)
    with pytest.raises(PointsLimitReached):
        award(session, who, given, 11)
    assert service.budget(session, given, clock.today()).spent_points == 40
    assert service.balance(session, who, clock.today()) == 40 and audit_resident(session, who) == []


@pytest.mark.usefixtures("limited")
def test_what_brings_points_home_and_what_two_ordered_is_never_limited(session: Session) -> None:
    who, given = uuid4(), issuer(session)
    wrong = award(session, who, given, 20)
    award(session, who, given, 20)
    held = hold(session, who, 10)
    with pytest.raises(PointsLimitReached):
        hold(session, who, 1)
    release(session, held, 3)
    settle(session, held, 4)
    release(session, held)
    service.reverse(session, who, wrong.id, uuid4(), "误发")
    with clock.at(NOON + timedelta(days=1)):
        service.expire_due(session, who, day(400))
    assert audit_resident(session, who) == []


def test_an_adjustment_by_two_is_never_limited(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "in_force", lambda _session: Limits(1, {"*": 1}))
    monkeypatch.setattr("backend.accounts.service.require_known", lambda *_: None)
    limits.bind("on")
    try:
        who, given = uuid4(), issuer(session)
        for _ in range(3):
            adjusting.adjust(session, who, given, 5, "补发", "更正差错", uuid4(), uuid4())
    finally:
        limits.bind("count")
    assert service.balance(session, who, clock.today()) == 15


def test_in_the_mode_that_counts_nobody_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "in_force", lambda _session: Limits(1, {}))
    who, given = uuid4(), issuer(session)
    award(session, who, given, 1)
    award(session, who, given, 1)
    counted = session.execute(select(wallets.c.counted).where(wallets.c.resident_id == who)).scalar()
    assert counted["transfers"] == 1


def test_the_citys_file_states_the_limits(session: Session, city: dict[str, dict[str, Any]]) -> None:
    limits.forget()
    assert limits.in_force(session).transfers_per_minute == city["city"]["limits"]["points"]["transfers_per_minute"]
    assert limits.in_force(session).per_day["community.*"] == 200


def test_the_limits_are_asked_for_once_in_a_minute(
    session: Session, city: dict[str, dict[str, Any]], database: db.Database
) -> None:
    from tests.support.statements import asked

    limits.in_force(session)
    with asked(database) as said:
        limits.in_force(session)
    assert said == []


WRONG = [
    ([], "应为表"), ({"per_day": 3}, "应为表"), ({"per_hour": 3}, "没有这一项"), ({"transfers_per_minute": 0}, "1 至"),
    ({"transfers_per_minute": True}, "1 至"), ({"per_day": {"Community": 3}}, "不是事由代码"),
    ({"per_day": {"a*": 3}}, "不是事由代码"), ({"per_day": {"a.*": 0}}, "1 至"), ({"per_day": {"a": "3"}}, "1 至"),
]  # fmt: skip


@pytest.mark.parametrize(("told", "said"), WRONG, ids=str)
def test_wrong_limits_are_refused_at_load(told: Any, said: str) -> None:
    assert said in "".join(counting.lint({"limits": {"points": told}}))


def test_right_limits_pass() -> None:
    told = {"transfers_per_minute": 30, "per_day": {"community.*": 200, "perks.redeemed": 1, "*": 5}}
    assert counting.lint({"limits": {"points": told}}) == [] == counting.lint({})


Act = tuple[int, str, int]
ACTS = st.lists(
    st.tuples(st.integers(0, 40_000), st.sampled_from(["a.x", "a.y", "b"]), st.integers(1, 30)), max_size=60
)


@given(ACTS, st.integers(1, 5), st.dictionaries(st.sampled_from(["a.*", "a.x", "*", "b"]), st.integers(1, 60)))
def test_no_minute_and_no_day_ever_holds_more_than_is_allowed(
    acts: list[Act], a_minute: int, per_day: dict[str, int]
) -> None:
    """Whatever passes is summed up afresh, minute by minute and day by day; and nothing is refused without a reason."""
    allowed, kept, now = Limits(a_minute, per_day), None, NOON
    passed: list[tuple[datetime, str, int]] = []
    for seconds, code, points in acts:
        now += timedelta(seconds=seconds)
        today = clock.shanghai_date(now)
        same_minute = [one for one in passed if int(one[0].timestamp()) // 60 == int(now.timestamp()) // 60]
        full = len(same_minute) >= a_minute
        for pattern, most in per_day.items():
            same = [p for at, c, p in passed if clock.shanghai_date(at) == today and counting.matches(pattern, c)]
            full |= counting.matches(pattern, code) and sum(same) + points > most
        kept, breach = counting.counted(kept, allowed, code, points, now, today)
        assert (breach is not None) == full
        assert breach is None or breach.again_at > now
        if breach is None:
            passed.append((now, code, points))
