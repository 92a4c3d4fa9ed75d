"""Car parks and their operators, and which of them a driver allows to ask about a plate."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, literal_column, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.consents.errors import ConsentTextChanged
from backend.kit import clock
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.prepared import Prepared
from backend.offers import service as shelf
from backend.parking import links, plates, rules
from backend.parking.errors import NotACarPark
from backend.parking.models import operators
from backend.parking.models import plates as plate_table

PURPOSE = "parking"


class Operator(NamedTuple):
    """A partner with car parks. ``venues``: their names."""

    partner_id: UUID
    name: str
    venues: list[str]


def all_operators(reader: Reader) -> list[Operator]:
    """The partners that have parking offers, by name."""
    places: dict[UUID, set[str]] = {}
    for shown in shelf.open_offers(reader):
        if shown.row.kind == rules.HERE:
            places.setdefault(shown.row.partner_id, set()).update(venue["name"] for venue in shown.venues)
    known = accounts.organisations(reader, set(places))
    return sorted((Operator(each.id, each.name, sorted(places[each.id])) for each in known), key=lambda one: one.name)


def require_car_park(reader: Reader, venue_id: UUID) -> list[shelf.Shown]:
    """The open offers admitted at a car park that can be applied by plate. Raises NotACarPark."""
    found = [
        shown for shown in shelf.open_offers(reader)
        if shown.row.kind in rules.KINDS and any(venue["id"] == venue_id for venue in shown.venues)
    ]  # fmt: skip
    if not any(shown.row.kind == rules.HERE for shown in found):
        raise NotACarPark()
    return found


def set_operator(
    session: Session, resident_id: UUID, plate_id: UUID, partner_id: UUID, granted: bool, text_version: str | None
) -> plates.Plate:
    """Allow an operator to ask about one plate, or not any more; it counts at once. Repeating it changes nothing.

    Allowing needs the general consent and the text in force. Raises NotFound, ConsentMissing, ConsentTextChanged.
    """
    accounts.require_standing(session, resident_id)
    plates.one(session, resident_id, plate_id)
    known = any(each.partner_id == partner_id for each in all_operators(session))
    key = {"resident_id": resident_id, "plate_id": plate_id, "partner_id": partner_id}
    this = [operators.c[name] == value for name, value in key.items()]
    standing = session.execute(select(operators.c.granted).where(*this)).first()
    if not known and standing is None:
        raise NotFound()
    if granted:
        _may_allow(session, resident_id, known, text_version)
    version = consents.purpose_called(session, PURPOSE).text_version
    told: dict[str, Any] = {"granted": granted, "text_version": version, "changed_at": clock.now()}
    if not insert_if_absent(session, operators, {**key, **told}, tuple(key)):
        same = (operators.c.granted == granted, operators.c.text_version == version)
        session.execute(update(operators).where(*this, ~(same[0] & same[1])).values(**told))
    if not granted:
        links.unlink(session, resident_id, plate_id, partner_id)
    return plates.one(session, resident_id, plate_id)


def _may_allow(session: Session, resident_id: UUID, known: bool, text_version: str | None) -> None:
    if not known:
        raise NotFound()
    consents.require(session, resident_id, PURPOSE)
    current = consents.purpose_called(session, PURPOSE).text_version
    if text_version != current:
        raise ConsentTextChanged(
            f"现行文本的版本是 {current}。", f"The text in force is version {current}.",
            purpose=PURPOSE, text_version=current,
        )  # fmt: skip


_ALLOWED = Prepared(
    select(operators.c.granted, operators.c.text_version)
    .join_from(
        plate_table, operators,
        (operators.c.resident_id == plate_table.c.resident_id) & (operators.c.plate_id == plate_table.c.id),
    )
    .where(
        plate_table.c.resident_id == bindparam("resident"), plate_table.c.id == bindparam("named"),
        plate_table.c.state == literal_column("'confirmed'"), operators.c.partner_id == bindparam("partner"),
    )
)  # fmt: skip


def allowed(reader: Reader, resident_id: UUID, plate_id: UUID, partner_id: UUID) -> bool:
    """Whether an operator may ask about this plate now: the general consent and the plate's own, to the text in
    force, and the plate confirmed."""
    row = _ALLOWED.first(reader, {"resident": resident_id, "named": plate_id, "partner": partner_id})
    if row is None or not row.granted:
        return False
    return consents.granted(reader, resident_id, PURPOSE) and (
        row.text_version == consents.purpose_called(reader, PURPOSE).text_version
    )
