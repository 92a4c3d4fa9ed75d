"""Parking over HTTP: a driver's plates, whom she allows to ask, and what was asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.accounts.errors import TooManyAttempts
from backend.consents.errors import ConsentMissing, ConsentTextChanged
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, IdempotencyConflict, NotFound
from backend.parking import errors, schemas, service
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed
from backend.web.paging import PageQuery, decode_cursor, page, page_of, part_of
from backend.web.problems import problems

blp = blueprint("parking", "信用停车：车牌、授权、谁问过")


@blp.route("/me/plates", methods=["GET"])
@allow("parking.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.PlateView))
@problems(IdentityNotBound)
def list_plates(query: dict[str, Any]) -> dict[str, Any]:
    """我的车牌，以及允许谁询问"""
    with reading() as reader:
        return part_of(service.listed(reader, callers.current().person()), query)


@blp.route("/me/plates", methods=["POST"])
@allow("parking.manage_own")
@keyed
@blp.arguments(schemas.PlateRequest)
@blp.response(201, schemas.PlateView)
@problems(IdentityNotBound, FieldError, errors.TooManyPlates, TooManyAttempts)
def register_plate(body: dict[str, Any]) -> service.Plate:
    """登记一块车牌

    民用号牌（GA 36—2018），含新能源。登记后是 `pending`：在停车场由工作人员看到车和您出示的身份码，用
    `POST /venue/plate-confirmations` 确认后才有用，三十天没有确认的自动删除。最多 5 块。
    """
    resident_id = callers.current().person()
    with transaction() as session:
        service.count_registering(session, resident_id, body["plate"])
    try:
        with transaction() as session:
            return service.register(session, resident_id, body["plate"], callers.operation())
    except IdempotencyConflict:
        with transaction() as session:
            service.forget_registering(session, resident_id)
        raise


@blp.route("/me/plates/<uuid:plate_id>", methods=["DELETE"])
@allow("parking.manage_own")
@blp.response(204)
@problems(IdentityNotBound, NotFound)
def remove_plate(plate_id: UUID) -> None:
    """删除一块车牌，对所有停车场的授权随之结束"""
    with transaction() as session:
        service.remove(session, callers.current().person(), plate_id)


@blp.route("/me/plates/<uuid:plate_id>/operators/<uuid:partner_id>", methods=["PUT"])
@allow("parking.manage_own")
@blp.arguments(schemas.PlateOperatorRequest)
@blp.response(200, schemas.PlateView)
@problems(IdentityNotBound, NotFound, ConsentMissing, ConsentTextChanged)
def set_plate_operator(body: dict[str, Any], plate_id: UUID, partner_id: UUID) -> service.Plate:
    """允许或不再允许一家停车运营单位询问这块车牌，立即生效

    允许前要先同意 `parking` 事项，并写明读过的文本版本。撤回后，在场的停车与您断开。
    """
    with transaction() as session:
        return service.set_operator(
            session, callers.current().person(), plate_id, partner_id, body["granted"], body["text_version"]
        )


@blp.route("/me/parking/operators", methods=["GET"])
@allow("parking.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.ParkingOperatorView))
@problems(IdentityNotBound)
def list_parking_operators(query: dict[str, Any]) -> dict[str, Any]:
    """有停车优惠的运营单位"""
    callers.current().person()
    with reading() as reader:
        return part_of(service.all_operators(reader), query)


@blp.route("/me/parking/questions", methods=["GET"])
@allow("parking.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.ParkingQuestionView))
@problems(IdentityNotBound)
def list_parking_questions(query: dict[str, Any]) -> dict[str, Any]:
    """谁在何时、何处问过我的车牌，答复是可以还是不可以，新的在前

    没有得到授权的询问也在内，答复一律是不可以。
    """
    with reading() as reader:
        found = service.my_questions(reader, callers.current().person(), query["limit"] + 1, _before(query))
    return page(found, query["limit"], lambda one: (one.at, one.id))


@blp.route("/me/parking/stays", methods=["GET"])
@allow("parking.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.ParkingStayView))
@problems(IdentityNotBound)
def list_parking_stays(query: dict[str, Any]) -> dict[str, Any]:
    """我的停车，新的在前；金额单位为分"""
    with reading() as reader:
        found = service.my_stays(reader, callers.current().person(), query["limit"] + 1, _before(query))
    return page(found, query["limit"], lambda one: (one.entered_at, one.id))


def _before(query: dict[str, Any]) -> tuple[datetime, UUID] | None:
    position = decode_cursor(query["cursor"], datetime, UUID)
    return (position[0], position[1]) if position else None
