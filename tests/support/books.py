"""What must hold in a database, whatever happened to the processes that wrote to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from backend.admissions.models import Admission
from backend.kit.db import Database, Reader
from backend.kit.operations import OperationRow
from backend.ledger import service as ledger
from backend.ledger.models import transfers
from backend.offers.models import OfferStock
from backend.perks.models import Coupon, Redemption


@dataclass(frozen=True)
class Totals:
    """Points by where they are; ``minted`` is what all of them came from."""

    wallets: int
    escrow: int
    partners: int
    minted: int


def check(database: Database) -> Totals:
    """Assert that points, coupons, places and admissions agree to the last one, and say where the points are."""
    with database.read() as reader:
        report = ledger.audit(reader)
        assert report.agrees, report.disagreements[:5]
        _coupons_and_holds(reader)
        _places(reader)
        _admissions(reader)
        _operations(reader)
    kinds = report.by_kind()
    return Totals(report.wallet_points, kinds.get("escrow", 0), kinds.get("partner", 0), -kinds.get("mint", 0))


def _coupons_and_holds(reader: Reader) -> None:
    """Each priced coupon has its hold of that price, each hold its coupon, each redemption exactly one coupon."""
    priced = select(Coupon.hold_transfer_id, Coupon.id, Coupon.price_points).where(Coupon.price_points > 0)
    coupons = {tuple(row) for row in reader.execute(priced)}
    held = select(transfers.c.id, transfers.c.subject_id, transfers.c.amount_points).where(transfers.c.kind == "hold")
    holds = {tuple(row) for row in reader.execute(held)}
    assert coupons == holds, f"without a hold: {len(coupons - holds)}; without a coupon: {len(holds - coupons)}"
    made = {tuple(row) for row in reader.execute(select(Redemption.id, Redemption.coupon_id))}
    assert made == {tuple(row) for row in reader.execute(select(Coupon.redemption_id, Coupon.id))}


def _places(reader: Reader) -> None:
    """What is gone from each shelf is what stands in coupons that were not cancelled."""
    shelf = select(OfferStock.offer_id, func.sum(OfferStock.total - OfferStock.remaining)).group_by(OfferStock.offer_id)
    gone = {offer_id: int(taken) for offer_id, taken in reader.execute(shelf)}
    living = select(Coupon.offer_id, func.count()).where(Coupon.bucket.is_not(None), Coupon.status != "cancelled")
    counted = _pairs(reader, living.group_by(Coupon.offer_id))
    assert {key: counted.get(key, 0) for key in gone} == gone


def _admissions(reader: Reader) -> None:
    """Each use of a coupon is one admission, and each admission of a priced coupon is settled by one transfer."""
    used = select(Coupon.id, Coupon.uses_total - Coupon.uses_left).where(Coupon.uses_left < Coupon.uses_total)
    admitted = (
        select(Admission.coupon_id, func.count()).where(Admission.standing == "admitted").group_by(Admission.coupon_id)
    )
    assert _pairs(reader, used) == _pairs(reader, admitted)
    settled = select(Admission.settle_transfer_id, Admission.settled_points).where(Admission.settled_points > 0)
    undone = select(transfers.c.reverses_id).where(transfers.c.kind == "reversal", transfers.c.reverses_id.is_not(None))
    standing = (transfers.c.kind == "settlement", transfers.c.id.not_in(undone))
    paid = select(transfers.c.id, transfers.c.amount_points).where(*standing)
    assert _pairs(reader, settled) == _pairs(reader, paid)


def _operations(reader: Reader) -> None:
    """Each operation that stands says what it made, and no redemption was made twice by one."""
    said = [row.result_id for row in reader.execute(select(OperationRow.result_id))]
    assert None not in said
    assert len(said) == len(set(said))


def _pairs(reader: Reader, query: Any) -> dict[UUID, int]:
    return {key: int(value) for key, value in reader.execute(query)}


def redemptions(database: Database) -> set[str]:
    """The ids of all redemptions, as the API writes them."""
    with database.read() as reader:
        return {str(row.id) for row in reader.execute(select(Redemption.id))}


def admissions(database: Database) -> set[str]:
    """The ids of all admissions, as the API writes them."""
    with database.read() as reader:
        return {str(row.id) for row in reader.execute(select(Admission.id))}
