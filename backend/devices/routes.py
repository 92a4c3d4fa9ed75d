"""Enrolling devices and looking after them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import request

from backend.accounts.errors import AccountRefused, DeviceKeyKnown, DeviceRetired, TooManyAttempts
from backend.devices import schemas, service
from backend.devices.errors import EnrolmentRefused
from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.web import api, callers, paging
from backend.web.callers import allow, entrance
from backend.web.problems import problems

blp = api.blueprint("devices", "场馆设备：登记、停用与注销")
EVERYWHERE = "account-admin"


def _scope(action: str) -> service.Scope:
    """Whose devices: a partner's manager, the own organisation's; the administrator of accounts, everybody's."""
    caller = callers.current()
    if any(held.role == EVERYWHERE for held in caller.roles):
        return None
    return caller.organisations_for(action)


def _who(action: str) -> tuple[UUID, str]:
    caller = callers.current()
    return caller.account_id, caller.role_for(action)


@blp.route("/devices/enrolment-codes", methods=["POST"])
@allow("devices.enrol")
@blp.arguments(schemas.CodeRequest)
@blp.arguments(schemas.QrQuery, location="query")
@blp.response(201, schemas.CodeGivenView)
@problems(NotFound)
def create_enrolment_code(body: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """发放一个设备登记码

    12 个字符，30 分钟内用一次，只显示这一次，系统只留摘要。在设备上打开“场馆核验”输入，或用设备扫二维码
    （`?qr=svg`）。发码的人停用或离任后，登记码随之失效。
    """
    with transaction() as session:
        given = service.create_code(
            session, _scope("devices.enrol"), body["venue_id"], body["label"], *_who("devices.enrol")
        )  # fmt: skip
    shown = given._asdict()
    return {**shown, "qr_svg": service.draw(given.url)} if query["qr"] else shown


@blp.route("/auth/device/enrolments", methods=["POST"])
@entrance
@blp.arguments(schemas.EnrolmentRequest)
@blp.response(201, schemas.EnrolmentView)
@problems(EnrolmentRefused, DeviceKeyKnown, AccountRefused, TooManyAttempts)
def enrol_device(body: dict[str, Any]) -> dict[str, Any]:
    """设备凭登记码登记自己的公钥

    钥匙在设备上生成，私钥不离开设备；用新钥匙签一段把本站地址、登记码和公钥绑在一起的文字，证明持有私钥。
    没有收到答复时用同一把钥匙、同一个登记码重发，得到同一台设备。每个登记码最多猜 5 次，每个地址 15 分钟 30 次。
    """
    address = request.remote_addr or ""
    with transaction() as session:
        service.count_enrolment(session, body["code"], address)
    with transaction() as session:
        made = service.enrol(session, body["code"], body["public_key_jwk"]["x"], body["signature"], address)
    return dict(
        device_id=made.id, label=made.label, organisation_id=made.organisation_id, venue_id=made.venue_id
    )  # fmt: skip


@blp.route("/devices", methods=["GET"])
@allow("devices.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.DeviceView))
def list_devices(query: dict[str, Any]) -> dict[str, Any]:
    """本单位的设备，新的在前，停用和注销的也在内"""
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    before = (position[0], position[1]) if position else None
    with reading() as reader:
        found = service.devices(reader, _scope("devices.read"), query["limit"] + 1, before)
    return paging.page(found, query["limit"], lambda one: (one.created_at, one.id))


@blp.route("/devices/venues", methods=["GET"])
@allow("devices.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.DeviceVenueView))
def list_device_venues(query: dict[str, Any]) -> dict[str, Any]:
    """可以登记设备的场馆"""
    with reading() as reader:
        return paging.part_of(service.venues(reader, _scope("devices.read")), query)


@blp.route("/devices/<uuid:device_id>/label", methods=["PUT"])
@allow("devices.manage")
@blp.arguments(schemas.LabelRequest)
@blp.response(200, schemas.DeviceView)
@problems(NotFound)
def rename_device(body: dict[str, Any], device_id: UUID) -> service.Shown:
    """给设备改名"""
    with transaction() as session:
        return service.rename(
            session, _scope("devices.manage"), device_id, body["label"], *_who("devices.manage")
        )  # fmt: skip


def _change(device_id: UUID, status: str) -> service.Shown:
    with transaction() as session:
        return service.change_status(session, _scope("devices.manage"), device_id, status, *_who("devices.manage"))


@blp.route("/devices/<uuid:device_id>/suspension", methods=["POST"])
@allow("devices.manage")
@blp.response(200, schemas.DeviceView)
@problems(NotFound, DeviceRetired)
def suspend_device(device_id: UUID) -> service.Shown:
    """停用设备：遗失、被盗或停业时

    所有会话立即结束，下一个请求起就不能核验、不能取离线包、不能上传；已经取走的离线包最迟在其 `valid_until` 失效。
    """
    return _change(device_id, "suspended")


@blp.route("/devices/<uuid:device_id>/restoration", methods=["POST"])
@allow("devices.manage")
@blp.response(200, schemas.DeviceView)
@problems(NotFound, DeviceRetired)
def restore_device(device_id: UUID) -> service.Shown:
    """恢复停用的设备，它可以重新登录"""
    return _change(device_id, "active")


@blp.route("/devices/<uuid:device_id>/retirement", methods=["POST"])
@allow("devices.manage")
@blp.response(200, schemas.DeviceView)
@problems(NotFound)
def retire_device(device_id: UUID) -> service.Shown:
    """注销设备，不能恢复

    钥匙从此作废，也不能再登记。设备要继续使用时，用新的登记码生成新的钥匙。
    """
    return _change(device_id, "retired")
