"""The edge of the door: what a venue's device does."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.admissions import errors, schemas, service
from backend.codes.errors import CodeExpired, CodeNotVerified, SigningKeyMissing
from backend.kit import figures
from backend.kit.db import reading, transaction
from backend.kit.errors import DomainError, NotFound
from backend.offers.errors import SoldOut
from backend.perks.errors import BlackoutDay, CouponNotYet, NotEntitled, OfferClosed
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import allow, keyed
from backend.web.counting import counted
from backend.web.problems import prefers_english, problems

blp = blueprint("admissions", "场所核销：核验、放行、离线包")

SCAN_REFUSALS = (
    errors.AlreadyUsed, errors.CouponCancelled, errors.CouponExpired, CouponNotYet, BlackoutDay, errors.NotYourOffer,
    errors.CouponRequired, NotEntitled, OfferClosed, SoldOut, errors.StatusUnknown, errors.DeviceWithoutVenue,
    CodeExpired, CodeNotVerified,
)  # fmt: skip


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
    at_door, operation = _door(), callers.operation()  # before anybody waits for our locks
    with transaction() as session:
        outcome = service.admit(session, at_door, body["code"], body["offer_id"], operation)
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


@blp.route("/venue/admissions/<uuid:admission_id>/undo", methods=["POST"])
@allow("venue.admit")
@keyed
@blp.response(200, schemas.UndoneView)
@problems(errors.DeviceWithoutVenue, NotFound, errors.UndoTooLate, errors.NothingToUndo)
@counted(figures.ADMISSIONS, "undone", how="online")
def undo_admission(admission_id: UUID) -> service.Undone:
    """撤销一次核销

    只能由核销它的那台设备，在 `limits.undo_seconds` 秒内（默认 60 秒，按服务器时间）撤销。次数退回券里，积分退回冻结，
    同一个券码马上可以再用；身份码即时兑换的，名额和限领次数一并退回。已撤销的再撤销，答复相同。
    之后再用核销时的 Idempotency-Key 重试，仍是当时的答复，不会再次核销。
    """
    with transaction() as session:
        return service.undo(session, _door(), admission_id, callers.operation())


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
