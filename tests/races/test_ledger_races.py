"""Many hands on the same points at the same moment, with real commits."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.errors import DomainError
from backend.ledger import service
from backend.ledger.audit import audit_resident
from backend.ledger.models import LotRow, WalletRow
from backend.ledger.service import FOREVER
from tests.ledger.helpers import award, booked_lots, hold, issuer, release, settle
from tests.races.barrier import at_once

THREADS = 16


@pytest.fixture(autouse=True)
def _bound(database: db.Database) -> None:
    """The races commit for real, on the run's own database."""


def verdicts(results: list[Any]) -> Counter[str]:
    return Counter(type(one).__name__ for one in results)


def commit(act: Callable[[Session], Any]) -> Any:
    with db.transaction() as session:
        return act(session)


def agrees(resident_id: UUID) -> bool:
    with db.reading() as reader:
        return audit_resident(reader, resident_id) == []


def balance(resident_id: UUID) -> int:
    with db.reading() as reader:
        return service.balance(reader, resident_id, clock.today())


def test_a_budget_is_never_overdrawn() -> None:
    given = commit(lambda session: issuer(session, 100))
    people = [uuid4() for _ in range(THREADS)]
    results = at_once([lambda session, who=who: award(session, who, given, 10) for who in people])
    assert verdicts(results) == {"Transfer": 10, "BudgetExhausted": THREADS - 10}
    with db.reading() as reader:
        assert service.budget(reader, given, clock.today())[2:] == (100, 100)
        assert sum(service.balance(reader, who, clock.today()) for who in people) == 100


def test_a_wallet_is_never_overdrawn_and_no_lot_pays_twice() -> None:
    who, given = uuid4(), commit(lambda session: issuer(session))
    for days in range(10):
        ends = clock.today().replace(year=clock.today().year + 1 + days, day=1)
        commit(lambda session, ends=ends: award(session, who, given, 10, ends))
    results = at_once([lambda session: hold(session, who, 10) for _ in range(THREADS)])
    assert verdicts(results) == {"Transfer": 10, "NotEnoughPoints": THREADS - 10}
    assert balance(who) == 0 and agrees(who)


def test_a_hold_that_waited_takes_from_the_lots_as_they_are_now() -> None:
    who, given = uuid4(), commit(lambda session: issuer(session))
    for days in range(8):
        ends = clock.today().replace(year=clock.today().year + 1 + days, day=1)
        commit(lambda session, ends=ends: award(session, who, given, 10, ends))
    held = commit(lambda session: hold(session, who, 35))
    acts: list[Callable[[Session], Any]] = [lambda session: hold(session, who, 7) for _ in range(THREADS - 1)]
    results = at_once([*acts, lambda session: release(session, held)])
    short = verdicts(results)["NotEnoughPoints"]
    assert verdicts(results) == Counter({"Transfer": THREADS - short, "NotEnoughPoints": short})
    assert balance(who) == 80 - 7 * (THREADS - 1 - short) and agrees(who)


@pytest.mark.parametrize("acts", [[release], [settle], [release, settle]], ids=["release", "settle", "both"])
def test_held_points_are_dealt_with_once(acts: list[Callable[..., Any]]) -> None:
    who, given = uuid4(), commit(lambda session: issuer(session))
    commit(lambda session: award(session, who, given, 10))
    held = commit(lambda session: hold(session, who, 10))
    chosen = (acts * THREADS)[:THREADS]
    results = at_once([lambda session, act=act: act(session, held) for act in chosen])
    assert verdicts(results) == {"Transfer": 1, "HoldClosed": THREADS - 1}
    [won] = [one for one in results if isinstance(one, service.Transfer)]
    assert balance(who) == (10 if won.kind == "release" else 0) and agrees(who)


def test_uses_of_a_hold_never_exceed_it() -> None:
    who, given = uuid4(), commit(lambda session: issuer(session))
    commit(lambda session: award(session, who, given, 10))
    held = commit(lambda session: hold(session, who, 10))
    acts = [settle, release] * (THREADS // 2)
    results = at_once([lambda session, act=act: act(session, held, 1) for act in acts])
    assert verdicts(results) == {"Transfer": 10, "HoldClosed": THREADS - 10}
    released = sum(isinstance(one, service.Transfer) and one.kind == "release" for one in results)
    assert balance(who) == released and agrees(who)


def test_a_transfer_is_reversed_once() -> None:
    who, given = uuid4(), commit(lambda session: issuer(session))
    wrong = commit(lambda session: award(session, who, given, 10))
    commit(lambda session: settle(session, hold(session, who, 4)))
    results = at_once([lambda session: service.reverse(session, who, wrong.id, uuid4(), "误发")] * THREADS)
    assert verdicts(results) == {"Transfer": 1, "AlreadyReversed": THREADS - 1}
    assert balance(who) == 0 and agrees(who)
    with db.reading() as reader:
        assert service.budget(reader, given, clock.today()).spent_points == 0


def test_first_awards_at_one_moment_share_one_wallet_and_one_lot() -> None:
    who, givers = uuid4(), [commit(lambda session: issuer(session)) for _ in range(THREADS)]
    results = at_once([lambda session, given=given: award(session, who, given, 1) for given in givers[:8] * 2])
    assert verdicts(results) == {"Transfer": THREADS}
    with db.reading() as reader:
        assert reader.execute(select(func.count()).where(WalletRow.resident_id == who)).scalar() == 1
        assert reader.execute(select(func.count()).where(LotRow.resident_id == who)).scalar() == 8
        assert booked_lots(reader, who) == {(given, FOREVER): 2 for given in givers[:8]}
    assert agrees(who)


def test_a_new_account_used_by_many_at_once_is_one_account() -> None:
    given, partner = commit(lambda session: issuer(session)), uuid4()
    people = [uuid4() for _ in range(8)]
    for who in people:
        commit(lambda session, who=who: award(session, who, given, 5))
    results = at_once([lambda session, who=who: hold(session, who, 5, partner) for who in people])
    assert verdicts(results) == {"Transfer": 8}


class Crowd:
    """Eight lives on three wallets, each life a random one of all that the ledger does."""

    def __init__(self) -> None:
        self.givers = [commit(lambda session: issuer(session, 100_000)) for _ in range(2)]
        self.people = [uuid4() for _ in range(3)]
        self.errors: list[Exception] = []
        self.doubts: list[str] = []
        self.stop = threading.Event()
        for who in self.people:
            commit(lambda session, who=who: award(session, who, self.givers[0], 50))

    def live(self, seed: int) -> None:
        dice, mine = random.Random(seed), []
        for _ in range(40):
            try:
                with db.transaction() as session:
                    made = self.act(session, dice, mine)
                mine += made
            except DomainError:
                continue
            except Exception as error:
                self.errors.append(error)

    def act(self, session: Session, dice: random.Random, mine: list[service.Transfer]) -> list[service.Transfer]:
        old = dice.choice(mine) if mine and dice.random() < 0.5 else None
        if old is None:
            who = dice.choice(self.people)
            giving = dice.random() < 0.5
            return [award(session, who, dice.choice(self.givers), 9) if giving else hold(session, who, 7)]
        if old.kind == "award":
            service.reverse(session, old.resident_id, old.id, uuid4(), "误发")
        else:
            dice.choice([release, settle])(session, old, dice.choice([None, 3]))
        return []

    def watch(self) -> None:
        while not self.stop.is_set():
            with db.reading() as reader:
                self.doubts.extend(what for who in self.people for what in audit_resident(reader, who))


def test_everything_at_once_leaves_books_that_agree_and_the_audit_never_doubts_on_the_way() -> None:
    """Awards and reversals lock budget and wallet, holds and returns the wallet alone: all orders meet."""
    crowd = Crowd()
    lives = [threading.Thread(target=crowd.live, args=(seed,)) for seed in range(8)]
    watcher = threading.Thread(target=crowd.watch)
    for thread in [watcher, *lives]:
        thread.start()
    for thread in lives:
        thread.join()
    crowd.stop.set()
    watcher.join()
    assert crowd.errors == [] and crowd.doubts == []
    with db.reading() as reader:
        report = service.audit(reader, chunk=2)
        assert report.agrees, report.disagreements
