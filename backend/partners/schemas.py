"""What the routes of partners take and give."""

from __future__ import annotations

import json
import math
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from backend.web.paging import PageQuery
from backend.web.schemas import Day, Flag, Instant, Key, Request, Text, View, Whole, one_of

STATUSES = ("submitted", "returned", "proposed", "approved", "refused", "withdrawn", "lapsed")
DECISIONS = ("approved", "returned", "refused")
APPROVAL_STATES = ("proposed", "approved", "rejected", "withdrawn", "expired")
INVITATIONS = ("none", "due", "drawn", "used")
MOST_OFFER_BYTES, MOST_DEPTH = 20_000, 6
MOST_FEN = 100_000_000
PLAIN = r"^[^=+\-@<>][^<>]*$"
"""A name is no formula in somebody's spreadsheet and no markup on somebody's page."""


# --- asked -----------------------------------------------------------------------------------------------------------


class Degrees(fields.Float):
    """Degrees within bounds, as a JSON number; ``"32"``, ``true`` and other writings of a number are none."""

    def __init__(self, *, least: float, most: float, **kwargs: Any) -> None:
        self._least, self._most = least, most
        super().__init__(validate=validate.Range(least, most, error=f"应在 {least} 与 {most} 之间。"), **kwargs)

    def _validated(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("应为数字（度，WGS 84）。")
        if not self._least <= value <= self._most or not math.isfinite(value):
            raise ValidationError(f"应在 {self._least} 与 {self._most} 之间。")
        return round(float(value), 6)


class NewVenue(Request):
    """A place where offers are admitted. Degrees as WGS 84, within China."""

    name = Text(most=80, pattern=PLAIN, required=True)
    address = Text(most=200, pattern=PLAIN, required=True)
    lat = Degrees(least=3, most=54, required=True)
    lon = Degrees(least=73, most=136, required=True)


class ApplicationBody(Request):
    """``scenes``: ids as ``GET /perks/scenes`` lists them. The contact is somebody at work there; it is kept sealed."""

    unified_social_credit_code = Text(least=18, most=18, required=True, metadata={"description": "GB 32100，18 位"})
    name = Text(most=80, least=2, pattern=PLAIN, required=True, metadata={"description": "与营业执照一致的名称"})
    contact_name = Text(most=60, pattern=PLAIN, required=True)
    contact_phone = Text(least=6, most=20, pattern=r"^[0-9][0-9-]{5,19}$", required=True)
    contact_email = Text(most=120, pattern=r"^[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+$")
    venues = fields.List(
        fields.Nested(NewVenue), required=True, validate=validate.Length(1, 20, error="1 至 20 处场所。")
    )
    scenes = fields.List(
        Text(most=20, pattern=r"^[a-z0-9-]+$"), required=True, validate=validate.Length(1, 20, error="1 至 20 个场景。")
    )
    intends = Text(least=2, most=2000, required=True, metadata={"description": "打算提供的优惠和服务"})

    @validates_schema
    def no_scene_twice(self, data: dict[str, Any], **_: Any) -> None:
        if len(set(data.get("scenes", []))) != len(data.get("scenes", [])):
            raise ValidationError("同一个场景只写一次。", "scenes")


class ApplicationRequest(ApplicationBody):
    """``statement_of_truth``: what is said is true and the contact may act for the organisation."""

    statement_of_truth = Flag(
        required=True, validate=validate.Equal(True, error="须声明所填内容真实、联系人确有授权。"),
        metadata={"description": "声明所填内容真实、联系人确有授权；只能为 true"},
    )  # fmt: skip


class CaseDecisionRequest(Request):
    """``approved``: put before a second person. ``missing``: with ``returned``, what is still to be handed in."""

    decision = fields.String(required=True, validate=one_of(*DECISIONS))
    reason = Text(least=2, most=500, required=True, metadata={"description": "对方看得到；不要写证件号和手机号"})
    missing = fields.List(Text(most=200), load_default=list, validate=validate.Length(max=20, error="最多 20 条。"))


class ApplicationDecisionRequest(CaseDecisionRequest):
    """``slug``: what the partner will be called in the city's file; left out, it is made of the credit code."""

    slug = Text(most=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")


class SettlementRequest(Request):
    """Who pays what for each use of the offer. ``funding_account``: slug of the organisation that pays, or empty."""

    settlement_price_fen = Whole(least=0, most=MOST_FEN, required=True)
    funding_account = Text(least=0, most=60, required=True)


class ProposalDecisionRequest(CaseDecisionRequest):
    """``settlement``: of an offer; required where the partner asks for a price or an account of its own."""

    settlement = fields.Nested(SettlementRequest, allow_none=False)


class OfferField(fields.Dict):
    """An offer as ``perks.toml`` writes it, as JSON; dates as ``YYYY-MM-DD``. The linter judges what is in it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise ValidationError("应为对象，字段与 perks.toml 的 [[offers]] 相同。")
        if _depth(value) > MOST_DEPTH:
            raise ValidationError("嵌套太深。")
        try:
            size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
        except ValueError:
            raise ValidationError("含有无法保存的值。") from None
        if size > MOST_OFFER_BYTES:
            raise ValidationError(f"最多 {MOST_OFFER_BYTES} 字节。")
        for name in ("title", "summary", "benefit_text"):
            said = value.get(name)
            if isinstance(said, str) and (said.lstrip()[:1] in ("=", "+", "-", "@") or "<" in said or ">" in said):
                raise ValidationError({name: ["不能以 = + - @ 开头，不能含有尖括号。"]})
        return value


def _depth(value: Any) -> int:
    """How deep a structure goes; as deep as is asked at most."""
    level, depth = [value], 0
    while level and depth <= MOST_DEPTH:
        level = [
            inner for one in level if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]  # fmt: skip
        depth += 1
    return depth


class OfferProposalRequest(Request):
    """``offer``: new or changed, whole; or ``close``: the slug of an offer that is to end."""

    offer = OfferField(
        metadata={"description": "优惠全文，字段与 perks.toml 的 [[offers]] 相同；offer 与 close 给出其一"}
    )
    close = Text(most=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    organisation_id = Key(load_default=None, allow_none=True, metadata={"description": "在几个单位任职时须写明"})

    @validates_schema
    def one_of_two(self, data: dict[str, Any], **_: Any) -> None:
        if ("offer" in data) == ("close" in data):
            raise ValidationError("offer 与 close 给出其一。", "offer")


class ProposedVenue(NewVenue):
    """``slug``: of a venue to change; left out, it is a new one."""

    slug = Text(most=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")


class VenueProposalRequest(Request):
    venue = fields.Nested(ProposedVenue, required=True)
    organisation_id = Key(load_default=None, allow_none=True, metadata={"description": "在几个单位任职时须写明"})


class ProposalCorrection(Request):
    """Exactly one of the three, about the same offer or venue."""

    offer = OfferField(metadata={"description": "优惠全文；offer、close、venue 给出其一"})
    close = Text(most=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    venue = fields.Nested(ProposedVenue)
    organisation_id = Key(load_default=None, allow_none=True, metadata={"description": "在几个单位任职时须写明"})

    @validates_schema
    def one_of_three(self, data: dict[str, Any], **_: Any) -> None:
        if len(data.keys() & {"offer", "close", "venue"}) != 1:
            raise ValidationError("offer、close、venue 给出其一。", "offer")


class StaffWish(Request):
    """A colleague who is to be a manager of the own organisation too."""

    username = Text(most=40, least=3, required=True)
    display_name = Text(most=60, pattern=PLAIN, required=True)
    reason = Text(least=2, most=500, required=True, metadata={"description": "办公室看得到；不要写证件号和手机号"})
    organisation_id = Key(load_default=None, allow_none=True, metadata={"description": "在几个单位任职时须写明"})


class CasesQuery(PageQuery):
    status = fields.String(load_default=None, validate=one_of(*STATUSES))


class OwnQuery(Request):
    organisation_id = Key(load_default=None, metadata={"description": "在几个单位任职时须写明"})


class OwnPageQuery(PageQuery):
    organisation_id = Key(load_default=None, metadata={"description": "在几个单位任职时须写明"})


# --- answered --------------------------------------------------------------------------------------------------------


class AppliedView(View):
    """``follow_token`` is shown this once: whoever has it follows, corrects and withdraws the application and fetches
    the invitation."""

    id = fields.UUID(required=True)
    follow_token = fields.String(required=True)
    status = fields.String(required=True, validate=one_of(*STATUSES))
    applied_at = Instant(required=True)


class CaseDecisionView(View):
    decision = fields.String(required=True, validate=one_of(*DECISIONS))
    reason = fields.String(required=True)
    missing = fields.List(fields.String(), required=True)
    decided_at = Instant(required=True)


class CaseApprovalView(View):
    """The proposal that a second person decides."""

    id = fields.UUID(required=True)
    state = fields.String(required=True, validate=one_of(*APPROVAL_STATES))


class _CaseView(View):
    """``missing``: what is to be handed in while it is ``returned``. ``policy_version``: of what was published."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=one_of(*STATUSES))
    status_text = fields.String(required=True)
    decisions = fields.List(fields.Nested(CaseDecisionView), required=True)
    missing = fields.List(fields.String(), required=True)
    approval = fields.Nested(CaseApprovalView, required=True, allow_none=True)
    policy_version = fields.String(required=True)
    applied_at = Instant(required=True)
    changed_at = Instant(required=True)


class ApplicationVenueView(View):
    name = fields.String(required=True)
    address = fields.String(required=True)
    lat = fields.Float(required=True)
    lon = fields.Float(required=True)


class PartnerApplicationView(_CaseView):
    """An application in a list."""

    unified_social_credit_code = fields.String(required=True)
    name = fields.String(required=True)
    scenes = fields.List(fields.String(), required=True)
    organisation_id = fields.UUID(required=True, allow_none=True)


class _WholeApplicationView(PartnerApplicationView):
    venues = fields.List(fields.Nested(ApplicationVenueView), required=True)
    intends = fields.String(required=True)
    contact_until_on = Day(required=True, allow_none=True, metadata={"description": "联系人保存到这一天，之后删除"})


class MaskedContactView(View):
    """Masked. ``email``: whether one was given."""

    name = fields.String(required=True)
    phone = fields.String(required=True)
    email = fields.Boolean(required=True)


class FollowedApplicationView(_WholeApplicationView):
    """``invitation``: none, due (approved; fetch it), drawn (a link is out; fetching another voids it), used."""

    contact = fields.Nested(MaskedContactView, required=True, allow_none=True)
    invitation = fields.String(required=True, validate=one_of(*INVITATIONS))


class ContactView(View):
    name = fields.String(required=True)
    phone = fields.String(required=True)
    email = fields.String(required=True)


class HintView(View):
    """What the archives say of the applicant; it decides nothing."""

    slug = fields.String(required=True)
    text = fields.String(required=True)


class ReviewedApplicationView(_WholeApplicationView):
    """``contact``: in full for the office, where the look is noted; null otherwise and once it was deleted."""

    contact = fields.Nested(ContactView, required=True, allow_none=True)
    hints = fields.List(fields.Nested(HintView), required=True)


class InvitationLinkView(View):
    """``link`` is shown this once and works once."""

    id = fields.UUID(required=True)
    link = fields.String(required=True)
    expires_at = Instant(required=True)


class PartnerVenueView(View):
    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    lat = fields.Float(required=True)
    lon = fields.Float(required=True)


class PartnerOfferView(View):
    """``item``: the whole offer as the city's file has it; correct a copy of it and propose that."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    title = fields.String(required=True)
    scene = fields.String(required=True)
    kind = fields.String(required=True)
    status = fields.String(required=True, validate=one_of("open", "closed"))
    item = fields.Dict(required=True)


class OwnPartnerView(View):
    """``is_partner``: whether the city's file names it. ``policy_version``: of what is shown here."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    unified_social_credit_code = fields.String(required=True, allow_none=True)
    is_partner = fields.Boolean(required=True)
    policy_version = fields.String(required=True)
    venues = fields.List(fields.Nested(PartnerVenueView), required=True)
    offers = fields.List(fields.Nested(PartnerOfferView), required=True)
    devices_active = fields.Integer(required=True)
    devices_suspended = fields.Integer(required=True)
    proposals_open = fields.Integer(required=True)


class PartnerChangeView(View):
    """``before`` or ``after`` is null where there is nothing."""

    path = fields.String(required=True)
    before = fields.String(required=True, allow_none=True)
    after = fields.String(required=True, allow_none=True)


class PartnerProposalView(_CaseView):
    """``kind``: offer (new or changed), close, venue. ``content``: as it would stand in the city's file."""

    organisation_id = fields.UUID(required=True)
    partner_name = fields.String(required=True)
    kind = fields.String(required=True, validate=one_of("offer", "close", "venue"))
    slug = fields.String(required=True)
    content = fields.Dict(required=True)
    proposer = fields.String(required=True)


class PartnerProposalDetailView(PartnerProposalView):
    """``changes``: against the latest version of the city's file; empty once it is closed."""

    changes = fields.List(fields.Nested(PartnerChangeView), required=True)


class OfferVersionView(View):
    """A version of the city's file that changed the offer. ``proposed_by``: partner, then with ``proposer`` and
    ``proposal_id``, or office."""

    version = fields.String(required=True)
    effective_on = Day(required=True)
    published_at = Instant(required=True)
    act = fields.String(required=True, validate=one_of("added", "changed", "removed"))
    proposed_by = fields.String(required=True, validate=one_of("partner", "office"))
    proposer = fields.String(required=True)
    proposal_id = fields.UUID(required=True, allow_none=True)
    changes = fields.List(fields.Nested(PartnerChangeView), required=True)


class StaffWishView(View):
    """``status``: as the office's approval stands. ``invitation``: as of an application."""

    id = fields.UUID(required=True)
    username = fields.String(required=True)
    display_name = fields.String(required=True)
    status = fields.String(required=True, validate=one_of(*APPROVAL_STATES))
    invitation = fields.String(required=True, validate=one_of(*INVITATIONS))
    approval_id = fields.UUID(required=True)
    requested_at = Instant(required=True)
