"""Offers and their venues as this process knows them: the same for everybody, so not read anew for everyone.

What an offer says is kept by its stamp (version, status, instant of the last change) and never goes stale: whatever
changes an offer or its venues gives it a new stamp. Which stamp holds is one narrow statement: asked anew in every
transaction, at most every two seconds by reads outside of one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.prepared import Part, Prepared
from backend.offers.models import Offer, OfferVenue, Venue

FRESH_SECONDS = 2.0
"""How long a read outside a transaction may still see what was on offer before a load elsewhere."""
MOST_KEPT = 5_000
VENUE_FIELDS = ("id", "name", "address", "lat", "lon")


class Shown(NamedTuple):
    """An offer's row and the open venues where it is admitted. Treat both as frozen."""

    row: Any
    venues: Sequence[Mapping[str, Any]]


class _Stamp(NamedTuple):
    """What tells whether an offer as it is kept still holds; read in this order."""

    id: UUID
    version: str
    status: str
    updated_at: datetime


_OFFERS: Any = Offer.__table__
_PAIRS: Any = OfferVenue.__table__
_PLACES: Any = Venue.__table__
_STAMPS = select(*(_OFFERS.c[name] for name in _Stamp._fields))
_ONE = _STAMPS.where(_OFFERS.c.id == bindparam("offer"))
_ONE_STAMP = Prepared(_ONE)
_HELD_FOR = Prepared(
    _ONE.add_columns(*accounts.SPENDER.columns)
    .where(*(condition for _, condition in accounts.SPENDER.joins))
    .with_for_update(read=True, key_share=True, of=[*(table for table, _ in accounts.SPENDER.joins), _OFFERS])
)
_SOME_STAMPS = _STAMPS.where(_OFFERS.c.id.in_(bindparam("offers", expanding=True)))
_OPEN_STAMPS = Prepared(_STAMPS.where(_OFFERS.c.status == "open").order_by(_OFFERS.c.position))
_OPEN_SCENES = Prepared(select(_OFFERS.c.scene_id).where(_OFFERS.c.status == "open"))
_ROWS = select(*_OFFERS.c).where(_OFFERS.c.id.in_(bindparam("offers", expanding=True)))
_VENUES = (
    select(_PAIRS.c.offer_id, *(_PLACES.c[name] for name in VENUE_FIELDS))
    .join_from(_PAIRS, _PLACES, _PLACES.c.id == _PAIRS.c.venue_id)
    .where(_PAIRS.c.offer_id.in_(bindparam("offers", expanding=True)), _PLACES.c.status == "open")
    .order_by(_PLACES.c.name, _PLACES.c.id)
)

_kept: dict[Any, Shown] = {}
_seen: dict[Any, tuple[float, Any]] = {}


def forget() -> None:
    """Ask anew what is on offer; whoever changes offers in this process says so."""
    _seen.clear()


def offer(reader: Reader, offer_id: UUID) -> Shown:
    """One offer, open or closed. Raises NotFound."""
    shown = _find(reader, offer_id)
    if shown is None:
        raise NotFound()
    return shown


def held_for(session: Session, resident_id: UUID, offer_id: UUID) -> Shown:
    """One offer that nobody changes, for a person who may spend and does not leave, before this transaction ends.

    One statement locks both, the person first. Whoever changes an offer locks it before its places. So does who takes
    a place and will refer to the offer. Raises NotFound and the accounts' SpendingPaused.
    """
    row = _HELD_FOR.first(session, {"resident": resident_id, "offer": offer_id})
    if row is None:
        accounts.require_may_spend(session, resident_id)  # a pause is told whatever she asks for
        raise NotFound()
    accounts.judge_spending(row)
    return _shown(session, [_Stamp(row.id, row.version, row.status, row.updated_at)])[0]


def stamped(offer_id: Any) -> Part:
    """For a statement that reads the offer of this column along: what :func:`shown_by` wants."""
    return Part(
        tuple(_OFFERS.c[name].label(f"offer_{name}") for name in _Stamp._fields), ((_OFFERS, _OFFERS.c.id == offer_id),)
    )


def shown_by(reader: Reader, stamp: Sequence[Any]) -> Shown:
    """The offer whose stamp was read by the columns of :func:`stamped`."""
    return _shown(reader, [_Stamp(*stamp)])[0]


def _find(reader: Reader, offer_id: UUID) -> Shown | None:
    stamp = _fresh(reader, offer_id, lambda: _ONE_STAMP.first(reader, {"offer": offer_id}))
    return next(iter(_shown(reader, [stamp])), None) if stamp is not None else None


def venues_of(reader: Reader, offer_id: UUID) -> Sequence[Mapping[str, Any]]:
    """Where an offer is admitted; nowhere when there is no such offer."""
    shown = _find(reader, offer_id)
    return shown.venues if shown else ()


def venues_of_all(reader: Reader, offer_ids: Collection[UUID]) -> dict[UUID, Sequence[Mapping[str, Any]]]:
    """Where each of several offers is admitted, in one statement at most."""
    wanted = sorted(offer_ids)
    stamps = _fresh(reader, tuple(wanted), lambda: reader.execute(_SOME_STAMPS, {"offers": wanted}).all())
    return {shown.row.id: shown.venues for shown in _shown(reader, stamps)}


def offered_at(reader: Reader, offer_id: UUID, venue_id: UUID) -> bool:
    """Whether the offer is admitted at the venue."""
    return is_among(venues_of(reader, offer_id), venue_id)


def is_among(venues: Sequence[Mapping[str, Any]], venue_id: UUID) -> bool:
    """Whether a venue is one of an offer's."""
    return any(venue["id"] == venue_id for venue in venues)


def open_offers(reader: Reader) -> list[Shown]:
    """Every open offer in the city's order."""
    return _shown(reader, _fresh(reader, "open", lambda: _OPEN_STAMPS.rows(reader, {})))


def open_counts(reader: Reader) -> Mapping[str, int]:
    """How many offers are open in each scene."""

    def count() -> Mapping[str, int]:
        return Counter(scene for (scene,) in _OPEN_SCENES.rows(reader, {}))

    counts: Mapping[str, int] = _fresh(reader, "scenes", count)
    return counts


def _fresh(reader: Reader, what: Any, ask: Callable[[], Any]) -> Any:
    if isinstance(reader, Session):
        return ask()
    key = (reader.engine, what)
    seen = _seen.get(key)
    if seen is None or time.monotonic() - seen[0] > FRESH_SECONDS:
        if len(_seen) > MOST_KEPT:
            _seen.clear()
        seen = _seen[key] = (time.monotonic(), ask())
    return seen[1]


def _shown(reader: Reader, stamps: Sequence[Any]) -> list[Shown]:
    known = {stamp.id: shown for stamp in stamps if (shown := _kept.get(tuple(stamp))) is not None}
    if missing := [stamp.id for stamp in stamps if stamp.id not in known]:
        known |= _read(reader, missing)
    return [known[stamp.id] for stamp in stamps if stamp.id in known]


def _read(reader: Reader, offer_ids: list[UUID]) -> dict[UUID, Shown]:
    """Read offers and keep each under the stamp that its own row bears."""
    wanted = {"offers": offer_ids}
    rows = reader.execute(_ROWS, wanted).all()
    places: dict[UUID, list[dict[str, Any]]] = {}
    for found in reader.execute(_VENUES, wanted):
        places.setdefault(found.offer_id, []).append({name: getattr(found, name) for name in VENUE_FIELDS})
    read = {row.id: Shown(row, tuple(places.get(row.id, ()))) for row in rows}
    if len(_kept) + len(read) > MOST_KEPT:
        _kept.clear()
    _kept.update({(one.row.id, one.row.version, one.row.status, one.row.updated_at): one for one in read.values()})
    return read
