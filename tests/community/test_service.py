"""Covenants, being there, handing in."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.community import desk, rules, service, submissions
from backend.community.errors import (
    AlreadyCheckedIn,
    AlreadySigned,
    AlreadySubmitted,
    CheckInClosed,
    CovenantChanged,
    NotAMember,
    TooManyPending,
    WhichCommunity,
)
from backend.community.models import CheckIn, QueueEntry
from backend.community.submissions import NewSubmission
from backend.consents.errors import ConsentMissing
from backend.kit import city as cities
from backend.kit import clock
from backend.kit.errors import FieldError, NotFound
from tests.community.conftest import DONGSHAN, HENGXI, act, activity_now, neighbour, worker_of
from tests.community.deeds import approve, balance, hand_in, photo, shown_code, spend_budget_down_to


@pytest.fixture(autouse=True)
def empty_desk(session: Session) -> None:
    """What route tests have committed is out of the way here."""
    session.execute(delete(QueueEntry))


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
