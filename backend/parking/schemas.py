"""Bodies of the parking routes. Money is whole fen."""

from __future__ import annotations

from marshmallow import fields

from backend.parking.rules import ASKED_TEXT, STATE_TEXT, STAY_TEXT
from backend.web.schemas import Flag, Instant, Key, Request, Text, View, Whole, one_of

MOST_FEN = 10**9


def _plate() -> Text:
    return Text(most=20, required=True, metadata={"example": "苏A12345"})


def _ticket() -> Text:
    return Text(most=64, pattern=r"^[A-Za-z0-9_.:-]+\Z", required=True, metadata={"description": "票号，不含车牌"})


class PlateRequest(Request):
    plate = _plate()


class PlateOperatorRequest(Request):
    """``text_version``: of the text that was read; needed to allow, not to withdraw."""

    granted = Flag(required=True)
    text_version = Text(most=40, load_default=None, allow_none=True)


class PlateConfirmationRequest(Request):
    """``code``: what the driver's phone shows, purpose ``offer``."""

    plate = _plate()
    code = Text(most=2000, required=True)


class ParkingQuestionRequest(Request):
    plate = _plate()


class ParkingEntryRequest(Request):
    plate = _plate()
    entered_at = Instant(required=True)
    ticket = _ticket()


class ParkingExitRequest(Request):
    """``offer_id``: the benefit to apply; ``owed_fen``: what is left to be paid afterwards, with such a benefit."""

    ticket = _ticket()
    exited_at = Instant(required=True)
    offer_id = Key(load_default=None, allow_none=True)
    fee_fen = Whole(least=0, most=MOST_FEN, required=True)
    owed_fen = Whole(least=0, most=MOST_FEN, load_default=None, allow_none=True)


class PlateOperatorView(View):
    partner_id = fields.UUID(required=True)
    granted_at = Instant(required=True)


class PlateView(View):
    """``state``: pending until it is confirmed at a gate; ended when another person confirmed it since."""

    id = fields.UUID(required=True)
    plate = fields.String(required=True)
    state = fields.String(required=True, validate=one_of(*STATE_TEXT))
    state_text = fields.String(required=True)
    created_at = Instant(required=True)
    confirmed_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
    operators = fields.List(fields.Nested(PlateOperatorView), required=True)


class ParkingOperatorView(View):
    partner_id = fields.UUID(required=True)
    name = fields.String(required=True)
    venues = fields.List(fields.String(), required=True)


class ParkingPlaceView(View):
    id = fields.UUID(required=True)
    name = fields.String(required=True)


class ParkingQuestionView(View):
    id = fields.UUID(required=True)
    at = Instant(required=True)
    operator = fields.Nested(ParkingPlaceView, required=True)
    venue = fields.Nested(ParkingPlaceView, required=True)
    plate = fields.String(required=True, allow_none=True)
    purpose = fields.String(required=True, validate=one_of(*ASKED_TEXT))
    purpose_text = fields.String(required=True)
    answered_yes = fields.Boolean(required=True)


class ParkingStayView(View):
    id = fields.UUID(required=True)
    operator = fields.Nested(ParkingPlaceView, required=True)
    venue = fields.Nested(ParkingPlaceView, required=True)
    plate = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=one_of(*STAY_TEXT))
    state_text = fields.String(required=True)
    entered_at = Instant(required=True)
    exited_at = Instant(required=True, allow_none=True)
    fee_fen = fields.Integer(required=True, allow_none=True)
    offer_id = fields.UUID(required=True, allow_none=True)
    admission_id = fields.UUID(required=True, allow_none=True)
    obligation_id = fields.UUID(required=True, allow_none=True)


class PlateConfirmationView(View):
    state = fields.String(required=True, validate=one_of("confirmed"))
    confirmed_at = Instant(required=True)


class ParkingBenefitView(View):
    """``benefit``: as the offer has it, e.g. ``{"type": "free_minutes", "minutes": 60}``."""

    offer_id = fields.UUID(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True)
    benefit = fields.Dict(keys=fields.String(), required=True)


class HeldParkingBenefitView(ParkingBenefitView):
    """``held``: a coupon that the driver has redeemed already."""

    held = fields.Boolean(required=True)


class ParkingEntitlementView(View):
    id = fields.UUID(required=True)
    entitled = fields.Boolean(required=True)
    benefits = fields.List(fields.Nested(HeldParkingBenefitView), required=True)
    valid_until = Instant(required=True)


class ParkingEntryView(View):
    id = fields.UUID(required=True)
    ticket = fields.String(required=True)
    venue_id = fields.UUID(required=True)
    entered_at = Instant(required=True)


class ParkingExitView(View):
    id = fields.UUID(required=True)
    ticket = fields.String(required=True)
    exited_at = Instant(required=True)
    fee_fen = fields.Integer(required=True)
    admission_id = fields.UUID(required=True, allow_none=True)
    benefit = fields.Nested(ParkingBenefitView, required=True, allow_none=True)
    obligation_id = fields.UUID(required=True, allow_none=True)
