"""Where a person used what she redeemed, as she may have it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.admissions.models import Admission, ConflictClaim, Scan
from backend.kit.personal import Column, Keeper, Leaving, Section, listing, table_of
from backend.offers import service as shelf
from backend.perks.personal import SETTLED, UNTIL, WHY

STANDINGS = {
    "admitted": "已入场", "undone": "场所已撤销", "conflict": "有冲突，待核对",
    "accepted": "有冲突，已认可", "rejected": "有冲突，未认可",
}  # fmt: skip
_ADMISSION = (
    Column("happened_at", "时间", "instant"),
    Column("coupon_id", "券编号"),
    Column("venue_id", "场所"),
    Column("standing", "结果", words=STANDINGS),
    Column("settled_points", "结算积分", "whole"),
)


def _nothing(_session: Session, _leaving: Leaving) -> dict[str, int]:
    return {}


KEEPER = Keeper(
    room="admissions",
    sections=(
        Section(
            "admissions",
            "到店使用",
            *WHY,
            UNTIL,
            _ADMISSION,
            listing(table_of(Admission), "id", _ADMISSION),
            shelf.words,
        ),
    ),
    erase=_nothing,
    kept={table_of(model).name: SETTLED for model in (Admission, Scan, ConflictClaim)},
)
