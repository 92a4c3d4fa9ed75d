"""The worker's desk: what awaits a decision in her communities, and deciding it.

A worker sees her own organisations' communities only; everything else is not found. Every look at a resident's
words or photos is written into that resident's access log before it is answered.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.community import points, rules, service, submissions
from backend.community.errors import AlreadyReviewed, OwnSubmission
from backend.community.models import Activity, CheckIn, Community, QueueEntry, Review, Submission, SubmissionPhoto
from backend.community.rules import Grant
from backend.community.submissions import SubmissionView
from backend.consents import service as consents
from backend.delegation import service as delegation
from backend.kit import city, clock, db, files, operations, outbox, trail, workdays
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation

CLOCK = "submission_review"
LOOK_PURPOSE = "审核社区积分申报"
LOOK_BASIS = "本人同意“参加社区积分”；邻里公约"


class Worker(NamedTuple):
    """Who sits at the desk. ``resident_id``: the worker's own person, where the account is tied to one."""

    account_id: UUID
    role: str
    organisations: frozenset[UUID]
    resident_id: UUID | None = None


@dataclass(frozen=True)
class QueueItem:
    """What a worker sees of a submission. The resident's name is masked; ``due_on`` is the last day to decide."""

    id: UUID
    community_id: UUID
    community_name: str
    resident_name: str
    submission: SubmissionView
    photos: tuple[str, ...]
    activity_title: str | None
    checked_in_at: datetime | None
    approvals: int
    due_on: date


# --- seeing ------------------------------------------------------------------------------------------------------


def review_queue(
    session: Session, worker: Worker, limit: int, after: tuple[Any, ...] | None = None
) -> tuple[list[QueueItem], tuple[datetime, UUID] | None]:
    """The oldest ``limit`` pending submissions of the worker's communities, and the position after them if more wait.

    It writes one line into the access log of each resident shown.
    """
    places = _communities(session, worker)
    query = (
        select(QueueEntry.__table__)
        .where(QueueEntry.community_id.in_(places), QueueEntry.closed_at.is_(None))
        .order_by(QueueEntry.submitted_at, QueueEntry.submission_id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(tuple_(QueueEntry.submitted_at, QueueEntry.submission_id) > after)
    entries = session.execute(query).all()
    shown = entries[:limit]
    who = dict.fromkeys((entry.resident_id, entry.community_id) for entry in shown)
    _look(
        session, worker, [(resident_id, places[community_id].organisation_id) for resident_id, community_id in who],
        ["masked_name", "submission_text", "check_in"],
    )  # fmt: skip
    more = (shown[-1].submitted_at, shown[-1].submission_id) if len(entries) > limit else None
    return _items(session, shown, places), more


def _communities(reader: Reader, worker: Worker) -> dict[UUID, Row[Any]]:
    """The communities of the worker's organisations, by id."""
    query = select(Community.__table__).where(Community.organisation_id.in_(worker.organisations))
    return {row.id: row for row in reader.execute(query)}


def _look(session: Session, worker: Worker, whom: list[tuple[UUID, UUID]], seen: list[str]) -> None:
    """Write down a look at each of ``whom``: (resident, the organisation on whose behalf)."""
    given = consents.authorisations(session, {resident_id for resident_id, _ in whom}, service.PURPOSE)
    for resident_id, organisation_id in whom:
        consents.record_look(
            session, resident_id, worker.account_id, worker.role, LOOK_PURPOSE, seen, LOOK_BASIS, organisation_id,
            authorisation=given.get(resident_id, f"consent:{service.PURPOSE}"),
        )  # fmt: skip


def _items(reader: Reader, entries: Collection[Row[Any]], places: dict[UUID, Row[Any]]) -> list[QueueItem]:
    keys = [(entry.resident_id, entry.submission_id) for entry in entries]
    views = {view.id: view for view in submissions.views(reader, keys)}
    about, there, approvals = _activities(reader, views), _there(reader, entries, views), _approvals(reader, keys)
    people = accounts.people_by_id(reader, {resident_id for resident_id, _ in keys})
    days, holidays = _clock(reader)
    return [
        QueueItem(
            id=view.id, community_id=view.community_id, community_name=places[view.community_id].name,
            resident_name=_name(people.get(entry.resident_id)), submission=view,
            photos=tuple(f"/api/v1/community/submissions/{view.id}/photos/{photo}" for photo in view.photo_ids),
            activity_title=about.get(view.activity_id) if view.activity_id else None,
            checked_in_at=there.get((entry.resident_id, view.activity_id)) if view.activity_id else None,
            approvals=approvals.get(view.id, 0),
            due_on=workdays.add_workdays(clock.shanghai_date(view.submitted_at), days, holidays).on,
        )
        for entry in entries
        if (view := views.get(entry.submission_id)) is not None
    ]  # fmt: skip


def _name(person: accounts.Person | None) -> str:
    return person.display_name if person else "（已注销）"


def _activities(reader: Reader, views: dict[UUID, SubmissionView]) -> dict[UUID, str]:
    wanted = {view.activity_id for view in views.values() if view.activity_id}
    query = select(Activity.id, Activity.title).where(Activity.id.in_(wanted))
    return {row.id: row.title for row in reader.execute(query)} if wanted else {}


def _there(
    reader: Reader, entries: Collection[Row[Any]], views: dict[UUID, SubmissionView]
) -> dict[tuple[UUID, UUID | None], datetime]:
    keys = [
        (entry.resident_id, view.activity_id)
        for entry in entries
        if (view := views.get(entry.submission_id)) and view.activity_id
    ]
    query = select(CheckIn.__table__).where(tuple_(CheckIn.resident_id, CheckIn.activity_id).in_(keys))
    return {(row.resident_id, row.activity_id): row.checked_in_at for row in reader.execute(query)} if keys else {}


def _approvals(reader: Reader, keys: Collection[tuple[UUID, UUID]]) -> dict[UUID, int]:
    if not keys:
        return {}
    query = (
        select(Review.submission_id, func.count().label("approvals"))
        .where(tuple_(Review.resident_id, Review.submission_id).in_(keys), Review.decision == "approve")
        .group_by(Review.submission_id)
    )
    return {row.submission_id: row.approvals for row in reader.execute(query)}


def _clock(reader: Reader) -> tuple[int, list[date]]:
    """The working days for a decision, and the city's own holidays."""
    clocks = {item["id"]: item["workdays"] for item in city.get(reader, "deadlines").content.get("clocks", ())}
    holidays = city.get(reader, "city").content.get("clocks", {}).get("extra_holidays", ())
    return clocks.get(CLOCK, 5), [date.fromisoformat(day) for day in holidays]


def submission_photo(session: Session, worker: Worker, submission_id: UUID, file_id: UUID) -> tuple[str, bytes]:
    """``(media type, bytes)`` of a photo, after the look is written down. Raises NotFound."""
    places = _communities(session, worker)
    entry = _entry(session, places, submission_id)
    query = select(SubmissionPhoto.file_id).where(
        SubmissionPhoto.resident_id == entry.resident_id,
        SubmissionPhoto.submission_id == submission_id,
        SubmissionPhoto.file_id == file_id,
    )
    if session.execute(query).first() is None:
        raise NotFound("没有这张照片。", "There is no such photo.")
    _look(
        session, worker, [(entry.resident_id, places[entry.community_id].organisation_id)], ["submission_photo"]
    )  # fmt: skip
    return files.open_image(session, entry.resident_id, file_id)


def _entry(reader: Reader, places: Collection[UUID], submission_id: UUID) -> Row[Any]:
    """The queue's entry, if it lies in one of the worker's communities. Raises NotFound."""
    query = select(QueueEntry.__table__).where(
        QueueEntry.community_id.in_(places), QueueEntry.submission_id == submission_id
    )
    if (entry := reader.execute(query).first()) is None:
        raise NotFound("没有这条申报。", "There is no such submission.")
    return entry


# --- deciding ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DecisionView:
    """A decision and what stands after it. ``submission_status`` stays pending while a second approval is needed."""

    id: UUID
    submission_id: UUID
    submission_status: str
    decision: str
    reason: str
    points: int
    remark: str
    reviewed_at: datetime


def review(
    session: Session, worker: Worker, submission_id: UUID, decision: str, reason: str, operation: Operation
) -> DecisionView:
    """Decide a submission: ``approve`` or ``reject``, with a reason that the resident will read.

    An approval grants the behaviour's points, less what the caps of the deed's day and month leave no room for.
    Where two reviewers are asked for, the first approval only counts. Raises NotFound, OwnSubmission,
    AlreadyReviewed and BudgetExhausted; a refusal leaves everything as it was.
    """
    if (done := operations.begin(session, operation, kind="community.review")) is not None:
        return _decision(session, worker, submission_id, done)
    resident_id: UUID = _entry(session, _communities(session, worker), submission_id).resident_id
    _refuse_own(session, worker, resident_id)
    points.lock_member(session, resident_id)
    row = _lock(session, resident_id, submission_id)
    earlier = _reviews(session, resident_id, submission_id)
    if row.status != "pending" or worker.account_id in {one.reviewer_id for one in earlier}:
        last = rules.told(earlier[-1].reviewed_at) if earlier else None
        raise AlreadyReviewed(submission_status=row.status, reviewed_at=last)
    status, grant = "rejected", Grant(0, ())
    if decision == "approve":
        status, grant = _approve(session, worker, row, len(earlier) + 1)
    identity = _write(session, worker, row, decision, reason, grant)
    if status != "pending":
        _settle(session, worker, row, status, decision, grant)
    operations.finish(session, operation, identity)
    return _decision(session, worker, submission_id, identity)


def _refuse_own(session: Session, worker: Worker, resident_id: UUID) -> None:
    """Raise OwnSubmission for one's own deed, and for one of somebody for whom the worker acts or has acted."""
    sides = [worker.account_id, *([worker.resident_id] if worker.resident_id else [])]
    if worker.resident_id == resident_id or delegation.has_acted_for(session, resident_id, sides):
        raise OwnSubmission()


def _lock(session: Session, resident_id: UUID, submission_id: UUID) -> Row[Any]:
    query = select(Submission.__table__).where(Submission.resident_id == resident_id, Submission.id == submission_id)
    row = session.execute(db.for_update(query)).first()
    if row is None or row.status == "withdrawn":
        raise NotFound("申报人已撤回。", "The resident has withdrawn it.")
    return row


def _reviews(reader: Reader, resident_id: UUID, submission_id: UUID) -> list[Row[Any]]:
    query = select(Review.__table__).where(Review.resident_id == resident_id, Review.submission_id == submission_id)
    return list(reader.execute(query.order_by(Review.reviewed_at, Review.id)))


def _approve(session: Session, worker: Worker, row: Row[Any], approvals: int) -> tuple[str, Grant]:
    """Judged by the policy that was in force when it was handed in."""
    judged_by = city.version(session, service.KIND, row.policy_version)
    behaviour = rules.behaviours(judged_by.content)[row.behaviour]
    if approvals < behaviour.reviewers:
        return "pending", Grant(0, ("须另一位工作人员再审核一次",))
    deed = points.DoneDeed(row.resident_id, row.id, row.community_id, row.happened_at)
    return "approved", points.grant_points(session, deed, judged_by, behaviour, ordered_by=worker.account_id)


def _write(session: Session, worker: Worker, row: Row[Any], decision: str, reason: str, grant: Grant) -> UUID:
    identity = new_id()
    session.execute(
        insert(Review).values(
            resident_id=row.resident_id, id=identity, submission_id=row.id, reviewer_id=worker.account_id,
            decision=decision, reason=reason, points=grant.points, remark="；".join(grant.reasons),
            reviewed_at=clock.now(),
        )
    )  # fmt: skip
    detail = {"decision": decision, "points": grant.points, "community_id": str(row.community_id)}
    trail.note(session, worker.account_id, worker.role, "community.review", "submission", row.id, detail)
    return identity


def _settle(session: Session, worker: Worker, row: Row[Any], status: str, decision: str, grant: Grant) -> None:
    """The last word on a submission: its status, off the queue, and the news for its resident."""
    which = (Submission.resident_id == row.resident_id, Submission.id == row.id)
    session.execute(update(Submission).where(*which).values(status=status))
    submissions.close_entry(session, row.community_id, row.id)
    news = {"resident_id": str(row.resident_id), "submission_id": str(row.id), "decision": decision}
    outbox.tell(session, "community.reviewed", news | {"points": grant.points}, shard=row.resident_id)


def _decision(reader: Reader, worker: Worker, submission_id: UUID, review_id: UUID) -> DecisionView:
    resident_id: UUID = _entry(reader, _communities(reader, worker), submission_id).resident_id
    row = reader.execute(
        select(Review.__table__, Submission.status)
        .join(Submission, (Submission.resident_id == Review.resident_id) & (Submission.id == Review.submission_id))
        .where(Review.resident_id == resident_id, Review.id == review_id)
    ).one()
    return DecisionView(
        row.id, row.submission_id, row.status, row.decision, row.reason, row.points, row.remark, row.reviewed_at
    )
