"""What the community's routes take and give."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate, validates_schema

from backend.web.paging import PageQuery
from backend.web.schemas import Instant, Key, QueryFlag, Request, Text, View, one_of

MOST_PHOTOS = 9
STATUSES = ["pending", "approved", "rejected", "withdrawn"]


# --- asked -------------------------------------------------------------------------------------------------------


class SignCovenantRequest(Request):
    """``version``: the covenant's version that was read; without it, the one in force is meant."""

    version = Text(most=40, load_default=None)


class ActivityQuery(PageQuery):
    """``upcoming`` (default true) leaves out what is over."""

    community_id = Key(load_default=None)
    upcoming = QueryFlag(load_default=True)


class ActivityRequest(Request):
    """Check-in opens half an hour before the start and closes at the end, unless said otherwise."""

    community_id = Key(required=True)
    title = Text(most=80, required=True)
    place = Text(most=120, required=True)
    behaviour = Text(most=60, required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    check_in_opens_at = Instant(load_default=None)
    check_in_closes_at = Instant(load_default=None)


class CodeQuery(Request):
    """``qr=svg``: also draw the code."""

    qr = fields.String(validate=one_of("svg"), load_default=None)


class CheckInRequest(Request):
    """``code``: as read from the activity's screen."""

    code = Text(most=1000, required=True)


class SubmissionRequest(Request):
    """A deed. ``community_id`` may be left out by whoever has joined one community only."""

    behaviour = Text(most=60, required=True)
    happened_at = Instant(required=True)
    text = Text(least=0, most=1000, load_default="")
    photo_ids = fields.List(
        Key(), load_default=list, validate=validate.Length(max=MOST_PHOTOS, error=f"最多 {MOST_PHOTOS} 张照片。")
    )
    activity_id = Key(load_default=None)
    community_id = Key(load_default=None)

    @validates_schema
    def no_photo_twice(self, data: dict[str, list[object]], **_: object) -> None:
        if len(set(data.get("photo_ids", []))) != len(data.get("photo_ids", [])):
            raise ValidationError("同一张照片只需给一次。", "photo_ids")


class ReviewRequest(Request):
    """``reason`` is what the resident will read."""

    decision = fields.String(required=True, validate=one_of("approve", "reject"))
    reason = Text(least=2, most=200, required=True)


# --- answered ----------------------------------------------------------------------------------------------------


class EvidenceView(View):
    photo = fields.Boolean(required=True)
    text = fields.Boolean(required=True)


class BehaviourView(View):
    """A deed that earns points. ``award``: review (hand it in) or check_in (be there). Caps are points, not times."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    points = fields.Integer(required=True)
    evidence = fields.Nested(EvidenceView, required=True)
    daily_cap_points = fields.Integer(attribute="daily_cap", required=True, allow_none=True)
    monthly_cap_points = fields.Integer(attribute="monthly_cap", required=True, allow_none=True)
    award = fields.String(required=True, metadata={"enum": ["review", "check_in"]})
    reviewers = fields.Integer(required=True)


class CommunityView(View):
    """A community. ``signed_at``: when the asking resident joined it."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": ["residential", "village"]})
    district = fields.String(required=True)
    organisation_id = fields.UUID(required=True)
    covenant_version = fields.String(required=True)
    signed_at = Instant(required=True, allow_none=True)
    behaviours = fields.List(fields.Nested(BehaviourView), required=True)


class CovenantView(View):
    """The covenant in force. ``signed_at``: when the asking resident signed this version."""

    community_id = fields.UUID(required=True)
    community_name = fields.String(required=True)
    version = fields.String(required=True)
    articles = fields.List(fields.String(), required=True)
    published_at = Instant(required=True)
    signed_at = Instant(required=True, allow_none=True)


class SignatureView(View):
    id = fields.UUID(required=True)
    community_id = fields.UUID(required=True)
    version = fields.String(required=True)
    signed_at = Instant(required=True)


class ActivityView(View):
    """An activity. ``checked_in_at``: when the asking resident checked in."""

    id = fields.UUID(required=True)
    community_id = fields.UUID(required=True)
    community_name = fields.String(required=True)
    title = fields.String(required=True)
    place = fields.String(required=True)
    behaviour = fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    check_in_opens_at = Instant(required=True)
    check_in_closes_at = Instant(required=True)
    checked_in_at = Instant(allow_none=True)


class CheckInCodeView(View):
    """What the activity's screen shows until ``expires_at``."""

    code = fields.String(required=True)
    expires_at = Instant(required=True)
    qr_svg = fields.String()


class CheckInView(View):
    """``points``: granted for being there; ``remark``: why fewer than the behaviour's."""

    activity_id = fields.UUID(required=True)
    checked_in_at = Instant(required=True)
    points = fields.Integer(required=True)
    remark = fields.String(required=True)


class ReviewView(View):
    """A decision; ``remark``: what the caps took away, or that a second worker must agree."""

    id = fields.UUID(required=True)
    decision = fields.String(required=True, metadata={"enum": ["approve", "reject"]})
    reason = fields.String(required=True)
    points = fields.Integer(required=True)
    remark = fields.String(required=True)
    reviewed_at = Instant(required=True)


class SubmissionView(View):
    """A deed handed in. ``warnings``: what caps will take away, told while it is pending."""

    id = fields.UUID(required=True)
    community_id = fields.UUID(required=True)
    activity_id = fields.UUID(required=True, allow_none=True)
    behaviour = fields.Pluck(BehaviourView, "id", required=True)
    behaviour_title = fields.String(attribute="behaviour.title", required=True)
    happened_at = Instant(required=True)
    text = fields.String(required=True)
    photo_ids = fields.List(fields.UUID(), required=True)
    status = fields.String(required=True, metadata={"enum": STATUSES})
    submitted_at = Instant(required=True)
    review = fields.Nested(ReviewView, required=True, allow_none=True)
    warnings = fields.List(fields.String(), required=True)


class QueueItemView(View):
    """What a worker sees: a masked name, never an id number or a phone. ``due_on``: the last day to decide."""

    id = fields.UUID(required=True)
    community_id = fields.UUID(required=True)
    community_name = fields.String(required=True)
    resident_name = fields.String(required=True)
    behaviour = fields.Nested(BehaviourView, attribute="submission.behaviour", required=True)
    happened_at = Instant(attribute="submission.happened_at", required=True)
    submitted_at = Instant(attribute="submission.submitted_at", required=True)
    text = fields.String(attribute="submission.text", required=True)
    photos = fields.List(fields.String(), required=True)
    activity_id = fields.UUID(attribute="submission.activity_id", required=True, allow_none=True)
    activity_title = fields.String(required=True, allow_none=True)
    checked_in_at = Instant(required=True, allow_none=True)
    approvals = fields.Integer(required=True)
    due_on = fields.Date(required=True)


class DecisionView(ReviewView):
    """A decision and the submission's status after it: pending still, where a second worker must agree."""

    submission_id = fields.UUID(required=True)
    submission_status = fields.String(required=True, metadata={"enum": STATUSES})
