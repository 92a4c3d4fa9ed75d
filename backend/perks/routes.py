"""The edge of perks: browsing, redeeming, coupons, and what a venue's device does."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.accounts.errors import SpendingPaused
from backend.codes import service as codes
from backend.codes.errors import SigningKeyMissing
from backend.kit import figures
from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.ledger.errors import NotEnoughPoints, PointsLimitReached
from backend.offers.errors import SlotFull, SoldOut
from backend.perks import errors, schemas, service
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed, public
from backend.web.counting import counted
from backend.web.problems import problems

blp = blueprint("perks", "信易+ 场景、优惠、券与核销")

REDEEM_REFUSALS = (
    SoldOut, SlotFull, errors.LimitReached, errors.OfferClosed, errors.NotEntitled, NotEnoughPoints, PointsLimitReached,
    SpendingPaused,
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


@blp.route("/perks/offers/<uuid:offer_id>/slots", methods=["GET"])
@public
@blp.arguments(schemas.SlotsQuery, location="query")
@blp.response(200, paging.page_of(schemas.SlotView))
@problems(NotFound)
def list_slots(query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
    """一项优惠现在可以预约的时段

    `from`、`to` 为上海日期，两端都含，至多 31 天；不写时从今天起 7 天。不分时段的优惠没有时段。任何人可看。
    """
    position = paging.decode_cursor(query["cursor"], datetime)
    with reading() as reader:
        found = service.slots_shown(reader, offer_id, query["from_on"], query["to_on"])
    later = [slot for slot in found if position is None or slot.starts_at > position[0]]
    return paging.page(later[: query["limit"] + 1], query["limit"], lambda slot: (slot.starts_at,))


# --- redeeming and coupons ---------------------------------------------------------------------------------------


@blp.route("/perks/offers/<uuid:offer_id>/redemptions", methods=["POST"])
@allow("perks.redeem")
@keyed
@blp.arguments(schemas.RedemptionRequest, required=False)
@blp.response(201, schemas.RedemptionView)
@problems(NotFound, IdentityNotBound, *REDEEM_REFUSALS)
@counted(figures.REDEMPTIONS, "redeemed")
def redeem(body: dict[str, Any], offer_id: UUID) -> service.RedemptionView:
    """兑换一项优惠

    分时段的优惠须在 `slot_starts_at` 写明所选的时段（见时段列表），券只在那个时段有效；其他优惠不用请求体。
    按价格冻结积分（使用后付给合作机构，取消或过期按约定退回），得到一张券。价格为 0 的优惠不动积分。
    拒绝时什么都没有改变；`not-entitled` 列出全部理由。
    """
    caller = callers.current()
    guardian = caller.acting_id if caller.acts_as == "guardian" else None
    operation = callers.operation()  # before anybody waits for our locks
    with transaction() as session:
        return service.redeem(
            session, caller.person(), offer_id, operation, guardian_id=guardian,
            slot_starts_at=body.get("slot_starts_at"),
        )  # fmt: skip


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


@blp.route("/me/coupons/<uuid:coupon_id>/reissue", methods=["POST"])
@allow("coupons.reissue")
@keyed
@blp.response(200, schemas.CouponView)
@problems(IdentityNotBound, NotFound, errors.CouponNotActive)
def reissue_coupon(coupon_id: UUID) -> service.CouponView:
    """换发一张券

    手机丢失或截图外传时用：此前出示过的券码立即全部失效，离线核销的设备更新状态后也不再放行；券本身和剩余次数不变。
    """
    person = callers.current().person()
    with transaction() as session:
        return service.reissue(session, person, coupon_id, callers.operation())


@blp.route("/me/coupons/<uuid:coupon_id>/transfers", methods=["POST"])
@allow("coupons.read")
@blp.response(204)
@problems(IdentityNotBound, NotFound, errors.TransferRefused)
def transfer_coupon(coupon_id: UUID) -> None:
    """转让一张券：一律拒绝

    券按本人的条件发放，积分不在居民之间流动。回答总是 `transfer-refused`，并说明可以怎么做。
    """
    with reading() as reader:
        service.refuse_transfer(reader, callers.current().person(), coupon_id)


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
