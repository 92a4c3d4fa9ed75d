"""What happened at a door in a day or a shift: counts by offer, never a person.

Read by index, within the bounds that are asked for: a partner's admissions by when they were recorded, a device's
scans by when they were recorded. What was uploaded late so stands in the day in which it arrived, as in a settlement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from backend.accounts import devices as enrolled
from backend.admissions.conflicts import CLAIM_OF
from backend.admissions.models import Admission, ConflictClaim, Scan
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.offers import service as shelf

LONGEST_SHIFT = timedelta(hours=24)
MOST_DEVICES = 10_000
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200


class Span(NamedTuple):
    """From an instant to before another."""

    since: datetime
    until: datetime


class Place(NamedTuple):
    """Whose report it is: partners', at one venue or one device or all of them."""

    partner_ids: Collection[UUID]
    venue_id: UUID | None = None
    device_id: UUID | None = None


@dataclass
class Line:
    """What happened to one offer; None: to codes that were of no offer of ours.

    ``admitted`` counts what stands, ``offline`` how much of it came from offline devices, ``conflicts`` what was let
    in offline though it should not have been. ``points`` and ``settlement_fen``: what the partner has for it; an
    accepted conflict counts in fen and never in points. ``refused``: how often, by the slug of the reason.
    """

    offer_id: UUID | None = None
    title: str | None = None
    admitted: int = 0
    offline: int = 0
    undone: int = 0
    conflicts: int = 0
    points: int = 0
    settlement_fen: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None

    def add(self, other: Line) -> None:
        """Count another line into this one."""
        for name in ("admitted", "offline", "undone", "conflicts", "points", "settlement_fen"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, number in other.refused.items():
            self.refused[reason] = self.refused.get(reason, 0) + number
        self.first_at = min(filter(None, (self.first_at, other.first_at)), default=None)
        self.last_at = max(filter(None, (self.last_at, other.last_at)), default=None)


@dataclass(frozen=True)
class Report:
    """Lines by offer, the busiest first, and their sum. ``open_conflicts``: how many wait for the partner now."""

    since: datetime
    until: datetime
    venue: dict[str, Any] | None
    offers: list[Line]
    total: Line
    open_conflicts: int


def span(on: date | None, since: datetime | None, until: datetime | None) -> Span:
    """A Shanghai day (today by default), or a shift of at most 24 hours that may last until now. Raises FieldError."""
    if since is None:
        if until is not None:
            raise FieldError.at("/query/since", "写了 until 就要写 since。", "`until` needs `since`.")
        day = on or clock.today()
        if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
            raise FieldError.at("/query/on", "没有这一天的报表。", "There is no report of that day.")
        return Span(clock.start_of_day(day), clock.end_of_day(day))
    if on is not None:
        raise FieldError.at("/query/on", "on 与 since 只能写一个。", "Give `on` or `since`, not both.")
    ends = until or min(clock.now(), since + LONGEST_SHIFT)
    if not since < ends <= since + LONGEST_SHIFT:
        raise FieldError.at("/query/until", "until 应晚于 since，至多 24 小时。", "A shift is up to 24 hours long.")
    return Span(since, ends)


def own_place(reader: Reader, partner_ids: Collection[UUID], venue_id: UUID | None) -> Place:
    """A partner's report, of one of its own venues. Raises NotFound for anybody else's."""
    if venue_id is not None and shelf.venue(reader, venue_id).partner_id not in partner_ids:
        raise NotFound()
    return Place(partner_ids, venue_id)


def report(reader: Reader, place: Place, bounds: Span) -> Report:
    """Count what was admitted, undone and refused."""
    lines: dict[UUID | None, Line] = {}
    for row in _admissions(reader, place, bounds):
        _count(lines.setdefault(row.offer_id, Line(row.offer_id)), row)
    for row in _refusals(reader, place, bounds):
        # Whose offer a stranger's code was of is none of this partner's business.
        offer_id = None if row.reason == "not-your-offer" else row.offer_id
        line = lines.setdefault(offer_id, Line(offer_id))
        line.refused[row.reason] = line.refused.get(row.reason, 0) + row.number
    titles = shelf.words(reader)["offer_id"]
    total = Line()
    for line in lines.values():
        line.title = titles.get(str(line.offer_id))
        total.add(line)
    ordered = sorted(lines.values(), key=lambda line: (-line.admitted, line.title is None, line.title or ""))
    where = shelf.venue(reader, place.venue_id) if place.venue_id else None
    venue = {"id": where.id, "name": where.name} if where else None
    return Report(bounds.since, bounds.until, venue, ordered, total, _open_conflicts(reader, place))


def _count(line: Line, row: Any) -> None:
    if row.standing == "undone":
        line.undone += row.number
        return
    if row.standing == "admitted":
        line.add(Line(admitted=row.number, points=int(row.points), first_at=row.first_at, last_at=row.last_at))
        line.offline += row.number if row.source == "offline" else 0
    else:
        line.conflicts += row.number
    if row.standing in ("admitted", "accepted"):
        line.settlement_fen += int(row.fen)


def _admissions(reader: Reader, place: Place, bounds: Span) -> Iterable[Any]:
    within = [*_at(place), *_during(Admission, bounds)]
    keys = (Admission.offer_id, Admission.standing, Admission.source)
    figures = (
        func.count().label("number"), func.sum(Admission.settled_points).label("points"),
        func.sum(Admission.settlement_fen).label("fen"), func.min(Admission.happened_at).label("first_at"),
        func.max(Admission.happened_at).label("last_at"),
    )  # fmt: skip
    return reader.execute(select(*keys, *figures).where(*within).group_by(*keys)).all()


def _at(place: Place) -> list[Any]:
    within: list[Any] = [Admission.partner_id.in_(place.partner_ids)]
    if place.venue_id is not None:
        within.append(Admission.venue_id == place.venue_id)
    if place.device_id is not None:
        within.append(Admission.device_id == place.device_id)
    return within


def _open_conflicts(reader: Reader, place: Place) -> int:
    waiting = select(func.count()).select_from(Admission).join(ConflictClaim, CLAIM_OF, isouter=True)
    standing = (Admission.conflict_reason != "", Admission.standing == "conflict", ConflictClaim.step.is_(None))
    return int(reader.execute(waiting.where(*_at(place), *standing)).scalar_one())


def _refusals(reader: Reader, place: Place, bounds: Span) -> Iterable[Any]:
    """What devices refused. Scans lie by device, so they are asked for by the devices."""
    within = [Scan.device_id.in_(_devices(reader, place)), Scan.verdict == "refused", *_during(Scan, bounds)]
    if place.venue_id is not None:
        within.append(Scan.venue_id == place.venue_id)
    keys = (Scan.offer_id, Scan.reason)
    return reader.execute(select(*keys, func.count().label("number")).where(*within).group_by(*keys)).all()


def _devices(reader: Reader, place: Place) -> Collection[UUID]:
    if place.device_id is not None:
        return [place.device_id]
    return [device.id for device in enrolled.devices(reader, place.partner_ids, MOST_DEVICES)]


def _during(model: type[Admission] | type[Scan], bounds: Span) -> list[Any]:
    return [model.recorded_at >= bounds.since, model.recorded_at < bounds.until]
