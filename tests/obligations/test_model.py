"""Any acts at any times, against a plain model: one end at most, and paused just when a charge of the kind is late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from backend.kit import clock, outbox
from backend.kit.errors import NotFound
from backend.obligations import jobs, rules, service
from backend.obligations.errors import AlreadyDisputed, ObligationStateRefused
from tests.factories import accounts as people
from tests.obligations.conftest import DUE_HOURS, HOUR, Owed, act, charge, decide, dispute, owed, state, undo

ENDED = ("settled", "cured", "released", "withdrawn")
ACTS = ("charge", "pay", "release", "withdraw", "dispute", "uphold", "cancel", "undo", "tick")
steps = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(ACTS), st.sampled_from([0, 1, 24, 71, 72, 73, 721])), max_size=14
)


@dataclass
class Model:
    """What is expected of one, said without the room's own table: hours since the start."""

    kind: str
    until: float
    state: str = "open"
    due: float = 0.0
    disputed: bool = False

    def now(self, hour: float) -> str:
        if self.state == "open" and hour >= self.until:
            return "released"
        return "arrears" if self.state == "charged" and hour >= self.due else self.state

    def do(self, what: str, hour: float) -> bool:
        """Whether the act is done."""
        was = self.now(hour)
        if was in ENDED or (what == "dispute" and self.disputed):
            return False
        if what == "charge" and was == "open":
            self.state, self.due = "charged", hour + DUE_HOURS
        elif what == "pay" and was in ("charged", "arrears", "disputed"):
            self.state = "cured" if was == "arrears" else "settled"
        elif what == "release" and was == "open":
            self.state = "released"
        elif what in ("withdraw", "undo"):
            self.state = "withdrawn"
        elif what == "dispute" and was in ("charged", "arrears"):
            self.state, self.disputed = "disputed", True
        elif what == "uphold" and was == "disputed":
            self.state, self.due = "charged", hour + DUE_HOURS
        elif what == "cancel" and was == "disputed":
            self.state = "withdrawn"
        else:
            return False
        return True


def do(session: Session, one: Owed, what: str) -> bool:
    """Whether the room does it."""
    acts: dict[str, Any] = {
        "charge": lambda: charge(session, one),
        "pay": lambda: service.settle(session, one.partner_id, one.id, act()),
        "release": lambda: service.release(session, one.partner_id, one.id, act()),
        "withdraw": lambda: service.withdraw(session, one.partner_id, one.id, act()),
        "dispute": lambda: dispute(session, one),
        "uphold": lambda: decide(session, one),
        "cancel": lambda: decide(session, one, rules.CANCELLED),
        "undo": lambda: undo(session, one),
    }
    try:
        acts[what]()
    except (ObligationStateRefused, AlreadyDisputed, NotFound):
        return False
    return True


@settings(max_examples=40)
@given(steps)
def test_any_acts_at_any_times_agree_with_the_model(session: Session, walk: list[tuple[int, str, int]]) -> None:
    who = people.resident(session).resident_id
    start = clock.now()
    ends: list[tuple[str, str]] = []
    outbox._within, kept = {**outbox._within}, outbox._within
    outbox._within["obligations.changed"] = [lambda _session, told: ends.append((told["obligation_id"], told["state"]))]
    try:
        with session.begin_nested() as savepoint:
            _walk(session, who, start, walk)
            savepoint.rollback()
    finally:
        outbox._within = kept
    over = [one for one, told in ends if told in ENDED]
    assert len(over) == len(set(over)), "no obligation ends twice"


def _walk(session: Session, who: Any, start: datetime, walk: list[tuple[int, str, int]]) -> None:
    kinds = (rules.PAY_AFTER, rules.DEPOSIT_FREE)
    with clock.at(start):
        made = [owed(session, kind, who) for kind in kinds]
    models = [Model(kinds[0], 30 * 24), Model(kinds[1], DUE_HOURS)]
    hour = 0.0
    for which, what, later in walk:
        hour += later + 1 / 60
        with clock.at(start + hour * HOUR + timedelta(seconds=1)):
            if what == "tick":
                jobs.tell_some(session, 1_000)
            else:
                before = models[which].now(hour)
                expected = models[which].do(what, hour)
                done = do(session, made[which], what)
                assert done == expected or (what == "undo" and before in ENDED), (what, before)
            assert [state(session, one) for one in made] == [model.now(hour) for model in models]
            late = {model.kind for model in models if model.now(hour) == "arrears"}
            assert service.paused(session, who) == late
