"""What residents say they did: handing it in, seeing what became of it, and having it forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.community import points, rules, service
from backend.community.errors import AlreadySubmitted, NotAMember, TooManyPending, WhichCommunity
from backend.community.models import Activity, QueueEntry, Review, Submission, SubmissionPhoto
from backend.community.rules import Behaviour
from backend.consents import service as consents
from backend.kit import city, clock, files, operations
from backend.kit.city import Policy
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation

KEPT = timedelta(days=365)
"""How long texts and photos are kept after the decision, as the consent's text promises."""
PURGE_AT_ONCE = 500


class NewSubmission(NamedTuple):
    """A deed as handed in. Without ``community_id`` the only community that she has joined is meant."""

    behaviour: str
    happened_at: datetime
    text: str
    photo_ids: tuple[UUID, ...] = ()
    activity_id: UUID | None = None
    community_id: UUID | None = None


@dataclass(frozen=True)
class ReviewView:
    """A decision; ``remark`` says what the caps took away."""

    id: UUID
    decision: str
    reason: str
    points: int
    remark: str
    reviewed_at: datetime


@dataclass(frozen=True)
class SubmissionView:
    """A submission as its resident sees it. ``review`` is the latest decision."""

    id: UUID
    community_id: UUID
    activity_id: UUID | None
    behaviour: Behaviour
    happened_at: datetime
    text: str
    photo_ids: tuple[UUID, ...]
    status: str
    submitted_at: datetime
    review: ReviewView | None
    warnings: tuple[str, ...] = ()


def submit(session: Session, resident_id: UUID, new: NewSubmission, operation: Operation) -> SubmissionView:
    """Hand in a deed for review.

    Caps are judged at the review, by the day of the deed; ``warnings`` already tell what they would take away.
    Raises FieldError, NotAMember, WhichCommunity, AlreadySubmitted, TooManyPending, ConsentMissing.
    """
    if (done := operations.begin(session, operation, kind="community.submit")) is not None:
        return _with_warnings(session, resident_id, submission(session, resident_id, done))
    consents.require(session, resident_id, service.PURPOSE)
    points.lock_member(session, resident_id)
    community = _community(session, resident_id, new.community_id)
    _refuse_flood(session, resident_id)
    current = service.policy(session)
    _judge(session, resident_id, new, community, current)
    identity = new_id()
    _write(session, resident_id, identity, community.id, new, current)
    operations.finish(session, operation, identity)
    return _with_warnings(session, resident_id, submission(session, resident_id, identity))


def _community(session: Session, resident_id: UUID, named: UUID | None) -> service.CommunityView:
    if named is None:
        joined = service.memberships(session, resident_id)
        if len(joined) > 1:
            raise WhichCommunity(community_ids=[str(one) for one in joined])
        if not joined:
            raise NotAMember()
        named = joined[0]
    service.require_joined(session, resident_id, named)
    return service.community(session, named)


def _refuse_flood(session: Session, resident_id: UUID) -> None:
    pending = select(func.count()).where(Submission.resident_id == resident_id, Submission.status == "pending")
    if session.execute(pending).scalar_one() >= rules.MOST_PENDING:
        raise TooManyPending(most=rules.MOST_PENDING)


def _judge(
    session: Session, resident_id: UUID, new: NewSubmission, community: service.CommunityView, current: Policy
) -> None:
    behaviour = rules.behaviours(current.content).get(new.behaviour)
    deed = rules.Deed(new.behaviour, new.happened_at, new.text, len(new.photo_ids))
    most_days = current.content.get("max_age_days", rules.DEFAULT_MAX_AGE_DAYS)
    found = rules.submission_problems(behaviour, community.kind, deed, clock.now(), most_days)
    if new.photo_ids and not files.owns(session, resident_id, list(new.photo_ids)):
        found.append(("/photo_ids", "照片不存在。", "There is no such photo."))
    if new.activity_id is not None:
        found += _activity_problems(session, resident_id, new, new.activity_id, community.id)
    if found:
        raise FieldError([{"pointer": at, "detail": zh} for at, zh, _ in found], found[0][1], found[0][2])


def _activity_problems(
    session: Session, resident_id: UUID, new: NewSubmission, activity_id: UUID, community_id: UUID
) -> list[tuple[str, str, str]]:
    about = session.execute(select(Activity.__table__).where(Activity.id == activity_id)).first()
    if about is None or about.community_id != community_id:
        return [("/activity_id", "本社区没有这场活动。", "This community has no such activity.")]
    if about.starts_at > clock.now():
        return [("/activity_id", "这场活动还没有开始。", "This activity has not begun.")]
    if about.behaviour != new.behaviour:
        return [("/behaviour", "与这场活动的善行不符。", "Not the behaviour of this activity.")]
    begun_on, ended_on = clock.shanghai_date(about.starts_at), clock.shanghai_date(about.ends_at)
    if not begun_on <= clock.shanghai_date(new.happened_at) <= ended_on:  # another day's caps are not this deed's
        return [("/happened_at", "不是这场活动的日期。", "Not the day of this activity.")]
    query = select(Submission.id, Submission.status).where(
        Submission.resident_id == resident_id,
        Submission.activity_id == activity_id,
        Submission.status.in_(("pending", "approved")),
    )
    if (earlier := session.execute(query).first()) is not None:
        raise AlreadySubmitted(submission_id=str(earlier.id), submission_status=earlier.status)
    return []


def _write(
    session: Session, resident_id: UUID, identity: UUID, community_id: UUID, new: NewSubmission, current: Policy
) -> None:
    instant = clock.now()
    session.execute(
        insert(Submission).values(
            resident_id=resident_id, id=identity, community_id=community_id, activity_id=new.activity_id,
            behaviour=new.behaviour, happened_at=new.happened_at, text=new.text, status="pending",
            policy_version=current.version, submitted_at=instant,
        )
    )  # fmt: skip
    photos = [
        {"resident_id": resident_id, "submission_id": identity, "file_id": file_id, "position": position}
        for position, file_id in enumerate(new.photo_ids)
    ]
    if photos:
        session.execute(insert(SubmissionPhoto), photos)
    session.execute(
        insert(QueueEntry).values(
            community_id=community_id, submission_id=identity, resident_id=resident_id, submitted_at=instant,
            closed_at=None,
        )
    )  # fmt: skip


def _with_warnings(reader: Reader, resident_id: UUID, view: SubmissionView) -> SubmissionView:
    """What caps would take away if everything that she has pending for this behaviour were approved before it."""
    if view.status != "pending":
        return view
    day = clock.shanghai_date(view.happened_at)
    day_points, month_points = points.earned(reader, resident_id, view.behaviour.id, day)
    begins, ends = (clock.start_of_day(first) for first in rules.month_of(day))
    waiting = reader.execute(
        select(Submission.happened_at).where(
            Submission.resident_id == resident_id, Submission.behaviour == view.behaviour.id,
            Submission.status == "pending", Submission.id != view.id,
            Submission.happened_at >= begins, Submission.happened_at < ends,
        )
    ).scalars().all()  # fmt: skip
    month_points += view.behaviour.points * len(waiting)
    day_points += view.behaviour.points * sum(clock.shanghai_date(instant) == day for instant in waiting)
    grant = rules.under_caps(view.behaviour, day_points, month_points)
    return SubmissionView(**{**view.__dict__, "warnings": grant.reasons})


def submission(reader: Reader, resident_id: UUID, submission_id: UUID) -> SubmissionView:
    """One submission of hers. Raises NotFound."""
    found = views(reader, [(resident_id, submission_id)])
    if not found:
        raise NotFound("没有这条申报。", "There is no such submission.")
    return found[0]


def submissions(reader: Reader, resident_id: UUID, limit: int, after: tuple[Any, ...] | None) -> list[SubmissionView]:
    """Up to ``limit + 1`` of her submissions, newest first. ``after``: (submitted_at, id)."""
    query = select(Submission.id).where(Submission.resident_id == resident_id)
    if after is not None:
        query = query.where(tuple_(Submission.submitted_at, Submission.id) < after)
    query = query.order_by(Submission.submitted_at.desc(), Submission.id.desc()).limit(limit + 1)
    return views(reader, [(resident_id, one) for one in reader.execute(query).scalars()])


def views(reader: Reader, keys: Sequence[tuple[UUID, UUID]]) -> list[SubmissionView]:
    """The submissions with these (resident, id) keys, in this order; those that do not exist are left out."""
    if not keys:
        return []
    rows = {
        row.id: row
        for row in reader.execute(
            select(Submission.__table__).where(tuple_(Submission.resident_id, Submission.id).in_(keys))
        )
    }
    photos, reviews = _photos(reader, keys), _latest_reviews(reader, keys)
    versions = {row.policy_version for row in rows.values()}
    known = {version: rules.behaviours(_content(reader, version)) for version in versions}
    return [
        _view(rows[one], known[rows[one].policy_version], photos.get(one, ()), reviews.get(one))
        for _, one in keys
        if one in rows
    ]


def _content(reader: Reader, version: str) -> dict[str, Any]:
    current = service.policy(reader)
    return current.content if current.version == version else city.version(reader, service.KIND, version).content


def _view(
    row: Row[Any], known: dict[str, Behaviour], photo_ids: Sequence[UUID], review: ReviewView | None
) -> SubmissionView:
    return SubmissionView(
        id=row.id, community_id=row.community_id, activity_id=row.activity_id, behaviour=known[row.behaviour],
        happened_at=row.happened_at, text=row.text, photo_ids=tuple(photo_ids), status=row.status,
        submitted_at=row.submitted_at, review=review,
    )  # fmt: skip


def _photos(reader: Reader, keys: Sequence[tuple[UUID, UUID]]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    columns = tuple_(SubmissionPhoto.resident_id, SubmissionPhoto.submission_id)
    query = select(SubmissionPhoto.submission_id, SubmissionPhoto.file_id).where(columns.in_(keys))
    for row in reader.execute(query.order_by(SubmissionPhoto.position)):
        found.setdefault(row.submission_id, []).append(row.file_id)
    return found


def _latest_reviews(reader: Reader, keys: Sequence[tuple[UUID, UUID]]) -> dict[UUID, ReviewView]:
    query = select(Review.__table__).where(tuple_(Review.resident_id, Review.submission_id).in_(keys))
    return {
        row.submission_id: ReviewView(row.id, row.decision, row.reason, row.points, row.remark, row.reviewed_at)
        for row in reader.execute(query.order_by(Review.reviewed_at, Review.id))
    }


# --- forgetting --------------------------------------------------------------------------------------------------


def on_consent_changed(session: Session, news: dict[str, Any]) -> None:
    """Consent to community points withdrawn: what is pending lapses, all texts and photos go. Points stay hers."""
    if news["purpose"] != service.PURPOSE or news["granted"]:
        return
    resident_id = UUID(news["resident_id"])
    points.lock_signatures(session, resident_id)
    pending = and_(Submission.resident_id == resident_id, Submission.status == "pending")
    lapsed = session.execute(
        update(Submission).where(pending).values(status="withdrawn").returning(Submission.community_id, Submission.id)
    ).all()
    for row in lapsed:
        close_entry(session, row.community_id, row.id)
    _forget(session, resident_id, Submission.resident_id == resident_id)


def close_entry(session: Session, community_id: UUID, submission_id: UUID) -> None:
    """Take a submission off its community's queue."""
    session.execute(
        update(QueueEntry)
        .where(QueueEntry.community_id == community_id, QueueEntry.submission_id == submission_id)
        .values(closed_at=clock.now())
    )


def _forget(session: Session, resident_id: UUID, which: ColumnElement[bool]) -> None:
    """Empty the texts of a resident's submissions and delete their photos; what was decided and earned stays."""
    chosen = select(Submission.id).where(Submission.resident_id == resident_id, which)
    photos = delete(SubmissionPhoto).where(
        SubmissionPhoto.resident_id == resident_id, SubmissionPhoto.submission_id.in_(chosen)
    )
    for file_id in session.execute(photos.returning(SubmissionPhoto.file_id)).scalars().all():
        files.delete_image(session, resident_id, file_id)
    session.execute(update(Submission).where(Submission.resident_id == resident_id, which).values(text=""))


def purge(session: Session, day: date) -> int:
    """Forget texts and photos of up to 500 submissions decided more than a year before ``day``; how many were."""
    old = (
        select(QueueEntry.community_id, QueueEntry.submission_id, QueueEntry.resident_id)
        .where(QueueEntry.closed_at < clock.start_of_day(day) - KEPT)
        .limit(PURGE_AT_ONCE)
    )
    rows = session.execute(old).all()
    for row in rows:
        _forget(session, row.resident_id, Submission.id == row.submission_id)
        session.execute(
            delete(QueueEntry).where(
                QueueEntry.community_id == row.community_id, QueueEntry.submission_id == row.submission_id
            )
        )
    return len(rows)
