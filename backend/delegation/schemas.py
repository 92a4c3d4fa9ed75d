"""Bodies of the delegation routes."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from backend.web.schemas import Day, Instant, Request, Text, View, one_of

KINDS = ("guardian", "ward", "helper")


class CardRequest(Request):
    """As on the card in the clerk's hand."""

    name = Text(most=60, required=True)
    id_number = Text(most=40, required=True)


class GuardianRequest(Request):
    """``kind``: ``guardian`` of a child, ``ward`` of an adult (a court has decided). ``ends_on``: the last day;
    without it the latest that is allowed.
    """

    kind = fields.String(required=True, validate=one_of("guardian", "ward"))
    guardian = fields.Nested(CardRequest, required=True)
    represented = fields.Nested(CardRequest, required=True)
    basis = Text(most=100, required=True)
    document_no = Text(most=60, required=True)
    ends_on = Day(load_default=None, allow_none=True)


class HelpRequest(Request):
    """Either ``card``, or ``code``: the presentation code (purpose ``counter``) that the person shows."""

    card = fields.Nested(CardRequest, load_default=None, allow_none=True)
    code = Text(most=400, load_default=None, allow_none=True)

    @validates_schema
    def one_proof(self, data: dict[str, Any], **_: Any) -> None:
        if (data.get("card") is None) == (data.get("code") is None):
            wrong = ["card 与 code 须给出且只给出一项。"]
            raise ValidationError({"card": wrong, "code": wrong})


class DelegationView(View):
    """``mine``: as which side the reader sees it. ``resident_id``: what ``On-Behalf-Of`` takes; only for the actor."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=one_of(*KINDS))
    mine = fields.String(required=True, validate=one_of("actor", "represented"))
    resident_id = fields.UUID(required=True, allow_none=True)
    represented = fields.String(required=True)
    actor = fields.String(required=True)
    basis = fields.String(required=True)
    document_no = fields.String(required=True, allow_none=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    stands = fields.Boolean(required=True)


class DelegationListView(View):
    """All of one person's delegations."""

    items = fields.List(fields.Nested(DelegationView), required=True)
