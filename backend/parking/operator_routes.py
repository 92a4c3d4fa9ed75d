"""Parking over HTTP: the gate's attendant, and the operator's system with its signed requests."""

from __future__ import annotations

from typing import Any

from backend.accounts.errors import TooManyAttempts
from backend.admissions.errors import DeviceWithoutVenue
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, IdempotencyConflict
from backend.parking import errors, schemas, service
from backend.parking.signing import signed
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import allow, keyed
from backend.web.problems import problems

blp = blueprint("parking-operators", "信用停车：停车运营单位")


def _door() -> service.Door:
    caller = callers.current()
    return service.door(caller.device_id, caller.organisation_id, caller.venue_id)


@blp.route("/venue/plate-confirmations", methods=["POST"])
@allow("parking.confirm")
@keyed
@blp.arguments(schemas.PlateConfirmationRequest)
@blp.response(201, schemas.PlateConfirmationView)
@problems(
    FieldError, DeviceWithoutVenue, errors.NotACarPark, errors.PlateNotHers, CodeNotVerified, CodeExpired,
    TooManyAttempts,
)  # fmt: skip
def confirm_plate(body: dict[str, Any]) -> dict[str, Any]:
    """当面确认一块车牌

    工作人员看到这辆车，并扫描车主手机上的身份码（用途 `offer`，60 秒有效）。车主须已登记这块车牌。
    车牌原由另一人确认的，那一人的随即结束，并收到通知。同一个 Idempotency-Key 重试得到同样的答复。
    """
    at_door = _door()
    with reading() as reader:
        service.require_place(reader, at_door)
    with transaction() as session:
        service.count_confirming(session, at_door.device_id, body["plate"], body["code"])
    try:
        with transaction() as session:
            return service.confirm_plate(session, at_door, body["plate"], body["code"], callers.operation())
    except IdempotencyConflict:
        with transaction() as session:
            service.forget_confirming(session, at_door.device_id, body["code"])
        raise


@blp.route("/operator/entitlements", methods=["POST"])
@allow("parking.operate")
@keyed
@signed
@blp.arguments(schemas.ParkingQuestionRequest)
@blp.response(200, schemas.ParkingEntitlementView)
@problems(FieldError, DeviceWithoutVenue, errors.NotACarPark)
def ask_parking_entitlement(body: dict[str, Any]) -> dict[str, Any]:
    """这块车牌此刻在本停车场有没有优惠

    车主授权了本单位才有答复；没有登记、没有授权、没有优惠，答复都是同样的 `entitled: false`，不说明原因。
    车主看得到每次询问。`valid_until` 之前可以依此答复；离场时实际使用的以 `POST /operator/exits` 的答复为准。
    """
    with transaction() as session:
        return service.ask(session, _door(), body["plate"], callers.operation())


@blp.route("/operator/entries", methods=["POST"])
@allow("parking.operate")
@keyed
@signed
@blp.arguments(schemas.ParkingEntryRequest)
@blp.response(201, schemas.ParkingEntryView)
@problems(FieldError, DeviceWithoutVenue, errors.NotACarPark, errors.TicketKnown)
def report_parking_entry(body: dict[str, Any]) -> dict[str, Any]:
    """报入场

    票号在本停车场只用一次，不能含车牌。时间不晚于现在两分钟，不早于七天前。车主没有授权的，只记票号，不记车牌；
    答复相同。
    """
    with transaction() as session:
        return service.enter(
            session, _door(), body["plate"], body["entered_at"], body["ticket"], callers.operation()
        )  # fmt: skip


@blp.route("/operator/exits", methods=["POST"])
@allow("parking.operate")
@keyed
@signed
@blp.arguments(schemas.ParkingExitRequest)
@blp.response(201, schemas.ParkingExitView)
@problems(
    FieldError, DeviceWithoutVenue, errors.NotACarPark, errors.TicketUnknown, errors.StayEnded,
    errors.BenefitNotAvailable,
)  # fmt: skip
def report_parking_exit(body: dict[str, Any]) -> dict[str, Any]:
    """报离场，并使用一项优惠

    写明 `offer_id` 的，使用车主已有的券，或即时兑换并使用不需要积分的优惠；一次停车一项。优惠是后付费的，`owed_fen`
    为应付多少分（0 为无须付款），`obligation_id` 是这笔账单。优惠不能用时（`benefit-not-available`）没有记录离场。
    """
    with transaction() as session:
        return service.leave(session, _door(), service.Exit(**body), callers.operation())
