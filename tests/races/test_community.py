"""Workers who decide at the same moment, with real commits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from backend.community import desk, submissions
from backend.community.errors import AlreadyReviewed
from backend.community.submissions import NewSubmission
from backend.kit import clock, db
from backend.kit.errors import NotFound
from backend.ledger import service as ledger
from tests.community.conftest import DONGSHAN, act, neighbour, worker_of

CROWD = 8


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Run all acts from one starting line; each one's result or exception."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = acts[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def handed_in(count: int, behaviour: str = "elder-care") -> tuple[UUID, list[UUID]]:
    with db.transaction() as session:
        resident_id = neighbour(session, DONGSHAN)
        new = NewSubmission(behaviour, clock.now(), "陪邻居去医院")
        made = [submissions.submit(session, resident_id, new, act(resident_id)).id for _ in range(count)]
    return resident_id, made


def approval(submission_id: UUID) -> Callable[[], desk.DecisionView]:
    with db.transaction() as session:
        worker = worker_of(session, DONGSHAN)

    def decide() -> desk.DecisionView:
        with db.transaction() as session:
            return desk.review(session, worker, submission_id, "approve", "属实", act(worker.account_id))

    return decide


def balance(resident_id: UUID) -> int:
    with db.reading() as reader:
        return ledger.balance(reader, resident_id, clock.today())


def test_many_workers_review_one_submission_and_one_award_is_made(city: dict[str, Any]) -> None:
    resident_id, (submission_id,) = handed_in(1)
    results = at_once([approval(submission_id) for _ in range(CROWD)])
    assert sum(isinstance(one, desk.DecisionView) for one in results) == 1, results
    assert sum(isinstance(one, AlreadyReviewed) for one in results) == CROWD - 1, results
    assert balance(resident_id) == 10


def test_many_submissions_reviewed_at_once_stay_under_the_daily_cap(city: dict[str, Any]) -> None:
    resident_id, made = handed_in(CROWD)
    results = at_once([approval(submission_id) for submission_id in made])
    assert sorted(one.points for one in results) == [0] * (CROWD - 1) + [10]
    assert balance(resident_id) == 10


def test_two_approvals_at_once_suffice_where_two_are_needed(city: dict[str, Any]) -> None:
    resident_id, (submission_id,) = handed_in(1, "mediation")
    results = at_once([approval(submission_id), approval(submission_id)])
    assert sorted(one.submission_status for one in results) == ["approved", "pending"]
    assert balance(resident_id) == 30


def test_the_same_review_sent_twice_at_once_is_one_review(city: dict[str, Any]) -> None:
    resident_id, (submission_id,) = handed_in(1)
    with db.transaction() as session:
        worker = worker_of(session, DONGSHAN)
    operation = act(worker.account_id)

    def decide() -> desk.DecisionView:
        with db.transaction() as session:
            return desk.review(session, worker, submission_id, "approve", "属实", operation)

    first, second = at_once([decide, decide])
    assert first == second and balance(resident_id) == 10


def test_a_withdrawn_consent_and_a_review_at_once_leave_one_outcome(city: dict[str, Any]) -> None:
    resident_id, (submission_id,) = handed_in(1)
    news = {"resident_id": str(resident_id), "purpose": "community", "granted": False}

    def withdraw() -> None:
        with db.transaction() as session:
            submissions.on_consent_changed(session, news)

    decided, _ = at_once([approval(submission_id), withdraw])
    with db.reading() as reader:
        status = submissions.submission(reader, resident_id, submission_id).status
    if isinstance(decided, NotFound):
        assert (status, balance(resident_id)) == ("withdrawn", 0)
    else:
        assert (status, balance(resident_id)) == ("approved", 10)
