"""Bodies of a person's rights."""

from __future__ import annotations

from marshmallow import fields, validate

from backend.privacy.rules import LOOK_FIELDS
from backend.web.schemas import Day, Instant, Request, Text, View, one_of


class PhoneRequest(Request):
    """``code``: what WeChat's phone button gave; it works once within five minutes."""

    code = Text(most=200, required=True)


class PhoneView(View):
    phone = fields.String(required=True)


class NameRequest(Request):
    """``counter_code``: given by a counter that has seen the card with the new name and the same number."""

    name = Text(most=60, required=True)
    counter_code = Text(most=20, required=True)


class NameView(View):
    name = fields.String(required=True)


class KeptView(View):
    """What outlives the departure: what, in which shape, how long, on what basis."""

    title = fields.String(required=True)
    shape = fields.String(required=True)
    period = fields.String(required=True)
    basis = fields.String(required=True)


class LostView(View):
    balance_points = fields.Integer(required=True)
    open_coupons = fields.Integer(required=True)
    consents = fields.List(fields.String(), required=True, attribute="has_consents")


class DepartureNoticeView(View):
    """``version`` and ``confirmation`` are sent back to leave. ``lost``: what the person has now."""

    version = fields.String(required=True)
    confirmation = fields.String(required=True)
    cannot_be_undone = fields.String(required=True)
    deleted = fields.List(fields.String(), required=True)
    kept = fields.List(fields.Nested(KeptView), required=True)
    lost = fields.Nested(LostView, required=True)


class DepartureRequest(Request):
    """As the notice says: ``version`` of the text that was read, and its ``confirmation`` typed word by word."""

    version = Text(most=40, required=True)
    confirmation = Text(most=100, required=True)


class DepartureView(View):
    id = fields.UUID(required=True)
    left_at = Instant(required=True)
    booked_out_points = fields.Integer(required=True)
    closed_coupons = fields.Integer(required=True)


class LookRequest(Request):
    """One of ``id_number`` and ``presentation_code``. ``fields``: what is needed in clear; the rest stays masked.

    ``authorisation``: the document's or case's number; at a counter also ``本人在场``.
    """

    id_number = Text(most=40, load_default=None, allow_none=True)
    presentation_code = Text(most=400, load_default=None, allow_none=True)
    purpose = Text(most=40, required=True)
    authorisation = Text(most=80, required=True)
    fields_ = fields.List(
        fields.String(validate=one_of(*LOOK_FIELDS)),
        required=True, data_key="fields", validate=validate.Length(max=len(LOOK_FIELDS), error="项目太多。"),
    )  # fmt: skip


class RecordSeenView(View):
    title = fields.String(required=True)
    effect = fields.String(required=True)
    source_name = fields.String(required=True)
    document_no = fields.String(required=True)
    decided_on = Day(required=True)
    status = fields.String(required=True)


class ClearView(View):
    """Only what was asked for."""

    name = fields.String()
    id_number = fields.String()
    phone = fields.String(allow_none=True)
    birth_on = Day()
    bound_at = Instant(allow_none=True)
    consents = fields.List(fields.String())
    communities = fields.List(fields.String())
    balance_points = fields.Integer()
    records = fields.List(fields.Nested(RecordSeenView))


class PersonLookView(View):
    """Masked, and in ``clear`` what was asked for. ``id``: of the look in the person's log."""

    id = fields.UUID(required=True)
    resident_id = fields.UUID(required=True)
    name = fields.String(required=True)
    id_number = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    clear = fields.Nested(ClearView, required=True)
