"""Give, withdraw and ask for consent. Who has looked is in ``looks``, named here for the other rooms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import AdultsOnly
from backend.consents import rules
from backend.consents.errors import ConsentMissing, ConsentTextChanged, GuardianNeeded
from backend.consents.looks import (
    EVIDENCE,
    Look,
    LookFound,
    Wanted,
    looked_at,
    looks,
    on_looked_at,
    record_look,
    search_looks,
)
from backend.consents.models import ConsentEventRow, ConsentRow
from backend.kit import city, clock, db, operations, outbox
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Prepared

CHUNK = 1000
__all__ = [
    "EVIDENCE", "Consent", "Look", "LookFound", "Wanted", "authorisations", "consent", "consents", "consents_table",
    "give_for_many", "granted", "lint_policy", "looked_at", "looks", "on_looked_at", "purpose_called", "purposes",
    "record_look", "require", "search_looks", "set_consent", "withdraw_all", "withdraw_every",
]  # fmt: skip
_ONE = Prepared(
    select(ConsentRow.granted, ConsentRow.text_version).where(
        ConsentRow.resident_id == bindparam("resident"), ConsentRow.purpose == bindparam("about")
    )
)


@dataclass(frozen=True)
class Consent:
    """Where a person stands on one purpose. ``granted``: given to the text in force; ``granted_at`` only then.

    ``needs_renewal``: given to an earlier text, which no longer counts.
    """

    purpose: rules.Purpose
    granted: bool
    granted_at: datetime | None
    needs_renewal: bool


def lint_policy(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``consents.toml`` that the composition root registers."""
    return rules.lint(content)


def purposes(reader: Reader) -> list[rules.Purpose]:
    """What may be agreed to today, in the policy's order."""
    return rules.purposes(city.get(reader, "consents").content, accounts.GUARDED_YEARS)


def purpose_called(reader: Reader, purpose: str) -> rules.Purpose:
    """One purpose of the policy in force. Raises NotFound."""
    for known in purposes(reader):
        if known.id == purpose:
            return known
    raise NotFound()


def consents_table() -> Table:
    """``consents`` for statements over many residents: (resident_id, purpose, granted, text_version).

    A row counts when it is granted and its ``text_version`` is that of :func:`purpose_called`.
    """
    table = ConsentRow.__table__
    assert isinstance(table, Table)
    return table


def consents(reader: Reader, resident_id: UUID) -> list[Consent]:
    """Where a person stands on every purpose."""
    rows = reader.execute(
        select(ConsentRow.purpose, ConsentRow.granted, ConsentRow.text_version, ConsentRow.changed_at).where(
            ConsentRow.resident_id == resident_id
        )
    )
    return _standing(purposes(reader), {row.purpose: row for row in rows})


def _standing(known: Sequence[rules.Purpose], rows: dict[str, Any]) -> list[Consent]:
    found = []
    for purpose in known:
        row = rows.get(purpose.id)
        given = row is not None and row.granted
        counts = row is not None and rules.holds(row.granted, row.text_version, purpose.text_version)
        found.append(Consent(purpose, counts, row.changed_at if row and counts else None, given and not counts))
    return found


def consent(reader: Reader, resident_id: UUID, purpose: str) -> Consent:
    """Where a person stands on one purpose. Raises NotFound for a purpose that the policy does not know."""
    known = purpose_called(reader, purpose)
    return next(found for found in consents(reader, resident_id) if found.purpose.id == known.id)


def granted(reader: Reader, resident_id: UUID, purpose: str) -> bool:
    """Whether a person's consent to the text in force stands. False for a purpose that the policy does not know."""
    row = _ONE.first(reader, {"resident": resident_id, "about": purpose})
    return row is not None and stands(reader, purpose, row.granted, row.text_version)


def stands(reader: Reader, purpose: str, granted: bool, text_version: str) -> bool:
    """Whether a consent as its row has it counts: given, and to the text in force."""
    known = city.get(reader, "consents").content["purposes"]
    current = next((item["text_version"] for item in known if item["id"] == purpose), None)
    return current is not None and rules.holds(granted, text_version, current)


def require(reader: Reader, resident_id: UUID, purpose: str) -> None:
    """Raise ConsentMissing, which says how to opt in, unless the consent stands."""
    if not granted(reader, resident_id, purpose):
        path = f"/api/v1/me/consents/{purpose}"
        raise ConsentMissing(
            f"请先阅读 GET /api/v1/me/consents 中“{purpose}”一项的文本，愿意时用 PUT {path} 给出同意；随时可以撤回。",
            f"Read the text of “{purpose}” in GET /api/v1/me/consents; opt in with PUT {path} if you agree. "
            "You may withdraw at any time.",
            purpose=purpose,
            opt_in={"method": "PUT", "path": path},
        )


def set_consent(
    session: Session, resident_id: UUID, purpose: str, granted: bool, text_version: str | None = None,
    *, guardian_id: UUID | None = None,
) -> Consent:  # fmt: skip
    """Give or withdraw a consent. Repeating it changes nothing. ``guardian_id``: who decides for her, where she is
    too young to.

    Giving names the text that was read: another than the one in force raises ConsentTextChanged. Raises AdultsOnly,
    GuardianNeeded, NotFound. Withdrawing is never refused for a version. What follows from it (a score made or
    deleted) happens in this transaction.
    """
    accounts.require_standing(session, resident_id)
    known = purpose_called(session, purpose)
    if granted:
        _may_give(session, resident_id, known, text_version, guardian_id)
    before = _locked(session, resident_id, known)
    counted = rules.holds(before.granted, before.text_version, known.text_version)
    if granted == before.granted and (not granted or counted):
        return consent(session, resident_id, purpose)
    _write(session, resident_id, purpose, granted, known.text_version, guardian_id)
    return consent(session, resident_id, purpose)


def _write(
    session: Session, resident_id: UUID, purpose: str, granted: bool, text_version: str, given_by: UUID | None = None
) -> None:
    """Change a consent that this transaction has locked, keep the event, and tell."""
    now = clock.now()
    values = dict(granted=granted, text_version=text_version)
    this = (ConsentRow.resident_id == resident_id, ConsentRow.purpose == purpose)
    session.execute(update(ConsentRow).where(*this).values(**values, changed_at=now))
    session.execute(
        insert(ConsentEventRow).values(
            resident_id=resident_id, id=new_id(), purpose=purpose, at=now, given_by=given_by, **values
        )
    )
    payload = {"resident_id": str(resident_id), "purpose": purpose, "granted": granted}
    outbox.tell(session, "consents.changed", payload, shard=resident_id)


def withdraw_all(
    session: Session, resident_id: UUID, operation: Operation, *, guardian_id: UUID | None = None
) -> list[Consent]:
    """Withdraw whatever a person has agreed to, once per operation; where she stands afterwards."""
    accounts.require_standing(session, resident_id)
    if operations.begin(session, operation, "consents.withdraw-all", makes=resident_id) is None:
        withdraw_every(session, resident_id, guardian_id=guardian_id)
    return consents(session, resident_id)


def withdraw_every(session: Session, resident_id: UUID, *, guardian_id: UUID | None = None) -> list[str]:
    """Withdraw every consent that stands, also to a purpose or a text that the policy no longer has; which ones.

    What follows from each (the score deleted) happens in this transaction.
    """
    rows = select(ConsentRow.purpose, ConsentRow.text_version).where(
        ConsentRow.resident_id == resident_id, ConsentRow.granted
    )
    given = session.execute(rows.order_by(ConsentRow.purpose).with_for_update()).all()
    for row in given:
        _write(session, resident_id, row.purpose, False, row.text_version, guardian_id)
    return [row.purpose for row in given]


def _may_give(
    session: Session, resident_id: UUID, known: rules.Purpose, text_version: str | None, guardian_id: UUID | None
) -> None:
    if text_version != known.text_version:
        raise ConsentTextChanged(
            f"现行文本的版本是 {known.text_version}。", f"The text in force is version {known.text_version}.",
            purpose=known.id, text_version=known.text_version,
        )  # fmt: skip
    _judge_age(known, accounts.person(session, resident_id).age_years(clock.today()), guardian_id is not None)


def _judge_age(known: rules.Purpose, age_years: int, by_guardian: bool) -> None:
    verdict = rules.may_agree(known, age_years, by_guardian=by_guardian)
    if verdict == "adults-only":
        raise AdultsOnly()
    if verdict:
        raise GuardianNeeded(below_age=known.guardian_below_age)


def _locked(session: Session, resident_id: UUID, known: rules.Purpose) -> Any:
    """The person's row of this purpose, made when there is none, locked."""
    empty = dict(
        resident_id=resident_id, purpose=known.id, granted=False, text_version=known.text_version,
        changed_at=clock.now(),
    )  # fmt: skip
    insert_if_absent(session, ConsentRow, empty, ("resident_id", "purpose"))
    columns = select(ConsentRow.granted, ConsentRow.text_version)
    this = (ConsentRow.resident_id == resident_id, ConsentRow.purpose == known.id)
    return session.execute(columns.where(*this).with_for_update()).one()


def give_for_many(session: Session, resident_ids: Collection[UUID], purpose: str) -> int:
    """Record the consent of many who have none yet, and return how many; for demonstrations and tests alone.

    Nobody is told: whoever calls it lets what follows from a consent be worked out for all of them afterwards.
    Those whom the purpose's age rule excludes are left out.
    """
    known, now, day = purpose_called(session, purpose), clock.now(), clock.today()
    people = accounts.people_by_id(session, resident_ids)
    able = [i for i, person in people.items() if not rules.may_agree(known, person.age_years(day))]
    given = 0
    for at in range(0, len(able), CHUNK):
        rows = [_given(resident_id, known, now) for resident_id in able[at : at + CHUNK]]
        given += _insert_new(session, rows)
    return given


def _given(resident_id: UUID, known: rules.Purpose, now: datetime) -> dict[str, Any]:
    return dict(
        resident_id=resident_id, purpose=known.id, granted=True, text_version=known.text_version, changed_at=now
    )


def _insert_new(session: Session, rows: list[dict[str, Any]]) -> int:
    statement = db.insert(session, ConsentRow).values(rows).on_conflict_do_nothing()
    made = session.execute(statement.returning(ConsentRow.resident_id)).scalars().all()
    if made:
        first = rows[0]
        event = dict(purpose=first["purpose"], granted=True, text_version=first["text_version"], at=first["changed_at"])
        session.execute(insert(ConsentEventRow), [dict(resident_id=i, id=new_id(), **event) for i in made])
    return len(made)


def authorisations(reader: Reader, resident_ids: Collection[UUID], purpose: str) -> dict[UUID, str]:
    """The consent on which a look may rest, by resident: ``consent:<purpose>:<id>`` of the last time it was given.

    Whoever never gave it is left out.
    """
    given = (
        select(ConsentEventRow.resident_id, ConsentEventRow.id)
        .where(
            ConsentEventRow.resident_id.in_(resident_ids),
            ConsentEventRow.purpose == purpose,
            ConsentEventRow.granted.is_(True),
        )
        .order_by(ConsentEventRow.at, ConsentEventRow.id)
    )
    return {row.resident_id: f"consent:{purpose}:{row.id}" for row in reader.execute(given)}
