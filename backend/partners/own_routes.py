"""A partner's own routes: for its managers, about their organisation alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.approvals.errors import ApprovalClosed
from backend.approvals.routes import actor_for
from backend.declarations.errors import WhichOrganisation
from backend.kit.db import Reader, reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.partners import cases, colleagues, errors, own, proposals, schemas
from backend.partners.cases import PROPOSALS
from backend.partners.colleagues import Colleague
from backend.partners.proposals import Own, Wish
from backend.partners.routes import blp, position
from backend.staff.errors import UsernameTaken
from backend.web import callers
from backend.web.callers import allow, keyed
from backend.web.paging import decode_cursor, page, page_of
from backend.web.problems import problems

PROPOSE, STAFF = "partners.propose", "partners.staff"
REFUSALS = (NotFound, FieldError, WhichOrganisation, errors.ProposalRefused)


def _own(reader: Reader, named: UUID | None, action: str = PROPOSE) -> Own:
    return own.own(reader, callers.current().organisations_for(action), named, actor_for(action))


def _its_own(reader: Reader, proposal_id: UUID) -> Own:
    """On whose behalf the caller acts on a proposal: of her organisations, that which proposed it."""
    return _own(reader, cases.row(reader, PROPOSALS, proposal_id).organisation_id)


def _wish(body: dict[str, Any]) -> Wish:
    if "close" in body:
        return Wish("close", {"slug": body["close"]})
    return Wish("venue", body["venue"]) if "venue" in body else Wish("offer", body["offer"])


@blp.route("/partner", methods=["GET"])
@allow(PROPOSE)
@blp.arguments(schemas.OwnQuery, location="query")
@blp.response(200, schemas.OwnPartnerView)
@problems(NotFound, WhichOrganisation)
def read_own_partner(query: dict[str, Any]) -> dict[str, Any]:
    """本单位：场所、优惠、设备数、在办的提议数"""
    with reading() as reader:
        return own.shown(reader, _own(reader, query["organisation_id"]))


def _propose(body: dict[str, Any]) -> dict[str, Any]:
    with transaction() as session:
        mine = _own(session, body["organisation_id"])
        made = proposals.propose(session, callers.operation(), mine, _wish(body))
        return proposals.shown(session, made, mine.organisation_id)


@blp.route("/partner/offer-proposals", methods=["POST"])
@allow(PROPOSE)
@keyed
@blp.arguments(schemas.OfferProposalRequest)
@blp.response(201, schemas.PartnerProposalDetailView)
@problems(*REFUSALS, errors.ProposalOpen, errors.TooManyProposals)
def propose_offer(body: dict[str, Any]) -> dict[str, Any]:
    """提出新的优惠、变更优惠，或停止一项优惠

    提出时即按城市政策的同一套规则检查，违反的规则逐条列出（`proposal-refused`），什么都不保存。只能用本单位的名义和场所；
    结算价和出资账户可以提出，由办公室确定。每一项变更经办公室审核、另一个人批准后，成为优惠政策的新版本。
    """
    return _propose(body)


@blp.route("/partner/venue-proposals", methods=["POST"])
@allow(PROPOSE)
@keyed
@blp.arguments(schemas.VenueProposalRequest)
@blp.response(201, schemas.PartnerProposalDetailView)
@problems(*REFUSALS, errors.ProposalOpen, errors.TooManyProposals)
def propose_venue(body: dict[str, Any]) -> dict[str, Any]:
    """提出新的场所，或变更本单位的场所"""
    return _propose(body)


@blp.route("/partner/proposals", methods=["GET"])
@allow(PROPOSE)
@blp.arguments(schemas.OwnPageQuery, location="query")
@blp.response(200, page_of(schemas.PartnerProposalView))
@problems(NotFound, WhichOrganisation)
def list_own_proposals(query: dict[str, Any]) -> dict[str, Any]:
    """本单位提出的优惠和场所，新的在前"""
    before = decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        where = _own(reader, query["organisation_id"]).organisation_id
        place = (before[0], before[1]) if before else None
        rows = cases.several(reader, PROPOSALS, query["limit"] + 1, place, organisation_id=where)
        return page(proposals.listed(reader, rows), query["limit"], position)


@blp.route("/partner/proposals/<uuid:proposal_id>", methods=["GET"])
@allow(PROPOSE)
@blp.response(200, schemas.PartnerProposalDetailView)
@problems(NotFound)
def read_own_proposal(proposal_id: UUID) -> dict[str, Any]:
    """本单位的一件提议：状态、办公室的决定、与现行优惠政策的差异"""
    with reading() as reader:
        return _shown(reader, proposal_id)


def _shown(reader: Reader, proposal_id: UUID) -> dict[str, Any]:
    return proposals.shown(reader, proposal_id, _its_own(reader, proposal_id).organisation_id)


@blp.route("/partner/proposals/<uuid:proposal_id>", methods=["PUT"])
@allow(PROPOSE)
@blp.arguments(schemas.ProposalCorrection)
@blp.response(200, schemas.PartnerProposalDetailView)
@problems(*REFUSALS, errors.CaseDecided)
def correct_proposal(body: dict[str, Any], proposal_id: UUID) -> dict[str, Any]:
    """补正被退回的提议，针对同一个优惠或场所，整份重新填写"""
    with transaction() as session:
        mine = _its_own(session, proposal_id)
        if body["organisation_id"] not in (None, mine.organisation_id):
            raise NotFound()
        proposals.correct(session, mine, proposal_id, _wish(body))
        return _shown(session, proposal_id)


@blp.route("/partner/proposals/<uuid:proposal_id>/withdrawal", methods=["POST"])
@allow(PROPOSE)
@blp.response(200, schemas.PartnerProposalDetailView)
@problems(NotFound, errors.CaseDecided)
def withdraw_proposal(proposal_id: UUID) -> dict[str, Any]:
    """撤回还没有办结的提议；重复撤回不改变什么"""
    with transaction() as session:
        proposals.withdraw(session, _its_own(session, proposal_id), proposal_id)
        return _shown(session, proposal_id)


@blp.route("/partner/offers/<uuid:offer_id>/versions", methods=["GET"])
@allow(PROPOSE)
@blp.arguments(schemas.OwnPageQuery, location="query")
@blp.response(200, page_of(schemas.OfferVersionView))
@problems(NotFound, WhichOrganisation)
def list_offer_versions(query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
    """本单位一项优惠的历次版本，新的在前：哪一版、何时发布、谁提出、改了什么"""
    before = decode_cursor(query["cursor"], str)
    with reading() as reader:
        mine = _own(reader, query["organisation_id"])
        found = own.versions(reader, mine, offer_id, query["limit"] + 1, before[0] if before else None)
    return page(found, query["limit"], lambda one: (one["version"],))


# --- colleagues ------------------------------------------------------------------------------------------------------


def _its_request(session: Session, request_id: UUID) -> Own:
    """The organisation of the caller's that asked. Raises NotFound."""
    for organisation_id in sorted(callers.current().organisations_for(STAFF)):
        mine = _own(session, organisation_id, STAFF)
        if colleagues.is_of(session, organisation_id, request_id):
            return mine
    raise NotFound()


@blp.route("/partner/staff-requests", methods=["POST"])
@allow(STAFF)
@keyed
@blp.arguments(schemas.StaffWish)
@blp.response(201, schemas.StaffWishView)
@problems(FieldError, NotFound, WhichOrganisation, UsernameTaken, errors.TooManyProposals)
def request_staff(body: dict[str, Any]) -> dict[str, Any]:
    """为同事申请本单位合作方管理员的账号

    由办公室批准（`approval_id`），批准后由本单位领取一次性邀请链接转交本人；密码和验证器由本人设定。
    """
    wanted = Colleague(body["username"], body["display_name"], body["reason"])
    with transaction() as session:
        mine = _own(session, body["organisation_id"], STAFF)
        made = colleagues.request(session, callers.operation(), mine, wanted)
        return colleagues.shown(session, mine.organisation_id, made)


@blp.route("/partner/staff-requests", methods=["GET"])
@allow(STAFF)
@blp.arguments(schemas.OwnPageQuery, location="query")
@blp.response(200, page_of(schemas.StaffWishView))
@problems(NotFound, WhichOrganisation)
def list_staff_requests(query: dict[str, Any]) -> dict[str, Any]:
    """本单位的账号申请，新的在前"""
    before = decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        where = _own(reader, query["organisation_id"], STAFF).organisation_id
        place = (before[0], before[1]) if before else None
        found = colleagues.requests(reader, where, query["limit"] + 1, place)
    return page(found, query["limit"], lambda one: (one["requested_at"], one["id"]))


@blp.route("/partner/staff-requests/<uuid:request_id>/withdrawal", methods=["POST"])
@allow(STAFF)
@blp.response(200, schemas.StaffWishView)
@problems(NotFound, ApprovalClosed)
def withdraw_staff_request(request_id: UUID) -> dict[str, Any]:
    """撤回还没有批准的账号申请；重复撤回不改变什么"""
    with transaction() as session:
        mine = _its_request(session, request_id)
        colleagues.withdraw(session, mine, request_id)
        return colleagues.shown(session, mine.organisation_id, request_id)


@blp.route("/partner/staff-requests/<uuid:request_id>/invitation", methods=["POST"])
@allow(STAFF)
@blp.response(201, schemas.InvitationLinkView)
@problems(NotFound, errors.InvitationNotDue, errors.InvitationUsed, UsernameTaken)
def draw_staff_invitation(request_id: UUID) -> Any:
    """账号申请批准后，领取给同事的一次性邀请链接

    72 小时内有效，只显示这一次；再领一次，先前的作废。
    """
    with transaction() as session:
        return colleagues.draw_invitation(session, _its_request(session, request_id), request_id)


__all__ = ["blp"]
