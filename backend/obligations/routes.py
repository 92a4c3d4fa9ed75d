"""Obligations over HTTP: for the resident who owes, the partner who is owed, and the office that decides disputes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.kit import db
from backend.kit.errors import FieldError, NotFound
from backend.obligations import desk, disputes, schemas, service
from backend.obligations.desk import Claim, Desk
from backend.obligations.disputes import Reviewer
from backend.obligations.errors import AlreadyDisputed, ObligationStateRefused, OwnDispute
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed
from backend.web.paging import PageQuery, decode_cursor, page, page_of
from backend.web.problems import problems

blp = blueprint("obligations", "先享后付与免押：使用后的应付事项")
OWN, DISPUTE = "obligations.read_own", "obligations.dispute"
READ, COLLECT, DECIDE = "obligations.read", "obligations.collect", "obligations.decide"


def _position(one: Any) -> tuple[object, ...]:
    return one.opened_at, one.id


# --- the resident ----------------------------------------------------------------------------------------------------


@blp.route("/me/obligations", methods=["GET"])
@allow(OWN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.ObligationView))
@problems(IdentityNotBound)
def list_my_obligations(query: dict[str, Any]) -> dict[str, Any]:
    """我的先享后付和免押事项，从新到旧

    `explanation` 说明现在是什么情况、接下来会怎样。款项由本人直接付给商户，本平台只作记录、不收款；
    逾期只暂停同类优惠，付清即恢复，任何时候都不影响信用分。到期的变化随时间自动生效。
    """
    mine, before = callers.current().person(), decode_cursor(query["cursor"], datetime, UUID)
    with db.reading() as reader:
        found = service.my_obligations(reader, mine, query["limit"] + 1, before)
    return page(found, query["limit"], _position)


@blp.route("/me/obligations/<uuid:obligation_id>", methods=["GET"])
@allow(OWN)
@blp.response(200, schemas.ObligationView)
@problems(IdentityNotBound, NotFound)
def read_my_obligation(obligation_id: UUID) -> service.View:
    """我的一笔先享后付或免押事项"""
    mine = callers.current().person()
    with db.reading() as reader:
        return service.my_obligation(reader, mine, obligation_id)


@blp.route("/me/obligations/<uuid:obligation_id>/disputes", methods=["POST"])
@allow(DISPUTE)
@keyed
@blp.arguments(schemas.ObligationDisputeRequest)
@blp.response(201, schemas.ObligationView)
@problems(FieldError, IdentityNotBound, NotFound, ObligationStateRefused, AlreadyDisputed)
def dispute_obligation(body: dict[str, Any], obligation_id: UUID) -> service.View:
    """对商户报来的金额提出异议，由项目办公室决定

    每笔账单一次，逾期的也可以提。处理期间不算逾期，不暂停任何优惠；决定账单成立的，付款期限重新计算。
    """
    resident_id, operation = callers.current().person(), callers.operation()
    with db.transaction() as session:
        return service.dispute(session, resident_id, obligation_id, body["text"], operation)


# --- the partner -----------------------------------------------------------------------------------------------------


def _desk(action: str) -> Desk:
    """A manager's: the own organisations'. A device's: its venue's."""
    caller = callers.current()
    role = caller.role_for(action)
    if caller.kind == "device":
        own = {caller.organisation_id} - {None} if caller.venue_id else set()
        return Desk(frozenset(own), caller.venue_id, caller.account_id, role)  # type: ignore[arg-type]
    return Desk(caller.organisations_for(action), None, caller.account_id, role)


@blp.route("/partner/obligations", methods=["GET"])
@allow(READ)
@blp.arguments(schemas.ObligationQuery, location="query")
@blp.response(200, page_of(schemas.PartnerObligationView))
def list_partner_obligations(query: dict[str, Any]) -> dict[str, Any]:
    """本单位（设备：本场馆）的先享后付和免押事项，从新到旧

    `state` 只列现在处于这一状态的。不显示是谁的：请凭入场时的券或本单位自己的单据核对 `admission_id`。
    """
    mine, before = _desk(READ), decode_cursor(query["cursor"], datetime, UUID)
    with db.reading() as reader:
        found = desk.partner_obligations(reader, mine, query["state"], query["limit"] + 1, before)
    return page(found, query["limit"], _position)


@blp.route("/partner/obligations/<uuid:obligation_id>", methods=["GET"])
@allow(READ)
@blp.response(200, schemas.PartnerObligationView)
@problems(NotFound)
def read_partner_obligation(obligation_id: UUID) -> Claim:
    """本单位的一笔先享后付或免押事项"""
    with db.reading() as reader:
        return desk.partner_obligation(reader, _desk(READ), obligation_id)


@blp.route("/partner/obligations/<uuid:obligation_id>/charges", methods=["POST"])
@allow(COLLECT)
@keyed
@blp.arguments(schemas.ChargeRequest)
@blp.response(201, schemas.PartnerObligationView)
@problems(FieldError, NotFound, ObligationStateRefused)
def charge_obligation(body: dict[str, Any], obligation_id: UUID) -> Claim:
    """报账：应付多少、为什么

    金额为整数分，不超过 `up_to_fen`；每笔一次，`charge_until_at` 以前。付款期限自此计算，到期前提醒对方，
    款项由对方直接付给本单位。事由由对方阅读，不要写姓名、电话。
    """
    operation = callers.operation()
    with db.transaction() as session:
        return desk.charge(
            session, _desk(COLLECT), obligation_id, body["amount_fen"], operation, reason=body["reason"]
        )  # fmt: skip


@blp.route("/partner/obligations/<uuid:obligation_id>/payments", methods=["POST"])
@allow(COLLECT)
@keyed
@blp.arguments(schemas.PaymentRequest)
@blp.response(201, schemas.PartnerObligationView)
@problems(FieldError, NotFound, ObligationStateRefused)
def report_payment(body: dict[str, Any], obligation_id: UUID) -> Claim:
    """登记已经付清

    须为全额。逾期的随即恢复。`paid_at` 是实际付款时间：在期限内付的，登记得再晚也不算逾期。
    """
    operation = callers.operation()
    with db.transaction() as session:
        return desk.settle(session, _desk(COLLECT), obligation_id, operation, paid_at=body["paid_at"])


@blp.route("/partner/obligations/<uuid:obligation_id>/release", methods=["POST"])
@allow(COLLECT)
@keyed
@blp.response(200, schemas.PartnerObligationView)
@problems(NotFound, ObligationStateRefused)
def release_obligation(obligation_id: UUID) -> Claim:
    """了结还没有报账的一笔：对方无须付款

    例如退房时没有损坏。不操作也会在 `charge_until_at` 自动了结。
    """
    operation = callers.operation()
    with db.transaction() as session:
        return desk.release(session, _desk(COLLECT), obligation_id, operation)


@blp.route("/partner/obligations/<uuid:obligation_id>/withdrawal", methods=["POST"])
@allow(COLLECT)
@keyed
@blp.response(200, schemas.PartnerObligationView)
@problems(NotFound, ObligationStateRefused)
def withdraw_obligation(obligation_id: UUID) -> Claim:
    """撤销一笔：报错了账，或者不再要求付款

    报账前后、异议期间都可以；撤销后不能再报。
    """
    operation = callers.operation()
    with db.transaction() as session:
        return desk.withdraw(session, _desk(COLLECT), obligation_id, operation)


# --- the office ------------------------------------------------------------------------------------------------------


def _reviewer() -> Reviewer:
    caller = callers.current()
    held = next(one for one in caller.roles if one.role in callers.PERMISSIONS[DECIDE].roles)
    everywhere = frozenset(one.organisation_id for one in caller.roles)
    return Reviewer(caller.account_id, held.role, held.organisation_id, everywhere, caller.person_id)


@blp.route("/obligations/disputes", methods=["GET"])
@allow(DECIDE)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.DisputedObligationView))
def list_obligation_disputes(query: dict[str, Any]) -> dict[str, Any]:
    """待决定的异议，先提出的在前

    提出异议的人只显示化名（`pseudonym`）。
    """
    after = decode_cursor(query["cursor"], datetime, UUID)
    with db.reading() as reader:
        found = disputes.disputes(reader, query["limit"] + 1, after)
    return page(found, query["limit"], lambda one: (one.disputed_at, one.id))


@blp.route("/obligations/disputes/<uuid:obligation_id>", methods=["GET"])
@allow(DECIDE)
@blp.response(200, schemas.ObligationDisputeShownView)
@problems(NotFound)
def show_obligation_dispute(obligation_id: UUID) -> disputes.Shown:
    """一件异议：双方怎么说

    查看之前先记入异议人的查询登记。已经决定的也能看到。
    """
    with db.transaction() as session:
        return disputes.show(session, _reviewer(), obligation_id)


@blp.route("/obligations/disputes/<uuid:obligation_id>/decisions", methods=["POST"])
@allow(DECIDE)
@keyed
@blp.arguments(schemas.ObligationDecisionRequest)
@blp.response(201, schemas.ObligationDecidedView)
@problems(FieldError, NotFound, OwnDispute, ObligationStateRefused)
def decide_obligation_dispute(body: dict[str, Any], obligation_id: UUID) -> disputes.Decided:
    """决定一件异议：账单成立，或者取消，并写明理由

    成立的，付款期限从现在重新计算。不能决定自己、自己代办过的人、自己所在商户的异议。
    """
    operation = callers.operation()
    with db.transaction() as session:
        return disputes.decide(session, _reviewer(), obligation_id, body["decision"], body["reason"], operation)
