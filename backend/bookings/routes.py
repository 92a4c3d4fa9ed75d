"""Time slots over HTTP: waiting for a full one, one's bookings, and what comes of not coming."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response

from backend.accounts.errors import SpendingPaused
from backend.bookings import errors, schemas, service
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.perks.errors import NotEntitled, OfferClosed
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed
from backend.web.paging import PageQuery, decode_cursor, page, page_of, part_of
from backend.web.problems import problems

blp = blueprint("bookings", "时段预约：候补、未到")
CALENDAR = "text/calendar"
FILE = {"type": "string"}


@blp.route("/perks/offers/<uuid:offer_id>/slots/waiting", methods=["POST"])
@allow("bookings.wait")
@keyed
@blp.arguments(schemas.WaitingRequest)
@blp.response(201, schemas.WaitingEntryView)
@problems(
    FieldError, IdentityNotBound, NotFound, NotEntitled, OfferClosed, SpendingPaused, errors.SlotFree,
    errors.AlreadyBooked, errors.TooManyWaiting,
)  # fmt: skip
def join_waiting(body: dict[str, Any], offer_id: UUID) -> service.WaitingView:
    """候补一个已约满的时段

    先到先得。有人取消时，按次序自动为仍符合条件的人兑换，冻结 `price_points` 积分（涨价的不兑换），并发消息；
    `text` 说明轮到时会怎样。轮到时不符合条件或积分不足的，告诉一次，轮到下一位，仍保留次序。同一时段一人一个；
    已在候补的，回答原来那一个。候补不收积分，随时可以退出；时段将近时不再候补。
    """
    caller = callers.current()
    guardian = caller.acting_id if caller.acts_as == "guardian" else None
    with transaction() as session:
        return service.join(
            session, caller.person(), offer_id, body["slot_starts_at"], callers.operation(), guardian_id=guardian
        )  # fmt: skip


@blp.route("/me/waiting", methods=["GET"])
@allow("bookings.read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.WaitingEntryView))
@problems(IdentityNotBound)
def list_waiting(query: dict[str, Any]) -> dict[str, Any]:
    """我的候补，新的在前；时段过后保留 31 天"""
    mine, before = callers.current().person(), decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        found = service.entries(reader, mine, query["limit"], _position(before))
    return page(found, query["limit"], lambda one: (one.joined_at, one.id))


@blp.route("/me/waiting/<uuid:waiting_id>", methods=["DELETE"])
@allow("bookings.wait")
@blp.response(204)
@problems(IdentityNotBound, NotFound, errors.NotWaiting)
def leave_waiting(waiting_id: UUID) -> None:
    """退出一个候补

    已转为预约的不能退出，请取消那张券。
    """
    mine = callers.current().person()
    with transaction() as session:
        service.leave(session, mine, waiting_id)


@blp.route("/me/bookings", methods=["GET"])
@allow("bookings.read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.BookingView))
@problems(IdentityNotBound)
def list_bookings(query: dict[str, Any]) -> dict[str, Any]:
    """我的时段预约，时段晚的在前

    每一个是一张券（见券的接口）；`cancellable_until` 以前可以取消，积分退回，不算未到。
    """
    mine, after = callers.current().person(), decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        found = service.bookings(reader, mine, query["limit"], _position(after))
    return page(found, query["limit"], lambda one: (one.starts_at, one.coupon_id))


@blp.route("/me/coupons/<uuid:coupon_id>/slot.ics", methods=["GET"])
@allow("bookings.read")
@blp.response(200, FILE, content_type=CALENDAR)
@problems(IdentityNotBound, NotFound)
def download_slot(coupon_id: UUID) -> Response:
    """一个预约的日历文件（RFC 5545），可导入手机日历；不分时段的券没有"""
    mine = callers.current().person()
    with reading() as reader:
        made = service.slot_file(reader, mine, coupon_id)
    headers = {"Content-Disposition": 'attachment; filename="slot.ics"', "Cache-Control": "no-store"}
    return Response(made, content_type=f"{CALENDAR}; charset=utf-8", headers=headers)


@blp.route("/me/missed-slots", methods=["GET"])
@allow("bookings.read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.SlotStandingView))
@problems(IdentityNotBound)
def list_missed_slots(query: dict[str, Any]) -> dict[str, Any]:
    """我预约未到的时段，按场景；以及暂停到何时

    约了没来、也没有在开始前取消的才算；多次未到，只暂停同一场景的时段预约，不影响其他优惠，不进入信用分。
    场馆后来补传核销记录的自动更正；有误的，把 `id` 告诉项目办公室。
    """
    mine = callers.current().person()
    with reading() as reader:
        return part_of(service.standings(reader, mine), query)


@blp.route("/bookings/pauses", methods=["GET"])
@allow("bookings.lift")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.SlotPauseView))
def list_slot_pauses(query: dict[str, Any]) -> dict[str, Any]:
    """正在暂停时段预约的，先到期的在前；只有编号，不显示是谁"""
    after = decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        found = service.pauses(reader, query["limit"], _position(after))
    return page(found, query["limit"], lambda one: (one.paused_until, one.id))


@blp.route("/bookings/pauses/<uuid:pause_id>/lift", methods=["POST"])
@allow("bookings.lift")
@keyed
@blp.arguments(schemas.LiftRequest)
@blp.response(200, schemas.SlotPauseLiftedView)
@problems(FieldError, NotFound, errors.OwnPause, errors.NotPaused)
def lift_slot_pause(body: dict[str, Any], pause_id: UUID) -> dict[str, Any]:
    """解除一个时段预约的暂停，并清除这个场景的未到记录

    编号由本人提供（“我预约未到的时段”里有）。理由记入留痕，不要写姓名、电话。不能解除本人或自己代办过的人的。
    """
    caller, operation = callers.current(), callers.operation()
    lifter = service.Lifter(caller.account_id, caller.role_for("bookings.lift"), caller.person_id)
    with transaction() as session:
        return {"id": service.lift(session, lifter, pause_id, body["reason"], operation)}


def _position(decoded: tuple[Any, ...] | None) -> tuple[datetime, UUID] | None:
    return (decoded[0], decoded[1]) if decoded else None
