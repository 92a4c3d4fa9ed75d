"""Propose, decide, withdraw: who may, once, and exactly what was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.approvals import kinds, service
from backend.approvals.errors import (
    ApprovalChanged,
    ApprovalClosed,
    ConcernsYourself,
    ExecutionRefused,
    NotYourProposal,
    OwnProposal,
)
from backend.approvals.models import ApprovalRow
from backend.approvals.service import Actor
from backend.kit import clock
from backend.kit.errors import NotFound
from backend.kit.trail import TrailRow
from backend.ledger.errors import BudgetExhausted
from tests.factories.perks import act

DONE: list[dict[str, Any]] = []


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that only notes that it was done, or refuses when its payload says so."""
    DONE.clear()
    monkeypatch.setattr(kinds, "_kinds", {})
    monkeypatch.setattr(kinds, "_person_of", lambda _reader, _account: None)

    def execute(_session: Session, payload: dict[str, Any], _approval: UUID, by: UUID) -> dict[str, Any]:
        if payload.get("refuse"):
            raise BudgetExhausted("额度还剩 1 积分。", needed_points=5, available_points=1)
        DONE.append({**payload, "by": by})
        return {"done": True}

    service.executor(
        "test.act",
        "测试事项",
        "points.approve",
        prepare=lambda _s, payload, _i: (payload, ["将会发生"], []),
        execute=execute,
    )


@pytest.fixture
def one() -> Actor:
    return Actor(uuid4(), "office")


@pytest.fixture
def other() -> Actor:
    return Actor(uuid4(), "office")


def proposed(session: Session, who: Actor, payload: dict[str, Any] | None = None, subject: Any = ("x", "1")) -> Any:
    return service.propose(session, act(who.account_id), "test.act", who, "测试理由", payload or {"a": 1}, subject)


def decide(
    session: Session, made: Any, who: Actor, decision: str = "approve", digest: str = "", key: Any = None
) -> Any:
    return service.decide(
        session, act(who.account_id, key), made.id, who, decision, "看过了", digest or made.digest
    )  # fmt: skip


def test_another_person_approves_and_it_is_done_at_once(session: Session, one: Actor, other: Actor) -> None:
    made = proposed(session, one)
    assert made.state == "proposed" and DONE == []
    done = decide(session, made, other)
    assert (done.state, done.decided_by, done.result) == ("approved", other.account_id, {"done": True})
    (deed,) = DONE
    assert deed == {"a": 1, "by": one.account_id}
    noted = select(TrailRow.action).where(TrailRow.subject_id == str(made.id)).order_by(TrailRow.at, TrailRow.id)
    assert set(session.execute(noted).scalars()) == {"test.act.propose", "test.act.approve"}


def test_rejecting_does_nothing_but_say_so(session: Session, one: Actor, other: Actor) -> None:
    made = decide(session, proposed(session, one), other, "reject")
    assert made.state == "rejected" and made.decision_reason == "看过了" and DONE == []


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_nobody_decides_ones_own(session: Session, one: Actor, decision: str) -> None:
    made = proposed(session, one)
    for role in ("office", "auditor", "account-admin"):
        with pytest.raises(OwnProposal):
            decide(session, made, one._replace(role=role), decision)
    assert service.approval(session, made.id).state == "proposed" and DONE == []


def test_a_second_account_of_the_same_person_decides_nothing(
    session: Session, one: Actor, other: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, person = proposed(session, one), uuid4()
    persons = {one.account_id: person, other.account_id: person}
    service.link_persons(lambda _reader, account: persons.get(account))  # linked after the proposal
    with pytest.raises(OwnProposal):
        decide(session, made, other)
    persons[other.account_id] = uuid4()
    assert decide(session, made, other).state == "approved"


def test_whom_it_concerns_neither_proposes_nor_decides(session: Session, one: Actor, other: Actor) -> None:
    subject = ("resident", str(uuid4()))
    with pytest.raises(ConcernsYourself):
        proposed(session, one._replace(person_id=UUID(subject[1])), subject=subject)
    made = proposed(session, one, subject=subject)
    with pytest.raises(ConcernsYourself):
        decide(session, made, other._replace(person_id=UUID(subject[1])))


def test_it_is_decided_once(session: Session, one: Actor, other: Actor) -> None:
    made = proposed(session, one)
    decide(session, made, other)
    for decision in ("approve", "reject"):
        with pytest.raises(ApprovalClosed) as refused:
            decide(session, made, Actor(uuid4(), "office"), decision)
        assert refused.value.members == {"state": "approved"}
    with pytest.raises(ApprovalClosed):
        service.withdraw(session, made.id, one)
    assert len(DONE) == 1


def test_a_repeated_decision_is_told_the_same_and_done_once(session: Session, one: Actor, other: Actor) -> None:
    made, key = proposed(session, one), uuid4()
    assert decide(session, made, other, key=key).closed_at == decide(session, made, other, key=key).closed_at
    assert len(DONE) == 1


def test_another_digest_than_the_one_kept_decides_nothing(session: Session, one: Actor, other: Actor) -> None:
    made, another = proposed(session, one), proposed(session, one, {"a": 2})
    for seen in (another.digest, "0" * 64):
        with pytest.raises(ApprovalChanged):
            decide(session, made, other, digest=seen)
    assert decide(session, made, other, digest=made.digest.upper()).state == "approved"


@pytest.mark.parametrize("change", [{"payload": {"a": 9}}, {"summary": ["别的"]}, {"reason": "别的"},
                                    {"subject_id": "2"}, {"changes": [{"path": "x"}]}])  # fmt: skip
def test_what_was_changed_after_it_was_proposed_is_not_done(
    session: Session, one: Actor, other: Actor, change: dict[str, Any]
) -> None:
    made = proposed(session, one)
    session.execute(update(ApprovalRow).where(ApprovalRow.id == made.id).values(**change))
    with pytest.raises(ApprovalChanged):
        decide(session, made, other)
    assert DONE == []


def test_after_seven_days_nobody_decides_or_withdraws(session: Session, one: Actor, other: Actor) -> None:
    made = proposed(session, one)
    with clock.shifted(timedelta(days=7)):
        with pytest.raises(ApprovalClosed) as refused:
            decide(session, made, other)
        assert refused.value.members == {"state": "expired"}
        with pytest.raises(ApprovalClosed):
            service.withdraw(session, made.id, one)
        assert made.id in {row.id for row in service.approvals(session, "expired", 100)}
        assert made.id not in {row.id for row in service.approvals(session, "proposed", 100)}
    with clock.shifted(timedelta(days=7, seconds=-5)):
        assert decide(session, made, other).state == "approved"


def test_only_the_proposer_withdraws_and_then_nobody_decides(session: Session, one: Actor, other: Actor) -> None:
    made = proposed(session, one)
    with pytest.raises(NotYourProposal):
        service.withdraw(session, made.id, other)
    assert service.withdraw(session, made.id, one).state == "withdrawn"
    assert service.withdraw(session, made.id, one).state == "withdrawn"
    with pytest.raises(ApprovalClosed):
        decide(session, made, other)


def test_what_cannot_be_done_stays_undecided_and_says_why(session: Session, one: Actor, other: Actor) -> None:
    made = proposed(session, one, {"refuse": True})
    with session.begin_nested() as edge:
        with pytest.raises(ExecutionRefused) as refused:
            decide(session, made, other)
        edge.rollback()
    why = refused.value
    assert why.members == {"because": "budget-exhausted", "needed_points": 5, "available_points": 1}
    assert "本月积分额度不足：额度还剩 1 积分" in why.detail_zh
    assert service.approval(session, made.id).state == "proposed"
    assert decide(session, made, other, "reject").state == "rejected"


def test_nobody_decides_what_there_is_not(session: Session, one: Actor) -> None:
    for call in (lambda: service.withdraw(session, uuid4(), one), lambda: service.action_of(session, uuid4())):
        with pytest.raises(NotFound):
            call()


def test_the_database_keeps_the_two_apart_as_well(session: Session, one: Actor) -> None:
    made = proposed(session, one)
    values = {"state": "approved", "decided_by": one.account_id}
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(update(ApprovalRow).where(ApprovalRow.id == made.id).values(**values))
