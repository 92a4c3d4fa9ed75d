"""What a venue's device needs to judge codes while the network is down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from backend.admissions import rules
from backend.admissions.door import Door, text_of
from backend.admissions.models import UsedUse
from backend.codes import service as codes
from backend.kit import city, clock
from backend.kit.db import Reader
from backend.offers import service as shelf

VERIFIES = "cs"
"""First letters of the key ids that an offline verifier needs: coupons' keys and the status lists'."""


def offline_pack(reader: Reader, at_door: Door) -> dict[str, Any]:
    """Keys, signed status lists, uses already gone and offers, for this door's venue only.

    ``digest`` covers all but the two instants: while it stays the same, a device that has the pack has nothing to
    fetch. ``used`` is a list of ``{status, used, last_used_at}``; ``status`` is the number that a code carries.
    """
    now = clock.now()
    limits = city.get(reader, "city").content["limits"]
    valid_hours = int(limits["pack_valid_hours"])
    about = _offers(reader, at_door)
    lists = codes.status_list_tokens(reader)
    body = {
        "keys": [key for key in codes.jwks(reader)["keys"] if key["kid"][0] in VERIFIES],
        "status_list": lists[0],
        "status_lists": lists,
        "used": _used(reader, [offer["id"] for offer in about], now),
        "offers": about,
        "venue": _venue(reader, at_door),
        "undo_seconds": rules.undo_seconds(limits),
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:32]
    return {**body, "server_time": now, "valid_until": now + timedelta(hours=valid_hours), "digest": digest}


def _venue(reader: Reader, at_door: Door) -> dict[str, Any]:
    venue = shelf.venue(reader, at_door.venue_id)
    return {"id": venue.id, "name": venue.name}


def _offers(reader: Reader, at_door: Door) -> list[dict[str, Any]]:
    """Every offer admitted here, those that must be online included, so that a device can say so."""
    return [
        {
            "id": row.id, "title": row.title, "kind": row.kind, "benefit_text": row.terms["benefit_text"],
            "uses": row.terms["uses"], "value_fen": rules.value_of_use_fen(row.terms),
            "offline": {"max_value_fen": 0, **row.terms["offline"]},
        }
        for row in shelf.admitted_at(reader, at_door.venue_id)
    ]  # fmt: skip


def _used(reader: Reader, offer_ids: Collection[UUID], now: datetime) -> list[dict[str, Any]]:
    rows = reader.execute(
        select(UsedUse.status_list_id, UsedUse.status_index, UsedUse.used, UsedUse.last_used_at)
        .where(UsedUse.offer_id.in_(offer_ids), UsedUse.drop_after > now)
        .order_by(UsedUse.status_list_id, UsedUse.status_index)
    )
    return [
        {
            "status": codes.StatusRef(row.status_list_id, row.status_index).number,
            "used": row.used,
            "last_used_at": text_of(row.last_used_at),
        }
        for row in rows
    ]


def on_place_changed(session: Session, news: dict[str, Any]) -> None:
    """A coupon got another place in the revocation list: the uses that are gone go along, for the packs of devices."""
    (list_id, index), (new_list_id, new_index) = news["from"], news["to"]
    gone = (
        UsedUse.offer_id == UUID(news["offer_id"]), UsedUse.status_list_id == list_id, UsedUse.status_index == index,
    )  # fmt: skip
    session.execute(update(UsedUse).where(*gone).values(status_list_id=new_list_id, status_index=new_index))


def drop_old_uses(session: Session, at: datetime, most: int = 1000) -> int:
    """Delete used-up rows that no pack tells any more, ``most`` at a time; how many were deleted."""
    keys = (UsedUse.offer_id, UsedUse.status_list_id, UsedUse.status_index)
    rows = session.execute(select(*keys).where(UsedUse.drop_after <= at).limit(most)).all()
    for row in rows:
        session.execute(delete(UsedUse).where(*(key == value for key, value in zip(keys, row, strict=True))))
    return len(rows)
