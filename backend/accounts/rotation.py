"""People and staff under the keys of today."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, update
from sqlalchemy.orm import Session

from backend.accounts import people
from backend.accounts.models import PersonLookupRow, PersonRow, StaffRow
from backend.kit import db, rotation, seal
from backend.kit.rotation import Progress

_PEOPLE: Any = PersonRow.__table__
_STAFF: Any = StaffRow.__table__
_FIELDS = ("name_sealed", "id_number_sealed", "phone_sealed")
_COLUMNS = (_PEOPLE.c.resident_id, _PEOPLE.c.data_key, *(_PEOPLE.c[name] for name in _FIELDS))
_LIVING = select(*_COLUMNS).where(_PEOPLE.c.status == "active")


def _page(session: Session, after: UUID | None, limit: int) -> list[Row[Any]]:
    """The next living people by key."""
    statement = _LIVING.order_by(_PEOPLE.c.resident_id).limit(limit)
    return list(session.execute(statement.where(_PEOPLE.c.resident_id > after) if after else statement))


def _progress(rows: list[Any], limit: int, key: str, changed: int) -> Progress:
    return Progress(getattr(rows[-1], key) if len(rows) == limit else None, len(rows), changed)


def rewrap_people(session: Session, after: UUID | None, limit: int) -> Progress:
    """Wrap data keys with the current master key; seal fields anew where they were sealed by another suite."""
    rows = _page(session, after, limit)
    changed = sum(_rewrap(session, row.resident_id) for row in rows if _is_old(row))
    return _progress(rows, limit, "resident_id", changed)


def _is_old(row: Row[Any]) -> bool:
    return bool(_stale_fields(row)) or not seal.current().wrapped_now(row.data_key)


def _stale_fields(row: Row[Any]) -> list[str]:
    sealer = seal.current()
    return [name for name in _FIELDS if row._mapping[name] and not sealer.in_current_suite(row._mapping[name])]


def _rewrap(session: Session, resident_id: UUID) -> bool:
    """Hold the row, read it again, and write it; a person who has meanwhile gone is left alone."""
    held = _LIVING.where(_PEOPLE.c.resident_id == resident_id).with_for_update(key_share=True)
    if (row := session.execute(held).first()) is None:
        return False
    values: dict[str, Any] = {"data_key": seal.rewrap(row.data_key, resident_id)}
    for name in _stale_fields(row):
        text = people.open_field(row.data_key, name, resident_id, row._mapping[name])
        values[name] = people.seal_field(row.data_key, name, resident_id, text)
    session.execute(update(_PEOPLE).where(_PEOPLE.c.resident_id == resident_id).values(**values))
    return True


def rewrap_staff(session: Session, after: UUID | None, limit: int) -> Progress:
    """Seal the secrets of authenticator apps under the current master key; who signs in elsewhere has none."""
    secrets = select(_STAFF.c.id, _STAFF.c.otp_secret_sealed).where(_STAFF.c.otp_secret_sealed != "")
    secrets = secrets.order_by(_STAFF.c.id)
    rows = list(session.execute((secrets.where(_STAFF.c.id > after) if after else secrets).limit(limit)))
    old = [row.id for row in rows if not seal.current().is_current(row.otp_secret_sealed)]
    place = {"table": "staff", "column": "otp_secret_sealed"}
    for row in session.execute(secrets.where(_STAFF.c.id.in_(old)).with_for_update(key_share=True)).all():
        text = seal.open_system(row.otp_secret_sealed, **place, row=row.id)
        sealed = seal.seal_system(text, **place, row=row.id)
        session.execute(update(_STAFF).where(_STAFF.c.id == row.id).values(otp_secret_sealed=sealed))
    return _progress(rows, limit, "id", len(old))


def rehash_people(session: Session, after: UUID | None, limit: int) -> Progress:
    """Write each id number's digest under every hash key, and a phone's where it points at this person already."""
    rows = _page(session, after, limit)
    wanted: dict[tuple[str, str, bytes], UUID] = {}
    for row in rows:
        known = people.opened(row)
        for key_id, digest in seal.digests(people.ID_NUMBER, known.id_number):
            wanted[(people.ID_NUMBER, key_id, digest)] = row.resident_id
        for key_id, digest in _phone_digests(session, known):
            wanted[(people.PHONE, key_id, digest)] = row.resident_id
    return _progress(rows, limit, "resident_id", _write(session, wanted))


def _phone_digests(session: Session, known: people.OpenedPerson) -> list[tuple[str, bytes]]:
    """A phone names its newest holder, so somebody who held it before must not take it back."""
    if known.phone is None:
        return []
    digests = seal.digests(people.PHONE, known.phone)
    holder = select(PersonLookupRow.resident_id).where(
        PersonLookupRow.kind == people.PHONE, PersonLookupRow.digest.in_([digest for _, digest in digests])
    )
    return digests if set(session.execute(holder).scalars()) == {known.resident_id} else []


def _write(session: Session, wanted: dict[tuple[str, str, bytes], UUID]) -> int:
    if not wanted:
        return 0
    values = [dict(kind=k, key_id=i, digest=d, resident_id=r) for (k, i, d), r in sorted(wanted.items(), key=str)]
    statement = db.insert(session, PersonLookupRow).values(values).on_conflict_do_nothing()
    return len(session.execute(statement.returning(PersonLookupRow.resident_id)).all())


def forget_digests(session: Session, key_id: str, limit: int) -> int:
    """Delete look-up rows of a hash key that is no longer used."""
    rows = PersonLookupRow.__table__
    some = select(rows.c.digest).where(rows.c.key_id == key_id).limit(limit)
    digests = list(session.execute(some).scalars())
    gone = delete(PersonLookupRow).where(PersonLookupRow.key_id == key_id, PersonLookupRow.digest.in_(digests))
    return len(session.execute(gone.returning(PersonLookupRow.digest)).all()) if digests else 0


def register() -> None:
    """Tell the kit what this room keeps under keys."""
    fields = tuple(f"people.{name}" for name in ("data_key", *_FIELDS))
    rotation.rewraps("accounts.people", rotation.Pass("居民数据密钥", fields, rewrap_people))
    rotation.rewraps("accounts.staff", rotation.Pass("动态码密钥", ("staff.otp_secret_sealed",), rewrap_staff))
    rotation.rehashes("accounts.people", rotation.Pass("居民检索摘要", ("person_lookups.digest",), rehash_people))
    rotation.forgets("accounts.people", forget_digests)
