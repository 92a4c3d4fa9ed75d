"""Deciding on what was handed in, and forgetting it."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.community import desk, jobs, points, service, submissions
from backend.community.errors import (
    AlreadyReviewed,
    OwnSubmission,
)
from backend.community.models import BudgetGrant, QueueEntry, Review
from backend.consents import service as consents
from backend.kit import city as cities
from backend.kit import clock, files
from backend.kit.errors import NotFound
from backend.ledger import service as ledger
from backend.ledger.errors import BudgetExhausted
from tests.community.conftest import DONGSHAN, HENGXI, act, activity_now, neighbour, worker_of
from tests.community.deeds import approve, balance, hand_in, photo, shown_code, spend_budget_down_to


@pytest.fixture(autouse=True)
def empty_desk(session: Session) -> None:
    """What route tests have committed is out of the way here."""
    session.execute(delete(QueueEntry))


# --- deciding ----------------------------------------------------------------------------------------------------


def test_approval_grants_the_points_and_says_why(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id)
    decision = approve(session, worker, view.id, "邻居证实")
    assert (decision.submission_status, decision.points, decision.remark) == ("approved", 10, "")
    assert balance(session, resident_id) == 10
    seen = submissions.submission(session, resident_id, view.id)
    assert seen.review is not None and (seen.review.reason, seen.review.points) == ("邻居证实", 10)
    assert desk.review_queue(session, worker, 20)[0] == []


def test_points_last_as_long_as_the_city_says(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    approve(session, worker_of(session, DONGSHAN), hand_in(session, resident_id).id)
    assert ledger.balance(session, resident_id, clock.today() + timedelta(days=365)) == 10
    assert ledger.balance(session, resident_id, clock.today() + timedelta(days=366)) == 0


def test_rejection_grants_nothing_and_leaves_the_desk(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id)
    decision = desk.review(session, worker, view.id, "reject", "看不出是本人", act())
    assert (decision.submission_status, decision.points) == ("rejected", 0)
    assert balance(session, resident_id) == 0


def test_review_with_the_same_key_shows_the_same_decision(session: Session) -> None:
    resident_id, worker, operation = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN), act()
    view = hand_in(session, resident_id)
    first = desk.review(session, worker, view.id, "approve", "属实", operation)
    assert desk.review(session, worker, view.id, "approve", "属实", operation) == first
    assert balance(session, resident_id) == 10


def test_a_second_review_is_refused(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id)
    approve(session, worker, view.id)
    for again in (worker, worker_of(session, DONGSHAN)):
        with pytest.raises(AlreadyReviewed):
            approve(session, again, view.id)
    assert balance(session, resident_id) == 10


def test_nobody_reviews_her_own_submission(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    view = hand_in(session, resident_id)
    with pytest.raises(OwnSubmission):
        approve(session, worker_of(session, DONGSHAN, resident_id), view.id)


def test_another_communitys_worker_finds_nothing(session: Session) -> None:
    resident_id, stranger = neighbour(session, DONGSHAN), worker_of(session, HENGXI)
    view = hand_in(session, resident_id, "waste-sorting", photo_ids=(photo(session, resident_id),))
    assert desk.review_queue(session, stranger, 20)[0] == []
    with pytest.raises(NotFound):
        approve(session, stranger, view.id)
    with pytest.raises(NotFound):
        desk.submission_photo(session, stranger, view.id, view.photo_ids[0])
    assert consents.looks(session, resident_id, 20) == []


def test_over_twenty_points_two_workers_must_agree(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    one, other = worker_of(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id, "mediation")
    first = approve(session, one, view.id)
    assert (first.submission_status, first.points) == ("pending", 0)
    assert desk.review_queue(session, other, 20)[0][0].approvals == 1
    with pytest.raises(AlreadyReviewed):
        approve(session, one, view.id)
    assert approve(session, other, view.id).submission_status == "approved"
    assert balance(session, resident_id) == 30


def test_the_second_worker_may_still_reject(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    view = hand_in(session, resident_id, "mediation")
    approve(session, worker_of(session, DONGSHAN), view.id)
    decision = desk.review(session, worker_of(session, DONGSHAN), view.id, "reject", "双方都不认可", act())
    assert decision.submission_status == "rejected"
    assert balance(session, resident_id) == 0


def test_the_daily_cap_counts_the_day_of_the_deed_not_of_the_review(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    today = [hand_in(session, resident_id) for _ in range(2)]
    before = hand_in(session, resident_id, days_ago=1)
    granted = [approve(session, worker, view.id) for view in [*today, before]]
    assert [one.points for one in granted] == [10, 0, 10]
    assert "每日上限" in granted[1].remark and granted[1].submission_status == "approved"
    assert balance(session, resident_id) == 20


def test_a_used_up_budget_refuses_and_leaves_all_as_it_was(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id)
    spend_budget_down_to(session, DONGSHAN, 9)
    with pytest.raises(BudgetExhausted), session.begin_nested():
        approve(session, worker, view.id)
    assert submissions.submission(session, resident_id, view.id).status == "pending"
    assert session.execute(select(Review.id).where(Review.resident_id == resident_id)).first() is None
    assert [item.id for item in desk.review_queue(session, worker, 20)[0]] == [view.id]


def test_a_months_budget_is_granted_once(session: Session) -> None:
    day = date(2031, 5, 17)
    assert points.fund_all(session, day) == points.fund_all(session, day) == 2
    granted = session.execute(select(BudgetGrant.points).where(BudgetGrant.month == date(2031, 5, 1))).scalars().all()
    assert granted == [5700, 5700]


def test_looks_are_written_into_the_residents_log_first(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id, "waste-sorting", photo_ids=(photo(session, resident_id),))
    desk.review_queue(session, worker, 20)
    media_type, content = desk.submission_photo(session, worker, view.id, view.photo_ids[0])
    assert media_type == "image/webp" and content
    assert len(consents.looks(session, resident_id, 20)) == 2
    with pytest.raises(NotFound):
        desk.submission_photo(session, worker, view.id, uuid4())


def test_check_in_is_shown_to_the_reviewer_as_evidence(session: Session) -> None:
    resident_id, activity_id = neighbour(session, DONGSHAN), activity_now(session, "elder-care")
    there = service.check_in(session, resident_id, activity_id, shown_code(session, activity_id), act(resident_id))
    assert there.points == 0
    hand_in(session, resident_id, activity_id=activity_id)
    (item,), _ = desk.review_queue(session, worker_of(session, DONGSHAN), 20)
    assert (item.checked_in_at, item.activity_title) == (there.checked_in_at, "演示活动")


def test_the_queue_comes_oldest_first_and_page_by_page(session: Session) -> None:
    made = [hand_in(session, neighbour(session, DONGSHAN)).id for _ in range(3)]
    worker = worker_of(session, DONGSHAN)
    first, more = desk.review_queue(session, worker, 2)
    rest, end = desk.review_queue(session, worker, 2, more)
    assert [item.id for item in [*first, *rest]] == made and end is None


def test_what_was_handed_in_is_judged_by_the_policy_of_that_day(session: Session, city: dict[str, Any]) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id)
    contents = copy.deepcopy(city)
    contents["community"].update(version="2099.1", effective_on=clock.today().isoformat())
    for known in contents["community"]["behaviours"]:
        known["points"] = 1
    cities.load(session, contents)
    assert approve(session, worker, view.id).points == 10
    assert approve(session, worker, hand_in(session, resident_id, days_ago=1).id).points == 1


# --- forgetting --------------------------------------------------------------------------------------------------


def test_withdrawn_consent_lapses_what_is_pending_and_forgets_texts_and_photos(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    approved = hand_in(session, resident_id)
    approve(session, worker, approved.id)
    pending = hand_in(session, resident_id, "waste-sorting", photo_ids=(photo(session, resident_id),))
    submissions.on_consent_changed(session, {"resident_id": str(resident_id), "purpose": "community", "granted": False})
    seen = {one.id: one for one in submissions.submissions(session, resident_id, 20, None)}
    assert (seen[approved.id].status, seen[pending.id].status) == ("approved", "withdrawn")
    assert {one.text for one in seen.values()} == {""} and seen[pending.id].photo_ids == ()
    assert not files.owns(session, resident_id, list(pending.photo_ids))
    assert balance(session, resident_id) == 10
    assert desk.review_queue(session, worker, 20)[0] == []
    with pytest.raises(NotFound):
        approve(session, worker, pending.id)


def test_another_purpose_withdrawn_changes_nothing_here(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    view = hand_in(session, resident_id)
    for news in ({"purpose": "score", "granted": False}, {"purpose": "community", "granted": True}):
        submissions.on_consent_changed(session, {"resident_id": str(resident_id), **news})
    assert submissions.submission(session, resident_id, view.id) == view


def test_a_year_after_the_decision_texts_and_photos_are_forgotten(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    view = hand_in(session, resident_id)
    approve(session, worker, view.id)
    day = clock.today()
    assert submissions.purge(session, day + timedelta(days=365)) == 0
    assert submissions.purge(session, day + timedelta(days=367)) == 1
    seen = submissions.submission(session, resident_id, view.id)
    assert (seen.text, seen.status) == ("", "approved")
    assert submissions.purge(session, day + timedelta(days=367)) == 0


def test_the_rooms_jobs_are_named(session: Session) -> None:
    assert [job.name for job in jobs.JOBS] == ["community.fund", "community.forget-evidence"]
