from __future__ import annotations

import copy
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.community import desk, jobs, points, rules, service, submissions
from backend.community.errors import (
    AlreadyCheckedIn,
    AlreadyReviewed,
    AlreadySigned,
    AlreadySubmitted,
    CheckInClosed,
    CovenantChanged,
    NotAMember,
    OwnSubmission,
    TooManyPending,
    WhichCommunity,
)
from backend.community.models import BudgetGrant, CheckIn, QueueEntry, Review
from backend.community.submissions import NewSubmission, SubmissionView
from backend.consents import service as consents
from backend.consents.errors import ConsentMissing
from backend.kit import city as cities
from backend.kit import clock, files
from backend.kit.errors import FieldError, NotFound
from backend.ledger import service as ledger
from backend.ledger.errors import BudgetExhausted
from tests.community.conftest import DONGSHAN, HENGXI, act, activity_now, neighbour, worker_of
from tests.community.pictures import picture


def photo(session: Session, resident_id: UUID) -> UUID:
    return files.save_image(session, resident_id, picture(), max_bytes=10**6, max_pixels=10**6)


def hand_in(
    session: Session, resident_id: UUID, behaviour: str = "elder-care", days_ago: int = 0, **more: Any
) -> SubmissionView:
    happened_at = clock.now() - timedelta(days=days_ago)
    new = NewSubmission(**{"behaviour": behaviour, "happened_at": happened_at, "text": "陪邻居去医院", **more})
    return submissions.submit(session, resident_id, new, act(resident_id))


def approve(session: Session, worker: desk.Worker, submission_id: UUID, reason: str = "属实") -> desk.DecisionView:
    return desk.review(session, worker, submission_id, "approve", reason, act(worker.account_id))


def balance(session: Session, resident_id: UUID) -> int:
    return ledger.balance(session, resident_id, clock.today())


@pytest.fixture(autouse=True)
def empty_desk(session: Session) -> None:
    """What route tests have committed is out of the way here."""
    session.execute(delete(QueueEntry))


def spend_budget_down_to(session: Session, community_id: UUID, left: int) -> None:
    """Leave ``left`` points of this month's budget."""
    organisation_id = points.fund(session, community_id, clock.today(), service.policy(session)).organisation_id

    def take(amount: int) -> None:
        ledger.award(session, uuid4(), organisation_id, amount, "test", clock.now(), None, "用去额度", None)

    with pytest.raises(BudgetExhausted) as refused:
        take(10**6)
    take(refused.value.members["available_points"] - left)


# --- covenants ---------------------------------------------------------------------------------------------------


def test_signing_joins_the_community(session: Session) -> None:
    resident_id = neighbour(session)
    assert not service.is_member(session, resident_id, "dongshan-demo")
    signed = service.sign_covenant(session, resident_id, DONGSHAN, act(resident_id), "2026.1")
    assert service.is_member(session, resident_id, "dongshan-demo")
    assert not service.is_member(session, resident_id, "hengxi-demo")
    assert service.covenant(session, DONGSHAN, resident_id).signed_at == signed.signed_at


def test_signing_again_with_the_same_key_shows_the_same_signature(session: Session) -> None:
    resident_id = neighbour(session)
    operation = act(resident_id)
    first = service.sign_covenant(session, resident_id, DONGSHAN, operation)
    assert service.sign_covenant(session, resident_id, DONGSHAN, operation) == first


def test_signing_refuses_a_second_time_an_old_version_and_an_unknown_community(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    with pytest.raises(AlreadySigned):
        service.sign_covenant(session, resident_id, DONGSHAN, act(resident_id))
    with pytest.raises(CovenantChanged):
        service.sign_covenant(session, resident_id, HENGXI, act(resident_id), "2025.1")
    with pytest.raises(NotFound):
        service.sign_covenant(session, resident_id, uuid4(), act(resident_id))


def test_signing_needs_the_consent(session: Session) -> None:
    resident_id = neighbour(session, consented=False)
    with pytest.raises(ConsentMissing):
        service.sign_covenant(session, resident_id, DONGSHAN, act(resident_id))


def test_a_published_covenant_is_never_changed(session: Session, city: dict[str, Any]) -> None:
    content = copy.deepcopy(city["community"])
    content["communities"][0]["covenant"]["text"][0] = "另一条"
    policy = cities.Policy("community", "2026.2", date(2026, 1, 1), content)
    with pytest.raises(cities.CityRefused, match="不可更改"):
        service.apply(session, policy)


def test_loading_the_same_policy_again_changes_nothing(session: Session) -> None:
    before = service.communities(session)
    service.apply(session, service.policy(session))
    assert service.communities(session) == before


def test_behaviours_are_those_of_the_communitys_kind(session: Session) -> None:
    told = {one.slug: {known.id for known in one.behaviours} for one in service.communities(session)}
    assert "school-guard" in told["dongshan-demo"] and "school-guard" not in told["hengxi-demo"]


# --- being there -------------------------------------------------------------------------------------------------


def shown_code(session: Session, activity_id: UUID) -> str:
    organisation = service.activity(session, activity_id).organisation_id
    return service.check_in_code(session, {organisation}, activity_id).text


def test_check_in_records_attendance_and_grants_points_where_that_is_the_deed(session: Session) -> None:
    resident_id, activity_id = neighbour(session, DONGSHAN), activity_now(session)
    operation = act(resident_id)
    there = service.check_in(session, resident_id, activity_id, shown_code(session, activity_id), operation)
    assert (there.points, there.remark) == (15, "")
    assert balance(session, resident_id) == 15
    assert service.check_in(session, resident_id, activity_id, "anything", operation) == there
    assert balance(session, resident_id) == 15


def test_check_in_refuses_a_second_time(session: Session) -> None:
    resident_id, activity_id = neighbour(session, DONGSHAN), activity_now(session)
    service.check_in(session, resident_id, activity_id, shown_code(session, activity_id), act(resident_id))
    with pytest.raises(AlreadyCheckedIn):
        service.check_in(session, resident_id, activity_id, shown_code(session, activity_id), act(resident_id))
    assert balance(session, resident_id) == 15


def test_a_forwarded_code_is_refused_once_it_has_ended(session: Session) -> None:
    resident_id, activity_id = neighbour(session, DONGSHAN), activity_now(session)
    code = shown_code(session, activity_id)
    with clock.shifted(timedelta(seconds=service.CHECK_IN_CODE_SECONDS + 1)), pytest.raises(CodeExpired):
        service.check_in(session, resident_id, activity_id, code, act(resident_id))


def test_the_code_of_another_activity_is_refused(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    here, elsewhere = activity_now(session), activity_now(session)
    with pytest.raises(CodeNotVerified):
        service.check_in(session, resident_id, here, shown_code(session, elsewhere), act(resident_id))


def test_a_presentation_code_is_no_check_in_code(session: Session) -> None:
    resident_id, activity_id = neighbour(session, DONGSHAN), activity_now(session)
    claims = codes.Claims(resident_id=resident_id, use="perks")
    code = codes.sign_code(session, codes.Purpose.PRESENTATION, claims, 60).text
    with pytest.raises(CodeNotVerified):
        service.check_in(session, resident_id, activity_id, code, act(resident_id))


def test_check_in_needs_membership(session: Session) -> None:
    resident_id, activity_id = neighbour(session, HENGXI), activity_now(session)
    with pytest.raises(NotAMember):
        service.check_in(session, resident_id, activity_id, shown_code(session, activity_id), act(resident_id))


def test_no_code_is_shown_outside_check_in_hours_or_to_another_community(session: Session) -> None:
    activity_id = activity_now(session)
    organisation = service.activity(session, activity_id).organisation_id
    with pytest.raises(NotFound):
        service.check_in_code(session, {uuid4()}, activity_id)
    with clock.shifted(timedelta(hours=3)), pytest.raises(CheckInClosed):
        service.check_in_code(session, {organisation}, activity_id)


def test_check_in_is_recorded_without_points_when_the_budget_is_used_up(session: Session) -> None:
    resident_id, activity_id = neighbour(session, DONGSHAN), activity_now(session)
    spend_budget_down_to(session, DONGSHAN, 14)
    there = service.check_in(session, resident_id, activity_id, shown_code(session, activity_id), act(resident_id))
    assert there.points == 0 and "额度" in there.remark
    assert balance(session, resident_id) == 0
    assert session.execute(select(CheckIn.points).where(CheckIn.resident_id == resident_id)).scalar_one() == 0


def test_check_in_points_stop_at_the_monthly_cap(session: Session) -> None:
    resident_id, granted = neighbour(session, DONGSHAN), []
    for _ in range(5):
        activity_id = activity_now(session, "assembly")
        code = shown_code(session, activity_id)
        granted.append(service.check_in(session, resident_id, activity_id, code, act(resident_id)).points)
    assert granted == [10, 10, 0, 0, 0]


def test_check_in_points_stop_at_the_cap_whatever_start_was_announced(session: Session) -> None:
    resident_id, granted, now = neighbour(session, DONGSHAN), [], clock.now()
    for months in range(1, 4):
        begun = now - timedelta(days=40 * months)
        times = (begun, begun + timedelta(hours=1), now - timedelta(minutes=1), now + timedelta(hours=1))
        plan = service.ActivityPlan(DONGSHAN, "演示活动", "演示广场", "assembly", *times)
        activity_id = service.create_activity(session, uuid4(), "community-worker", plan)
        code = shown_code(session, activity_id)
        granted.append(service.check_in(session, resident_id, activity_id, code, act(resident_id)).points)
    assert granted == [10, 10, 0]


def test_activities_come_by_start_and_page_by_page(session: Session) -> None:
    made = [activity_now(session, community_id=HENGXI) for _ in range(3)]
    first = service.activities(session, HENGXI, True, 2, None)
    assert len(first) == 3
    rest = service.activities(session, HENGXI, True, 2, (first[1].starts_at, first[1].id))
    assert {row.id for row in [*first[:2], *rest]} >= set(made)
    with clock.shifted(timedelta(days=400)):
        assert service.activities(session, HENGXI, True, 5, None) == []


def test_an_activity_is_announced_for_a_behaviour_that_the_community_has(session: Session) -> None:
    with pytest.raises(FieldError):
        activity_now(session, "patrol", DONGSHAN)


def test_the_files_activities_are_announced_once_for_a_day(session: Session) -> None:
    first = service.announce_from_file(session, clock.today())
    assert service.announce_from_file(session, clock.today()) == first
    assert len(first) == len(set(first)) == 5


# --- handing in --------------------------------------------------------------------------------------------------


def test_submit_is_pending_and_waits_on_the_communitys_desk(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    view = hand_in(session, resident_id)
    assert (view.status, view.community_id, view.review, view.warnings) == ("pending", DONGSHAN, None, ())
    (item,), more = desk.review_queue(session, worker_of(session, DONGSHAN), 20)
    assert (item.id, item.checked_in_at, more) == (view.id, None, None)
    assert set(item.resident_name[1:]) == {"*"}
    assert item.due_on > clock.shanghai_date(view.submitted_at)


def test_submit_with_the_same_key_shows_the_same_submission(session: Session) -> None:
    resident_id, operation = neighbour(session, DONGSHAN), act()
    new = NewSubmission("elder-care", clock.now(), "买菜")
    first = submissions.submit(session, resident_id, new, operation)
    assert submissions.submit(session, resident_id, new, operation) == first
    assert len(submissions.submissions(session, resident_id, 20, None)) == 1


def test_submit_asks_which_community_when_there_are_two(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN, HENGXI)
    with pytest.raises(WhichCommunity):
        hand_in(session, resident_id)
    assert hand_in(session, resident_id, community_id=HENGXI).community_id == HENGXI


def test_submit_needs_membership_and_consent(session: Session) -> None:
    with pytest.raises(NotAMember):
        hand_in(session, neighbour(session))
    with pytest.raises(NotAMember):
        hand_in(session, neighbour(session, DONGSHAN), community_id=HENGXI)
    with pytest.raises(ConsentMissing):
        hand_in(session, neighbour(session, consented=False))


def test_submit_takes_only_ones_own_photos(session: Session) -> None:
    resident_id, other = neighbour(session, DONGSHAN), neighbour(session, DONGSHAN)
    mine, theirs = photo(session, resident_id), photo(session, other)
    assert hand_in(session, resident_id, "waste-sorting", photo_ids=(mine,)).photo_ids == (mine,)
    for wrong in ((theirs,), (mine, theirs), (uuid4(),)):
        with pytest.raises(FieldError):
            hand_in(session, resident_id, "waste-sorting", photo_ids=wrong)


def test_submit_for_an_activity_once_unless_it_was_rejected(session: Session) -> None:
    resident_id, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    activity_id = activity_now(session, "elder-care")
    first = hand_in(session, resident_id, activity_id=activity_id)
    with pytest.raises(AlreadySubmitted):
        hand_in(session, resident_id, activity_id=activity_id)
    desk.review(session, worker, first.id, "reject", "照片看不清", act())
    assert hand_in(session, resident_id, activity_id=activity_id).status == "pending"


def test_submit_refuses_an_activity_elsewhere_or_of_another_behaviour(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    for activity_id in (activity_now(session, "elder-care", HENGXI), activity_now(session, "hazard-report"), uuid4()):
        with pytest.raises(FieldError):
            hand_in(session, resident_id, activity_id=activity_id)


def test_a_deed_at_an_activity_happened_on_its_day(session: Session) -> None:
    resident_id, activity_id = neighbour(session, DONGSHAN), activity_now(session, "elder-care")
    with pytest.raises(FieldError) as refused:
        hand_in(session, resident_id, days_ago=3, activity_id=activity_id)
    assert [error["pointer"] for error in refused.value.members["errors"]] == ["/happened_at"]
    begun_at = service.activity(session, activity_id).starts_at
    assert hand_in(session, resident_id, activity_id=activity_id, happened_at=begun_at).status == "pending"


def test_a_desk_is_not_flooded(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    made = [hand_in(session, resident_id) for _ in range(rules.MOST_PENDING)]
    with pytest.raises(TooManyPending):
        hand_in(session, resident_id)
    approve(session, worker_of(session, DONGSHAN), made[0].id)
    assert hand_in(session, resident_id).status == "pending"


def test_an_activity_that_has_not_begun_is_no_deed(session: Session) -> None:
    resident_id, begins = neighbour(session, DONGSHAN), clock.now() + timedelta(hours=1)
    plan = service.ActivityPlan(DONGSHAN, "演示", "演示", "elder-care", begins, begins + timedelta(hours=1))
    with pytest.raises(FieldError):
        hand_in(session, resident_id, activity_id=service.create_activity(session, uuid4(), "office", plan))


def test_warnings_tell_early_what_caps_will_take(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    assert hand_in(session, resident_id).warnings == ()
    assert "每日上限" in hand_in(session, resident_id).warnings[0]


def test_submissions_come_newest_first_and_page_by_page(session: Session) -> None:
    resident_id = neighbour(session, DONGSHAN)
    made = [hand_in(session, resident_id).id for _ in range(3)]
    first = submissions.submissions(session, resident_id, 2, None)
    rest = submissions.submissions(session, resident_id, 2, (first[1].submitted_at, first[1].id))
    assert [one.id for one in [*first[:2], *rest]] == made[::-1]


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
