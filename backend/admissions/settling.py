"""What settlement counts: a partner's admissions in the order in which they were recorded. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, literal_column, select, tuple_, union_all

from backend.admissions.models import Admission
from backend.kit.db import Reader

_A: Any = Admission.__table__.c
_SHOWN = (
    _A.resident_id, _A.id, _A.offer_id, _A.venue_id, _A.device_id, _A.source, _A.happened_at,
    _A.settled_points.label("points"), _A.settle_transfer_id.label("transfer_id"), _A.settlement_fen.label("price_fen"),
    _A.funding_account,
)  # fmt: skip


def _part(standing: str, at: ColumnElement[datetime]) -> Select[Any]:
    when = (at >= bindparam("since"), at < bindparam("until"))
    mine = _A.partner_id == bindparam("partner")
    return select(*_SHOWN, at.label("counted_at")).where(mine, _A.standing == literal_column(f"'{standing}'"), *when)


_COUNTED = union_all(_part("admitted", _A.recorded_at), _part("accepted", _A.decided_at)).subquery()
_C = _COUNTED.c


def counted(
    reader: Reader,
    partner_id: UUID,
    since: datetime,
    until: datetime,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 500,
) -> Sequence[Row[Any]]:
    """Admissions of a partner that count between two instants (the second excluded), oldest first.

    One that was admitted counts when it was recorded, a conflict that the office accepted when it was decided: so
    nothing is ever added to a time that lies behind. ``counted_at`` is that instant.
    """
    query = select(_COUNTED).order_by(_C.counted_at, _C.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(_C.counted_at, _C.id) > tuple_(*after))
    return reader.execute(query, {"partner": partner_id, "since": since, "until": until}).all()


def counted_sums(reader: Reader, partner_id: UUID, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    """The same admissions summed up by offer, venue and funding account: ``count``, ``points``, ``fen``."""
    keys = (_C.offer_id, _C.venue_id, _C.funding_account)
    sums = (func.count().label("count"), func.sum(_C.points).label("points"), func.sum(_C.price_fen).label("fen"))
    query = select(*keys, *sums).group_by(*keys).order_by(*keys)
    return reader.execute(query, {"partner": partner_id, "since": since, "until": until}).all()


def anything_counted(reader: Reader, partner_id: UUID, since: datetime, until: datetime) -> bool:
    """Whether there is one such admission."""
    return bool(counted(reader, partner_id, since, until, limit=1))
