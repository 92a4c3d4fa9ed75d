"""What is on offer, and whether whoever asks may have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from backend.kit import city, clock
from backend.kit.db import Reader
from backend.kit.errors import FieldError
from backend.offers import service as shelf
from backend.offers.service import ABSENT, Shown
from backend.perks import eligibility
from backend.perks.eligibility import NOBODY, Asker
from backend.perks.rules import Verdict

MOST_DAYS = 31
FEW = 10
"""Below this the number of places left is told; above it nobody needs to know."""


@dataclass(frozen=True)
class OfferView:
    """An offer as one asker sees it. ``stock_left``: None when unlimited, else the number up to ``FEW``."""

    row: Row[Any]
    venues: Sequence[Mapping[str, Any]]
    entitled: Verdict
    left: int | None
    left_today: int | None
    level_name: str

    def __getattr__(self, name: str) -> Any:
        """What the row holds, else what its terms say; of a later condition also where they do not say it."""
        terms = self.row.terms
        if name in terms:
            return terms[name]
        return ABSENT[name] if name in ABSENT else getattr(self.row, name)

    @property
    def partner(self) -> dict[str, Any]:
        return {"id": self.row.partner_id, "name": self.row.terms["partner_name"]}

    @property
    def level_floor(self) -> str | None:
        return self.level_name or None

    @property
    def stock_left(self) -> int | None:
        counted = [left for left in (self.left, self.left_today) if left is not None]
        return min(*counted, FEW) if counted else None

    @property
    def stock_text(self) -> str:
        left = self.stock_left
        if left is None:
            return "不限量"
        if left == 0:
            return "已领完" if self.left == 0 else "今日已领完"
        return f"仅剩 {left} 份" if left < FEW else "名额充足"


def scenes(reader: Reader) -> list[dict[str, Any]]:
    """The city's scenes in its own order, each with how many open offers it has."""
    counts = shelf.open_counts(reader)
    return [
        {**{key: scene[key] for key in ("id", "name", "description")}, "offers": counts.get(scene["id"], 0)}
        for scene in city.get(reader, "perks").content["scenes"]
    ]


def offers(
    reader: Reader,
    asker: Asker = NOBODY,
    *,
    scene: str | None = None,
    venue_id: UUID | None = None,
    entitled: bool | None = None,
    after: int | None = None,
    limit: int = 20,
) -> list[OfferView]:
    """Open offers in the city's order, up to ``limit + 1`` of them after position ``after``.

    ``entitled``: only those whose verdict is exactly that; a verdict that cannot be said matches neither.
    """
    found = [shown for shown in shelf.open_offers(reader) if _asked_for(shown, scene, venue_id, after)]
    if entitled is None:
        found = found[: limit + 1]
    seen = views(reader, asker, found)
    if entitled is not None:
        seen = [view for view in seen if view.entitled.entitled is entitled]
    return seen[: limit + 1]


def _asked_for(shown: Shown, scene: str | None, venue_id: UUID | None, after: int | None) -> bool:
    return (
        (scene is None or shown.row.scene_id == scene)
        and (venue_id is None or any(venue["id"] == venue_id for venue in shown.venues))
        and (after is None or shown.row.position > after)
    )


def offer(reader: Reader, offer_id: UUID, asker: Asker = NOBODY) -> OfferView:
    """One offer, open or closed, with the verdict for who asks. Raises NotFound."""
    return views(reader, asker, [shelf.offer(reader, offer_id)])[0]


def views(reader: Reader, asker: Asker, found: Sequence[Shown]) -> list[OfferView]:
    rows = [shown.row for shown in found]
    left = eligibility.on_shelf(reader, rows)
    known = eligibility.gates(reader, rows)
    verdicts = eligibility.judge(reader, asker, rows, left, known)
    return [
        OfferView(
            each, venues, verdicts[each.id], left.left.get(each.id), left.left_today.get(each.id),
            known.level_names.get(each.level_floor, each.level_floor),
        )
        for each, venues in found
    ]  # fmt: skip


class SlotShown(NamedTuple):
    """A slot as anybody sees it: how many places are left is told up to ``FEW``."""

    starts_at: datetime
    ends_at: datetime
    left_shown: int
    full: bool


def slots_shown(reader: Reader, offer_id: UUID, first: date | None, last: date | None) -> list[SlotShown]:
    """The slots that may be booked from a Shanghai day to another (both included; a week from today). Raises
    NotFound, and FieldError for more than ``MOST_DAYS``."""
    first = first or clock.today()
    if last is None:
        last = date.fromordinal(min(first.toordinal() + 6, date.max.toordinal()))
    if last < first or (last - first).days >= MOST_DAYS:
        raise FieldError.at(
            "/query/to", f"应不早于 from，且至多 {MOST_DAYS} 天。", f"From `from`, {MOST_DAYS} days at most."
        )
    found = shelf.slots(reader, offer_id, first, last)
    return [SlotShown(slot.starts_at, slot.ends_at, min(slot.left, FEW), slot.full) for slot in found]
