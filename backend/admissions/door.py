"""Judging a code at a venue's door. Everything in here only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Row, select

from backend.accounts import service as accounts
from backend.admissions.errors import (
    AlreadyUsed,
    CouponCancelled,
    CouponExpired,
    CouponRequired,
    DeviceWithoutVenue,
    NotYourOffer,
    StatusUnknown,
)
from backend.admissions.models import Admission
from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.errors import DomainError, FieldError, NotFound
from backend.offers import service as shelf
from backend.offers.errors import SoldOut
from backend.perks import service as perks
from backend.perks.errors import BlackoutDay, CouponNotYet, NotEntitled, OfferClosed

_PRESENCES = UUID("3f5d2f64-0a0b-5e44-9a56-1d6b8a0c7e21")


class Door(NamedTuple):
    """The device that scans, and where it stands."""

    device_id: UUID
    partner_id: UUID
    venue_id: UUID


def door(device_id: UUID | None, partner_id: UUID | None, venue_id: UUID | None) -> Door:
    """The caller's door. Raises DeviceWithoutVenue."""
    if device_id is None or partner_id is None or venue_id is None:
        raise DeviceWithoutVenue()
    return Door(device_id, partner_id, venue_id)


@dataclass(frozen=True)
class Judgement:
    """What a code is worth at this door now. ``refusal`` is None when it may be admitted."""

    refusal: DomainError | None
    offer: dict[str, Any] | None = None
    uses_left: int | None = None

    @property
    def verdict(self) -> str:
        return "refused" if self.refusal else "valid"

    @property
    def reason(self) -> str | None:
        return self.refusal.slug if self.refusal else None


def read_code(reader: Reader, code: str, at: datetime | None = None) -> codes.VerifiedClaims:
    """Read a coupon's or a presentation's code. Raises CodeNotVerified and CodeExpired."""
    try:
        return codes.read_code(reader, codes.Purpose.COUPON, code, at=at)
    except CodeNotVerified as refusal:
        if refusal.members.get("why") != "wrong-purpose":
            raise
    claims = codes.read_code(reader, codes.Purpose.PRESENTATION, code, at=at)
    if claims.use != perks.PRESENTATION_USE:
        raise CodeNotVerified.because("wrong-purpose")
    return claims


def claims_when_alive(reader: Reader, code: str, expired: CodeExpired) -> codes.VerifiedClaims:
    """What a genuine coupon code said while it was good."""
    alive = datetime.fromisoformat(expired.members["expired_at"]) - timedelta(seconds=1)
    return codes.read_code(reader, codes.Purpose.COUPON, code, at=alive)


def why_expired(reader: Reader, at_door: Door, code: str, expired: CodeExpired) -> CodeExpired | CouponExpired:
    """Of an expired code: whether a fresh one would help, or the coupon itself has ended."""
    try:
        claims = claims_when_alive(reader, code, expired)
    except CodeNotVerified:  # a presentation code
        return expired
    assert claims.resident_id is not None and claims.offer_id is not None
    coupon = perks.find_coupon(reader, claims.resident_id, claims.subject_id)
    if coupon is None or not shelf.offered_at(reader, claims.offer_id, at_door.venue_id):
        return expired
    if perks.coupon_status(coupon, clock.now()) != "expired":
        return expired
    return CouponExpired(valid_until=text_of(coupon.valid_until))


def is_presence(claims: codes.VerifiedClaims) -> bool:
    """Whether the code shows a person rather than a coupon."""
    return claims.purpose == codes.Purpose.PRESENTATION


def presence_coupon(reader: Reader, claims: codes.VerifiedClaims, offer_id: UUID) -> tuple[UUID, Row[Any] | None]:
    """The coupon that an admission by this presentation code makes, and its row where it stands already.

    Its id is fixed, so that one code is admitted once. What was undone is passed over: the next try has its own.
    """
    assert claims.resident_id is not None
    for tried in count():
        coupon_id = uuid5(_PRESENCES, f"{claims.subject_id}/{offer_id}" + (f"/{tried}" if tried else ""))
        found = perks.find_coupon(reader, claims.resident_id, coupon_id)
        if found is None or found.status != "cancelled":
            return coupon_id, found
    raise AssertionError("counting does not end")


def verify(reader: Reader, at_door: Door, code: str, offer_id: UUID | None) -> Judgement:
    """What this door would answer to the code now. It changes nothing and promises nothing."""
    try:
        claims = read_code(reader, code)
    except CodeExpired as expired:
        return Judgement(why_expired(reader, at_door, code, expired))
    except CodeNotVerified as refusal:
        return Judgement(refusal)
    if is_presence(claims):
        return judge_presence(reader, at_door, claims, wanted_offer(offer_id))
    assert claims.resident_id is not None and claims.offer_id is not None
    if elsewhere := not_here(at_door, claims, shelf.venues_of(reader, claims.offer_id), offer_id):
        return Judgement(elsewhere)
    coupon = perks.find_coupon(reader, claims.resident_id, claims.subject_id)
    if coupon is None:
        return Judgement(StatusUnknown())
    refused = replaced(reader, claims, coupon, clock.now()) or judge_coupon(reader, at_door, coupon, clock.now())
    return Judgement(refused, perks.coupon_offer(coupon), coupon.uses_left)


def wanted_offer(offer_id: UUID | None) -> UUID:
    """A presentation code shows a person, so the device must say which offer it asks about."""
    if offer_id is None:
        raise FieldError.at("/offer_id", "扫描身份出示码时必须指明优惠。", "A presentation code needs an offer.")
    return offer_id


def not_here(
    at_door: Door, claims: codes.VerifiedClaims, venues: Sequence[Mapping[str, Any]], offer_id: UUID | None
) -> NotYourOffer | None:
    """A coupon of another partner, of another of the partner's venues, or of another offer than the device expects.

    ``venues``: where the coupon's offer is admitted.
    """
    if not shelf.is_among(venues, at_door.venue_id):
        return NotYourOffer()
    if offer_id is not None and offer_id != claims.offer_id:
        return NotYourOffer("该券属于另一项优惠。", "The coupon is for another offer.")
    return None


def replaced(reader: Reader, claims: codes.VerifiedClaims, coupon: Row[Any], at: datetime) -> CodeExpired | None:
    """A code that the coupon's earlier holder took (the account was recovered), at an instant when it was dead.

    The coupon got another place in the revocation list then, and the code still names the old one.
    """
    place = codes.StatusRef(coupon.status_list_id, coupon.status_index)
    if claims.status is None or claims.status == place:
        return None
    revoked_at = codes.revoked_at(reader, *claims.status) or claims.issued_at
    return CodeExpired(expired_at=text_of(revoked_at)) if at >= revoked_at else None


def judge_coupon(
    reader: Reader, at_door: Door, coupon: Row[Any], at: datetime, slack: timedelta = timedelta(0)
) -> DomainError | None:
    """Why this coupon may not be used at an instant, or None. ``slack``: how far a device's clock may be behind."""
    if coupon.status == "cancelled":
        return CouponCancelled(cancelled_at=text_of(coupon.closed_at))
    if coupon.uses_left <= 0 or coupon.status == "used":
        return AlreadyUsed(**last_use(reader, at_door, coupon))
    if coupon.status == "expired" or at >= coupon.valid_until:
        return CouponExpired(valid_until=text_of(coupon.valid_until))
    if perks.coupon_not_yet(coupon, at + slack):
        return CouponNotYet(valid_from=text_of(coupon.valid_from))
    return BlackoutDay() if perks.usable_now(coupon, at) == BlackoutDay.slug else None


def last_use(reader: Reader, at_door: Door, coupon: Row[Any]) -> dict[str, Any]:
    """When the coupon was last used and, to the same partner, where."""
    used = reader.execute(
        select(Admission.happened_at, Admission.partner_id, Admission.venue_id)
        .where(
            Admission.resident_id == coupon.resident_id,
            Admission.coupon_id == coupon.id,
            Admission.standing == "admitted",
        )
        .order_by(Admission.use_no.desc())
        .limit(1)
    ).first()
    if used is None:
        return {"used_at": text_of(coupon.last_used_at)}
    told: dict[str, Any] = {"used_at": text_of(used.happened_at)}
    if used.partner_id == at_door.partner_id:
        told["venue"] = {"id": str(used.venue_id), "name": shelf.venue(reader, used.venue_id).name}
    return told


def judge_presence(reader: Reader, at_door: Door, claims: codes.VerifiedClaims, offer_id: UUID) -> Judgement:
    """Whether the holder of a presentation code may have a free offer here: yes or no, never why.

    The code of whoever has left, or whose account was recovered since, is one that is over.
    """
    assert claims.resident_id is not None
    since = accounts.holds_since(reader, claims.resident_id)
    if since is None or claims.issued_at < since.replace(microsecond=0):
        return Judgement(CodeExpired(expired_at=text_of(since or claims.expires_at)))
    try:
        offer = shelf.offer(reader, offer_id).row
    except NotFound:
        return Judgement(NotYourOffer())
    if not shelf.offered_at(reader, offer_id, at_door.venue_id):
        return Judgement(NotYourOffer())
    about = offer_of(offer)
    if offer.price_points:
        return Judgement(CouponRequired(), about)
    if used := presence_coupon(reader, claims, offer_id)[1]:
        return Judgement(AlreadyUsed(**last_use(reader, at_door, used)), about, used.uses_left)
    verdict = perks.judge(reader, perks.Asker(True, claims.resident_id), [offer])[offer_id]
    against = {reason.slug for reason in verdict.against}
    if not against:
        return Judgement(None, about, offer.terms["uses"])
    if "open" in against:
        return Judgement(OfferClosed(), about)
    return Judgement(SoldOut() if against == {"stock"} else NotEntitled(), about)


def offer_of(offer: Row[Any]) -> dict[str, Any]:
    """What a device is told about an offer."""
    return {
        "id": offer.id, "title": offer.title, "scene": offer.scene_id, "kind": offer.kind,
        "benefit": offer.terms["benefit"], "benefit_text": offer.terms["benefit_text"],
    }  # fmt: skip


def text_of(instant: datetime | None) -> str | None:
    """An instant as the API writes it."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")
