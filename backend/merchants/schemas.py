"""What the badge looks like on the wire."""

from __future__ import annotations

from marshmallow import fields

from backend.web.schemas import Instant, View


class GradeView(View):
    """A grade of the city's public policy; names and colours are the city's."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    colour = fields.String(required=True, metadata={"example": "#0B7A3B"})


class GradeReasonView(View):
    """A line of the sum that makes the score."""

    indicator = fields.String(required=True)
    title = fields.String(required=True)
    points = fields.Integer(required=True)
    basis = fields.String(required=True)


class LicenceView(View):
    number = fields.String(required=True)
    valid_until_on = fields.Date(required=True, allow_none=True)
    valid = fields.Boolean(required=True)


class PledgeView(View):
    version = fields.String(required=True)
    title = fields.String(required=True)
    articles = fields.List(fields.String(), required=True)
    signed_on = fields.Date(required=True)


class PenaltyView(View):
    """A record within its publicity. ``disputed``: an objection is being looked into."""

    title = fields.String(required=True)
    document_no = fields.String(required=True)
    authority = fields.String(required=True)
    decided_on = fields.Date(required=True)
    publicity_until_on = fields.Date(required=True)
    violation = fields.String(required=True)
    content = fields.String(required=True)
    disputed = fields.Boolean(required=True)


class BadgeView(View):
    """What a merchant's badge page shows. ``as_of``: the Shanghai day for which all of it holds."""

    public_code = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["active", "closed"]})
    name = fields.String(required=True)
    unified_social_credit_code = fields.String(required=True)
    address = fields.String(required=True)
    district = fields.String(required=True)
    trade = fields.String(required=True)
    lat = fields.Float(required=True, allow_none=True)
    lon = fields.Float(required=True, allow_none=True)
    legal_representative = fields.String(required=True)
    licence = fields.Nested(LicenceView, required=True)
    score = fields.Integer(required=True)
    grade = fields.Nested(GradeView, required=True)
    reasons = fields.List(fields.Nested(GradeReasonView), required=True)
    policy_version = fields.String(required=True)
    pledge = fields.Nested(PledgeView, required=True, allow_none=True)
    penalties = fields.List(fields.Nested(PenaltyView), required=True)
    updated_at = Instant(required=True)
    as_of = fields.Date(required=True)
