"""Whom the rows of a department's file are about: thousands at a time, and no name is told to anybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts import people, rules
from backend.accounts.models import PersonRow
from backend.kit import clock

Verdict = Literal["known", "made", "mismatch", "invalid"]


class Match(NamedTuple):
    """``mismatch``: the number is on file under another name, which stays untold. ``invalid``: cannot be a person's."""

    resident_id: UUID | None
    verdict: Verdict


def match_people(session: Session, rows: Sequence[tuple[str, str]]) -> list[Match]:
    """The people behind (name, id number), in their order; whoever is not known is made at first sight.

    A name in any spelling that binding would take is the same name. Of two rows that give a new number different
    names the first makes the person. Those found are held, by key and shared, until the transaction ends: nobody
    among them leaves meanwhile. It is called before any other lock.
    """
    today = clock.today()
    wanted = [(rules.normal_name(name), rules.normal_id_number(number, today)) for name, number in rows]
    first: dict[str, str] = {}
    for name, number in wanted:
        if name and number:
            first.setdefault(number, name)
    found = people.find_people(session, first)
    names = _hold(session, found.values())
    missing = [number for number in first if found.get(number) not in names]
    made = dict(zip(missing, people.ensure_people(session, [(first[n], n) for n in missing]), strict=True))
    fresh = _hold(session, made.values())  # another transaction may have made them, and under another name
    found, names = found | made, names | fresh
    return [_judged(name, number, found, names, made) for name, number in wanted]


def _hold(session: Session, resident_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The names of those still here, each held against leaving; for the caller's judgement alone."""
    names: dict[UUID, str] = {}
    columns = (PersonRow.resident_id, PersonRow.data_key, PersonRow.name_sealed)
    for chunk in people.chunks(sorted(set(resident_ids))):
        those = select(*columns).where(PersonRow.resident_id.in_(chunk), PersonRow.status == "active")
        held = session.execute(those.order_by(PersonRow.resident_id).with_for_update(read=True, key_share=True))
        for row in held:
            names[row.resident_id] = people.open_field(row.data_key, "name_sealed", row.resident_id, row.name_sealed)
    return names


def _judged(
    name: str | None, number: str | None, found: dict[str, UUID], names: dict[UUID, str], made: dict[str, UUID]
) -> Match:
    if not name or not number:
        return Match(None, "invalid")
    resident_id = found[number]
    if names.get(resident_id) != name:
        return Match(None, "mismatch")
    return Match(resident_id, "made" if number in made else "known")
