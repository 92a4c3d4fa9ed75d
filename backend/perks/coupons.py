"""A resident's coupons: what they are now, the codes that show them, and their end."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, func, insert, literal_column, select, tuple_, update
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import city, clock, db
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.prepared import Batch, Part, Prepared
from backend.offers import service as shelf
from backend.perks import groups, rules
from backend.perks.errors import BlackoutDay, CouponNotActive, CouponNotYet
from backend.perks.models import Coupon

_TABLE: Any = Coupon.__table__
COLUMNS = tuple(_TABLE.c)
PRESENTATION_USE = "offer"
"""What a presentation code of this room says it is for."""
COUNTER_USE = "counter"
"""What one says that is shown to a clerk: no venue admits it, and no clerk may read a venue's."""


@dataclass(frozen=True)
class CouponView:
    """A coupon as it is now. A coupon past its end reads ``expired`` whether or not the job has run."""

    row: Row[Any]
    at: datetime
    venues: Sequence[Mapping[str, Any]] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def status(self) -> str:
        return status_at(self.row, self.at)

    @property
    def cancellable(self) -> bool:
        return cancellable(self.row, self.at)

    @property
    def offer(self) -> dict[str, Any]:
        return offer_of(self.row)

    @property
    def refund(self) -> str:
        return str(self.row.terms["refund"])


def status_at(coupon: Row[Any], at: datetime) -> str:
    """``issued``, ``used``, ``cancelled`` or ``expired`` at an instant."""
    return "expired" if coupon.status == "issued" and at >= coupon.valid_until else str(coupon.status)


def not_yet(coupon: Row[Any], at: datetime) -> bool:
    """Whether the coupon is for a time that has not come. One that is good from its making has no such time: two
    servers' clocks may differ by a breath."""
    return bool(coupon.created_at < coupon.valid_from and at < coupon.valid_from)


def cancellable(coupon: Row[Any], at: datetime) -> bool:
    """Whether its holder may give it back: wholly unused, still good, its slot not begun, and sold as returnable."""
    unused = coupon.uses_left == coupon.uses_total
    begun = coupon.slot_starts_at is not None and at >= coupon.slot_starts_at
    return unused and not begun and status_at(coupon, at) == "issued" and coupon.terms["refund"] == "until_used"


def usable_now(coupon: Row[Any], at: datetime) -> str:
    """Why a coupon that is open and not over may not be used at an instant: a refusal's slug, or "" when it may.

    ``coupon-not-yet``: its slot has not come. ``blackout-day``: its offer is not admitted on that Shanghai day. Status
    and end are the door's to judge.
    """
    if not_yet(coupon, at):
        return CouponNotYet.slug
    closed = shelf.closed_days(coupon.terms, use=True)
    return BlackoutDay.slug if closed.on(clock.shanghai_date(at)) else ""


def offer_of(coupon: Row[Any]) -> dict[str, Any]:
    """The offer as the coupon remembers it."""
    terms = coupon.terms
    return {
        "id": coupon.offer_id, "title": terms["title"], "scene": terms["scene"], "kind": terms["kind"],
        "benefit": terms["benefit"], "benefit_text": terms["benefit_text"],
    }  # fmt: skip


_ONE_COUPON = select(*COLUMNS).where(_TABLE.c.resident_id == bindparam("resident"), _TABLE.c.id == bindparam("coupon"))
_ONE = Prepared(_ONE_COUPON)
_LOCKED = Prepared(db.for_update(_ONE_COUPON))
_STAMP = shelf.stamped(_TABLE.c.offer_id)
_LOCKED_WITH_OFFER = Prepared(
    select(*COLUMNS, *_STAMP.columns)
    .join_from(_TABLE, *_STAMP.joins[0])
    .where(_TABLE.c.resident_id == bindparam("resident"), _TABLE.c.id == bindparam("coupon"))
    .with_for_update(of=_TABLE)
)
_WRITE = Prepared(insert(_TABLE))
_NEW = namedtuple("_NEW", [column.name for column in COLUMNS])  # type: ignore[misc]


@cache
def _changing(columns: tuple[str, ...]) -> Prepared:
    """The statement that writes these columns of one coupon."""
    changed = update(_TABLE).where(_TABLE.c.resident_id == bindparam("resident"), _TABLE.c.id == bindparam("coupon"))
    return Prepared(changed.values({name: bindparam(f"new_{name}", type_=_TABLE.c[name].type) for name in columns}))


_GOOD_NOW = and_(_TABLE.c.status == "issued", _TABLE.c.valid_until > bindparam("now"))
USABLE = Part(
    tuple(
        select(figure.filter(_GOOD_NOW))
        .where(_TABLE.c.resident_id == bindparam("resident"))
        .scalar_subquery()
        .label(name)
        for name, figure in (("usable_coupons", func.count()), ("next_valid_until", func.min(_TABLE.c.valid_until)))
    )
)
"""How many coupons are good at ``:now`` and when the first of them ends; for a statement that asks several rooms at
once. The conditions filter what is counted: only the resident is to choose the index."""


def _own(resident_id: UUID) -> Select[Any]:
    return select(*COLUMNS).where(Coupon.resident_id == resident_id)


def write(batch: Batch, **row: Any) -> Row[Any]:
    """Leave the writing of a new coupon to a batch, and return its row as it will stand."""
    batch.add(_WRITE, row)
    return cast("Row[Any]", _NEW(**row))


def find(reader: Reader, resident_id: UUID, coupon_id: UUID) -> Row[Any] | None:
    """The coupon's row, or None."""
    return cast("Row[Any] | None", _ONE.first(reader, {"resident": resident_id, "coupon": coupon_id}))


_OPEN = Prepared(
    select(*COLUMNS)
    .where(
        _TABLE.c.resident_id == bindparam("resident"), _TABLE.c.status == literal_column("'issued'"),
        _TABLE.c.uses_left > 0, _TABLE.c.valid_until > bindparam("now"),
    )
    .order_by(_TABLE.c.valid_until, _TABLE.c.id)
)  # fmt: skip


def usable(reader: Reader, resident_id: UUID, kinds: Collection[str]) -> list[Row[Any]]:
    """Her coupons of these kinds that a venue would admit now, the first to end first; in one statement."""
    now = clock.now()
    found = _OPEN.rows(reader, {"resident": resident_id, "now": now})
    return [row for row in found if row.terms["kind"] in kinds and not usable_now(row, now)]


def lock(session: Session, resident_id: UUID, coupon_id: UUID) -> Row[Any] | None:
    """The coupon's row, locked until the transaction ends. Whoever changes a coupon holds this first."""
    return cast("Row[Any] | None", _LOCKED.first(session, {"resident": resident_id, "coupon": coupon_id}))


def lock_with_offer(session: Session, resident_id: UUID, coupon_id: UUID) -> tuple[Row[Any], shelf.Shown] | None:
    """The same, with the coupon's offer as it is on the shelf; in one statement."""
    row = _LOCKED_WITH_OFFER.first(session, {"resident": resident_id, "coupon": coupon_id})
    if row is None:
        return None
    return cast("Row[Any]", _NEW(*row[: len(COLUMNS)])), shelf.shown_by(session, row[len(COLUMNS) :])


def change(session: Session, coupon: Row[Any], *, batch: Batch | None = None, **values: Any) -> None:
    """Write to a coupon that this transaction has locked. A status moves along ``rules.TRANSITIONS`` or not at all.

    With ``batch`` the coupon's own row is left to it.
    """
    status, valid_until = values.get("status", coupon.status), values.get("valid_until", coupon.valid_until)
    if status != coupon.status and not rules.may_become(coupon.status, status):
        raise RuntimeError(f"a coupon in {coupon.status} cannot become {status}")
    groups.follow(session, coupon, status, valid_until)
    statement = _changing(tuple(sorted(values)))
    told = {f"new_{name}": value for name, value in values.items()}
    written = batch or Batch()
    written.add(statement, {"resident": coupon.resident_id, "coupon": coupon.id, **told})
    if batch is None:
        written.run(session)


def booked(
    reader: Reader, resident_id: UUID, *, after: tuple[datetime, UUID] | None = None, limit: int = 20,
    slot: tuple[UUID, datetime] | None = None,
) -> list[CouponView]:  # fmt: skip
    """The resident's coupons that are for a time slot, the latest slot first, up to ``limit + 1`` after a place.

    ``slot``: only those of this offer and start.
    """
    query = _own(resident_id).where(Coupon.slot_starts_at.is_not(None))
    if slot is not None:
        query = query.where(Coupon.offer_id == slot[0], Coupon.slot_starts_at == slot[1])
    if after is not None:
        query = query.where(tuple_(Coupon.slot_starts_at, Coupon.id) < tuple_(*after))
    rows = reader.execute(query.order_by(Coupon.slot_starts_at.desc(), Coupon.id.desc()).limit(limit + 1)).all()
    places, now = shelf.venues_of_all(reader, {row.offer_id for row in rows}), clock.now()
    return [CouponView(row, now, places.get(row.offer_id, ())) for row in rows]


def coupon(reader: Reader, resident_id: UUID, coupon_id: UUID) -> CouponView:
    """One of the resident's own coupons. Raises NotFound."""
    found = find(reader, resident_id, coupon_id)
    if found is None:
        raise NotFound()
    return view(reader, found)


def view(reader: Reader, found: Row[Any]) -> CouponView:
    """A coupon's row as its holder sees it now."""
    return CouponView(found, clock.now(), shelf.venues_of(reader, found.offer_id))


def coupons(
    reader: Reader, resident_id: UUID, *, after: tuple[datetime, UUID] | None = None, limit: int = 20
) -> list[CouponView]:
    """The resident's coupons, newest first, up to ``limit + 1`` of them after the given place."""
    query = _own(resident_id).order_by(Coupon.created_at.desc(), Coupon.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(tuple_(Coupon.created_at, Coupon.id) < tuple_(*after))
    rows = reader.execute(query).all()
    places = shelf.venues_of_all(reader, {row.offer_id for row in rows})
    now = clock.now()
    return [CouponView(row, now, places.get(row.offer_id, ())) for row in rows]


def coupon_code(reader: Reader, resident_id: UUID, coupon_id: UUID) -> codes.SignedCode:
    """A fresh signed code for a coupon. It lives as long as the offer says, never past the coupon's own end.

    It writes nothing: whether a use is left is decided at the door. Raises NotFound, CouponNotActive.
    """
    found = find(reader, resident_id, coupon_id)
    if found is None:
        raise NotFound()
    now = clock.now()
    left_seconds = int((found.valid_until - now).total_seconds())
    if (status := status_at(found, now)) != "issued" or left_seconds < 1:
        raise CouponNotActive(coupon_status=status)
    if not_yet(found, now):
        # No code before its time: so a code's own birth says to devices that judge offline from when it counts.
        raise CouponNotActive(
            f"{found.valid_from.astimezone(clock.SHANGHAI):%m 月 %d 日 %H:%M} 起可以出示。", "It cannot be shown yet.",
            coupon_status=status, valid_from=found.valid_from.isoformat().replace("+00:00", "Z"),
        )  # fmt: skip
    claims = codes.Claims(
        subject_id=found.id, resident_id=resident_id, offer_id=found.offer_id,
        status=codes.StatusRef(found.status_list_id, found.status_index),
    )  # fmt: skip
    lifetime_seconds = min(found.terms["code_lifetime_seconds"], left_seconds)
    return codes.sign_code(reader, codes.Purpose.COUPON, claims, lifetime_seconds)


def presentation_code(reader: Reader, resident_id: UUID, use: str = PRESENTATION_USE) -> codes.SignedCode:
    """A code of a minute's life by which a venue asks whether its holder may have an offer. It says nothing else.

    With ``COUNTER_USE`` it is for a clerk at a counter, and for no venue.
    """
    seconds = int(city.get(reader, "city").content["limits"]["presentation_code_seconds"])
    claims = codes.Claims(resident_id=resident_id, use=use)
    return codes.sign_code(reader, codes.Purpose.PRESENTATION, claims, seconds)
