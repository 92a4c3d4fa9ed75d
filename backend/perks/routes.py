"""The edge of perks: browsing, redeeming, coupons, and what a venue's device does."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.accounts.errors import SpendingPaused
from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified, SigningKeyMissing
from backend.kit import figures
from backend.kit.db import reading, transaction
from backend.kit.errors import DomainError, NotFound
from backend.ledger.errors import NotEnoughPoints, PointsLimitReached
from backend.perks import errors, schemas, service
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed, public
from backend.web.counting import counted
from backend.web.problems import prefers_english, problems

blp = blueprint("perks", "信易+ 场景、优惠、券与核销")

REDEEM_REFUSALS = (
    errors.SoldOut, errors.LimitReached, errors.OfferClosed, errors.NotEntitled, NotEnoughPoints, PointsLimitReached,
    SpendingPaused,
)  # fmt: skip
SCAN_REFUSALS = (
    errors.AlreadyUsed, errors.CouponCancelled, errors.CouponExpired, errors.NotYourOffer, errors.CouponRequired,
    errors.NotEntitled, errors.OfferClosed, errors.SoldOut, errors.StatusUnknown, errors.DeviceWithoutVenue,
    CodeExpired, CodeNotVerified,
)  # fmt: skip


def _asker() -> service.Asker:
    caller = callers.maybe()
    return service.NOBODY if caller is None else service.Asker(True, caller.resident_id)


# --- browsing ----------------------------------------------------------------------------------------------------


@blp.route("/perks/scenes", methods=["GET"])
@public
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.SceneView))
def list_scenes(query: dict[str, Any]) -> dict[str, Any]:
    """信易+ 场景

    本市开设的全部场景，按本市的顺序，以及各自正在开放的优惠数。任何人可看。
    """
    with reading() as reader:
        return paging.part_of(service.scenes(reader), query)


@blp.route("/perks/offers", methods=["GET"])
@public
@blp.arguments(schemas.OffersQuery, location="query")
@blp.response(200, paging.page_of(schemas.OfferView))
def list_offers(query: dict[str, Any]) -> dict[str, Any]:
    """优惠列表

    任何人可看。每项优惠附判断 `entitled`：能否享受，以及每一条符合与不符合的理由和办法；未登录或未实名绑定时为
    `sign-in`。`entitled=true` 只列出本人现在就能兑换的，`false` 只列出不能的。
    """
    position = paging.decode_cursor(query["cursor"], int)
    with reading() as reader:
        found = service.offers(
            reader, _asker(), scene=query["scene"], venue_id=query["venue"], entitled=query["entitled"],
            after=position[0] if position else None, limit=query["limit"],
        )  # fmt: skip
    return paging.page(found, query["limit"], lambda offer: (offer.position,))


@blp.route("/perks/offers/<uuid:offer_id>", methods=["GET"])
@public
@blp.response(200, schemas.OfferView)
@problems(NotFound)
def read_offer(offer_id: UUID) -> service.OfferView:
    """一项优惠

    包括已下线的（持有的券仍然有效）。任何人可看；`entitled` 说明本人能否享受及全部理由。
    """
    with reading() as reader:
        return service.offer(reader, offer_id, _asker())


# --- redeeming and coupons ---------------------------------------------------------------------------------------


@blp.route("/perks/offers/<uuid:offer_id>/redemptions", methods=["POST"])
@allow("perks.redeem")
@keyed
@blp.response(201, schemas.RedemptionView)
@problems(NotFound, IdentityNotBound, *REDEEM_REFUSALS)
@counted(figures.REDEMPTIONS, "redeemed")
def redeem(offer_id: UUID) -> service.RedemptionView:
    """兑换一项优惠

    按价格冻结积分（使用后付给合作机构，取消或过期按约定退回），得到一张券。价格为 0 的优惠不动积分。
    拒绝时什么都没有改变；`not-entitled` 列出全部理由。
    """
    caller = callers.current()
    guardian = caller.acting_id if caller.acts_as == "guardian" else None
    with transaction() as session:
        return service.redeem(session, caller.person(), offer_id, callers.operation(), guardian_id=guardian)


@blp.route("/me/coupons", methods=["GET"])
@allow("coupons.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.CouponView))
@problems(IdentityNotBound)
def list_coupons(query: dict[str, Any]) -> dict[str, Any]:
    """我的券，新的在前"""
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    after = (position[0], position[1]) if position else None
    with reading() as reader:
        found = service.coupons(reader, callers.current().person(), after=after, limit=query["limit"])
    return paging.page(found, query["limit"], lambda coupon: (coupon.created_at, coupon.id))


@blp.route("/me/coupons/<uuid:coupon_id>", methods=["GET"])
@allow("coupons.read")
@blp.response(200, schemas.CouponView)
@problems(IdentityNotBound, NotFound)
def read_coupon(coupon_id: UUID) -> service.CouponView:
    """我的一张券"""
    with reading() as reader:
        return service.coupon(reader, callers.current().person(), coupon_id)


@blp.route("/me/coupons/<uuid:coupon_id>/codes", methods=["POST"])
@allow("coupons.show")
@blp.arguments(schemas.QrQuery, location="query")
@blp.response(201, schemas.CodeView)
@problems(IdentityNotBound, NotFound, errors.CouponNotActive, SigningKeyMissing)
def create_coupon_code(query: dict[str, Any], coupon_id: UUID) -> dict[str, Any]:
    """出示一张券

    生成一个签名的券码，有效时间按该优惠的离线约定，不超过券的有效期。码中没有姓名、证件号和信用分。
    """
    with reading() as reader:
        return _shown(service.coupon_code(reader, callers.current().person(), coupon_id), query["qr"])


@blp.route("/me/coupons/<uuid:coupon_id>/cancellation", methods=["POST"])
@allow("coupons.cancel")
@keyed
@blp.response(200, schemas.CouponView)
@problems(IdentityNotBound, NotFound, errors.NotCancellable)
def cancel_coupon(coupon_id: UUID) -> service.CouponView:
    """取消一张未使用的券

    积分退回原来的批次，名额和限领次数放回，券码立即失效。与核销同时发生时，只有其中一个成功。
    """
    person = callers.current().person()
    with transaction() as session:
        return service.cancel(session, person, coupon_id, callers.operation())


@blp.route("/me/presentation-codes", methods=["POST"])
@allow("presentations.show")
@blp.arguments(schemas.PresentationRequest)
@blp.arguments(schemas.QrQuery, location="query")
@blp.response(201, schemas.CodeView)
@problems(IdentityNotBound, SigningKeyMissing)
def create_presentation_code(body: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """出示身份码

    一分钟内有效、只能在线核验的码。`purpose` 为 `offer` 时，场所凭它询问一项优惠能否享受，只得到“是”或“否”；
    为 `counter` 时，窗口工作人员凭它代办一次，或（代替报身份证号）查看办理所需的信息；都先登记，您能看到。
    """
    with reading() as reader:
        shown = service.presentation_code(reader, callers.current().person(), body["purpose"])
        return _shown(shown, query["qr"])


def _shown(code: codes.SignedCode, qr: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": code.text, "expires_at": code.expires_at}
    if qr == "svg":
        shown["qr_svg"] = codes.qr_svg_fast(code.text)
    return shown


# --- a venue's device ----------------------------------------------------------------------------------------------


def _door() -> service.Door:
    caller = callers.current()
    return service.door(caller.device_id, caller.organisation_id, caller.venue_id)


@blp.route("/venue/verifications", methods=["POST"])
@allow("venue.verify")
@blp.arguments(schemas.ScanRequest)
@blp.response(200, schemas.VerificationView)
@problems(errors.DeviceWithoutVenue)
def verify_code(body: dict[str, Any]) -> dict[str, Any]:
    """核验一个码，什么都不改变

    回答此刻能否放行；`reason` 是核销时会得到的问题类型。身份码须附 `offer_id`，只回答能否享受，不说明原因，
    也不涉及信用分和等级。
    """
    with reading() as reader:
        judged = service.verify(reader, _door(), body["code"], body["offer_id"])
    figures.VERIFICATIONS.labels(judged.reason or judged.verdict).inc()
    refusal = judged.refusal
    answer: dict[str, Any] = {
        "verdict": judged.verdict, "reason": judged.reason, "title": None, "detail": None, "offer": judged.offer,
        "uses_left": judged.uses_left,
    }  # fmt: skip
    if refusal is not None:
        english = prefers_english()
        answer["title"] = refusal.title_en if english else refusal.title_zh
        answer["detail"] = (refusal.detail_en if english else refusal.detail_zh) or None
        if isinstance(refusal, errors.AlreadyUsed):
            used_at = refusal.members.get("used_at")
            answer["used_at"] = datetime.fromisoformat(used_at) if used_at else None
            answer["venue"] = refusal.members.get("venue")
    return answer


@blp.route("/venue/admissions", methods=["POST"])
@allow("venue.admit")
@keyed
@blp.arguments(schemas.ScanRequest)
@blp.response(201, schemas.AdmissionView)
@problems(*SCAN_REFUSALS)
@counted(figures.ADMISSIONS, "admitted", how="online")
def admit(body: dict[str, Any]) -> service.Outcome:
    """核销一次

    券码核销一次使用；身份码对不需要积分的优惠即时兑换并核销。每次拒绝都有原因，并记入本机的扫码记录；
    同一个 Idempotency-Key 重试得到同样的答复。`already-used` 附上次使用的时间和场所。
    """
    with transaction() as session:
        outcome = service.admit(session, _door(), body["code"], body["offer_id"], callers.operation())
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


@blp.route("/venue/offline-pack", methods=["GET"])
@allow("venue.pack")
@blp.response(200, schemas.OfflinePackView)
@problems(errors.DeviceWithoutVenue, SigningKeyMissing)
def read_offline_pack() -> Any:
    """离线包

    本机所属场馆断网时核验所需的一切：公钥、签名的撤销列表、已用次数、可核销的优惠及各自的离线约定。
    以 `server_time` 为起点用单调时钟计时，到 `valid_until` 后一律不放行。ETag 不变则内容未变。
    """
    with reading() as reader:
        pack = service.offline_pack(reader, _door())
    return pack, 200, {"ETag": f'"{pack["digest"]}"'}


@blp.route("/venue/admissions/batch", methods=["POST"])
@allow("venue.admit")
@blp.arguments(schemas.UploadRequest)
@blp.response(200, schemas.UploadView)
@problems(*SCAN_REFUSALS, errors.OfflineNotAllowed, errors.ScanTimeNotCredible)
def upload_admissions(body: dict[str, Any]) -> dict[str, Any]:
    """上传离线核销

    一次至多 100 行，逐行答复，互不影响。每行的 `id` 就是它的幂等键，可放心整批重传；与在线核销用过的键相同的行
    得到当时的答复。已经发生的照实记录：当时合规的为 `admitted`；真实但不该放行的为 `conflict`，不结算，待核对；
    验证不了的为 `refused`；`failed` 表示没有记录，请稍后重传。`reason` 是问题类型。
    """
    at_door, actor_id = _door(), callers.current().account_id
    items = [_upload(at_door, actor_id, row) for row in body["admissions"]]
    for item in items:
        figures.ADMISSIONS.labels("offline", item["reason"] or item["verdict"]).inc()
    return {"items": items}


def _upload(at_door: service.Door, actor_id: UUID, row: dict[str, Any]) -> dict[str, Any]:
    """One row in its own transaction, so that it harms none of the others."""
    try:
        with transaction() as session:
            found = service.upload(session, at_door, actor_id, row["id"], row["code"], row["at"])
    except DomainError as error:
        return {"id": row["id"], "verdict": "failed", "reason": error.slug, "admission_id": None, "offer": None,
                "uses_left": None}  # fmt: skip
    return {
        "id": row["id"], "verdict": found.verdict, "reason": found.reason, "offer": found.offer,
        "admission_id": None if found.verdict == "refused" else found.id, "uses_left": found.uses_left,
    }  # fmt: skip
