"""The edge of what partners and the office do with an offer's coupons."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.perks import errors, schemas, service
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import allow, keyed
from backend.web.problems import problems

blp = blueprint("perks-partner", "信易+ 合作机构：已发出的券")
EXTEND = "coupons.extend"


def _officer() -> service.Officer:
    """Whose offers: a partner's manager, the own organisation's; the office, everybody's."""
    caller = callers.current()
    role = caller.role_for(EXTEND)
    return service.Officer(caller.account_id, role, None if role == "office" else caller.organisations_for(EXTEND))


@blp.route("/partner/offers/<uuid:offer_id>/extensions", methods=["POST"])
@allow(EXTEND)
@keyed
@blp.arguments(schemas.ExtensionRequest)
@blp.response(201, schemas.ExtensionView)
@problems(NotFound, errors.NotExtendable)
def extend_coupons(body: dict[str, Any], offer_id: UUID) -> Any:
    """延长一项优惠已发出的券

    把这项优惠所有未用完、未过期的券延长到 `until_on`（含当日），只延长、不缩短；每位持券人收到一条消息，写明原因。
    分批进行，`state` 和 `extended` 说明进度。分时段预约的优惠不能延期。
    """
    with transaction() as session:
        return service.extend(
            session, _officer(), offer_id, body["until_on"], body["reason"], callers.operation()
        )  # fmt: skip


@blp.route("/partner/offers/<uuid:offer_id>/extensions", methods=["GET"])
@allow(EXTEND)
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.ExtensionView))
@problems(NotFound)
def list_coupon_extensions(query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
    """一项优惠的券延期办理情况，新的在前"""
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    before = (position[0], position[1]) if position else None
    with reading() as reader:
        found = service.extensions(reader, _officer().organisations, offer_id, before, query["limit"])
    return paging.page(found, query["limit"], lambda one: (one.created_at, one.id))
