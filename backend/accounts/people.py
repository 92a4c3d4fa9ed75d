"""People: one row each, made at first sight by a department's record or by binding.

Names, id numbers and phones are sealed with the person's own data key and found again by keyed digest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, insert, select
from sqlalchemy.orm import Session

from backend.accounts import rules
from backend.accounts.errors import AdultsOnly
from backend.accounts.models import PersonLookupRow, PersonRow, WechatAccountRow
from backend.kit import clock, db, seal
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.prepared import Part, Prepared

CHUNK = 500
ID_NUMBER = "id_number"
PHONE = "phone"
NOT_A_NAME = "应为 2 至 50 个字的中文姓名。"
NOT_AN_ID_NUMBER = "不是有效的身份证号（GB 11643）。"


@dataclass(frozen=True)
class Person:
    """What other rooms may know of someone: ``display_name`` is masked (``张**``)."""

    resident_id: UUID
    display_name: str
    birth_on: date
    spending_paused_until: datetime | None = None

    def is_adult(self, on: date) -> bool:
        return rules.is_adult(self.birth_on, on)

    def age_years(self, on: date) -> int:
        return rules.age_years(self.birth_on, on)


@dataclass(frozen=True, repr=False)
class OpenedPerson:
    """Someone in full. Whoever shows this to another than the person writes the access log first."""

    resident_id: UUID
    name: str
    id_number: str
    phone: str | None


def seal_field(row_key: bytes, column: str, resident_id: UUID, text: str) -> str:
    return seal.seal(row_key, text, table="people", column=column, person=resident_id)


def open_field(row_key: bytes, column: str, resident_id: UUID, sealed: str) -> str:
    return seal.open(row_key, sealed, table="people", column=column, person=resident_id)


def seal_for(reader: Reader, resident_id: UUID, table: str, column: str, text: str) -> str:
    """Seal what another room keeps about a living person with her key: it dies with her data. Raises NotFound."""
    key = sealed_row(reader, resident_id).data_key
    return seal.seal(key, text, table=table, column=column, person=resident_id)


def open_for(reader: Reader, resident_id: UUID, table: str, column: str, sealed: str) -> str:
    """Open what :func:`seal_for` sealed. Raises NotFound."""
    key = sealed_row(reader, resident_id).data_key
    return seal.open(key, sealed, table=table, column=column, person=resident_id)


_SEALED = (
    PersonRow.resident_id,
    PersonRow.data_key,
    PersonRow.name_sealed,
    PersonRow.id_number_sealed,
    PersonRow.phone_sealed,
    PersonRow.bound_at,
    PersonRow.spending_paused_until,
)


AnyRow = Row[*tuple[Any, ...]]
_LIVING = Prepared(select(*_SEALED).where(PersonRow.resident_id == bindparam("resident"), PersonRow.status == "active"))


def sealed_row(reader: Reader, resident_id: UUID) -> AnyRow:
    """A living row of ``people``, still sealed. Raises NotFound for the unknown and the erased."""
    row: AnyRow | None = _LIVING.first(reader, {"resident": resident_id})
    if row is None:
        raise NotFound()
    return row


def opened(row: AnyRow) -> OpenedPerson:
    """A row as :func:`sealed_row` gives it, in full."""

    def field(column: str) -> str:
        return open_field(row.data_key, column, row.resident_id, getattr(row, column))

    phone = field("phone_sealed") if row.phone_sealed else None
    return OpenedPerson(row.resident_id, field("name_sealed"), field("id_number_sealed"), phone)


def require_known(reader: Reader, resident_id: UUID) -> None:
    """Raise NotFound for the unknown and the erased; nothing of anybody is opened."""
    sealed_row(reader, resident_id)


def living(reader: Reader, resident_ids: Collection[UUID]) -> set[UUID]:
    """Who of these is known and has not left; nothing of anybody is opened."""
    found: set[UUID] = set()
    for chunk in chunks(list(resident_ids)):
        those = select(PersonRow.resident_id).where(PersonRow.resident_id.in_(chunk), PersonRow.status == "active")
        found.update(reader.execute(those).scalars())
    return found


def open_person(reader: Reader, resident_id: UUID) -> OpenedPerson:
    """Someone's name, id number and phone in full. Raises NotFound."""
    return opened(sealed_row(reader, resident_id))


def person(reader: Reader, resident_id: UUID) -> Person:
    """Someone's masked name and birth date. Raises NotFound for the unknown and the erased."""
    return _person(sealed_row(reader, resident_id))


def _person(row: AnyRow) -> Person:
    name = open_field(row.data_key, "name_sealed", row.resident_id, row.name_sealed)
    id_number = open_field(row.data_key, "id_number_sealed", row.resident_id, row.id_number_sealed)
    return Person(row.resident_id, seal.mask_name(name), rules.birth_on(id_number), paused_until(row))


def paused_until(row: AnyRow) -> datetime | None:
    """Until when a person cannot spend; None once that is over."""
    until: datetime | None = row.spending_paused_until
    return until if until is not None and until > clock.now() else None


NAMED = Part(
    (
        PersonRow.__table__.c.data_key,
        PersonRow.__table__.c.name_sealed,
        PersonRow.__table__.c.spending_paused_until,
    ),
    (
        (
            PersonRow.__table__,
            and_(PersonRow.resident_id == bindparam("resident"), PersonRow.status == "active"),
        ),
    ),
)
"""The living person's sealed name and her pause, for a statement that asks several rooms at once.

:func:`masked_name` and :func:`paused_until` read them."""


def masked_name(resident_id: UUID, data_key: bytes, name_sealed: str) -> str:
    """``张**``, out of a row of ``NAMED``."""
    return seal.mask_name(open_field(data_key, "name_sealed", resident_id, name_sealed))


def people(reader: Reader, resident_ids: Collection[UUID]) -> dict[UUID, Person]:
    """Several people at once; the unknown and the erased are left out."""
    found: dict[UUID, Person] = {}
    for chunk in chunks(list(resident_ids)):
        statement = select(*_SEALED).where(PersonRow.resident_id.in_(chunk), PersonRow.status == "active")
        found.update({row.resident_id: _person(row) for row in reader.execute(statement)})
    return found


_HOLD = Prepared(
    select(PersonRow.resident_id).where(PersonRow.resident_id == bindparam("resident")).with_for_update(key_share=True)
)


def lock_people(session: Session, resident_ids: Collection[UUID]) -> None:
    """Hold these people's rows, by key, until the transaction ends; what is computed about a person takes turns by it.

    It keeps no one from referring to them. SQLite's one writer holds everything already.
    """
    if len(resident_ids) == 1:
        _HOLD.first(session, {"resident": next(iter(resident_ids))})
        return
    for chunk in chunks(sorted(resident_ids)):
        statement = select(PersonRow.resident_id).where(PersonRow.resident_id.in_(chunk))
        session.execute(statement.order_by(PersonRow.resident_id).with_for_update(key_share=True)).all()


def hold_people(session: Session, resident_ids: Collection[UUID]) -> None:
    """Keep these people from leaving until the transaction ends, by key and shared; before any other lock.

    As ``require_standing`` for many, but it judges nobody: what the law orders kept of one who left may still change.
    """
    for chunk in chunks(sorted(resident_ids)):
        statement = select(PersonRow.resident_id).where(PersonRow.resident_id.in_(chunk))
        held = statement.order_by(PersonRow.resident_id).with_for_update(read=True, key_share=True)
        session.execute(held).all()


def require_adult(reader: Reader, resident_id: UUID, on: date | None = None) -> None:
    """Raise AdultsOnly unless the person has completed 18 years on a Shanghai day (today by default)."""
    if not person(reader, resident_id).is_adult(on or clock.today()):
        raise AdultsOnly()


def openid_of(reader: Reader, resident_id: UUID) -> str | None:
    """The openid to which a message for this person goes; None when nobody is bound or the account is suspended."""
    bound = select(PersonRow.wechat_account_id).where(PersonRow.resident_id == resident_id)
    account_id = reader.execute(bound).scalar()
    if account_id is None:
        return None
    active = (WechatAccountRow.id == account_id, WechatAccountRow.status == "active")
    openid: str | None = reader.execute(select(WechatAccountRow.openid).where(*active)).scalar()
    return openid


def find_people(reader: Reader, id_numbers: Iterable[str]) -> dict[str, UUID]:
    """The residents behind normal id numbers; unknown numbers are left out."""
    wanted = {digest: number for number in id_numbers for _, digest in seal.digests(ID_NUMBER, number)}
    found: dict[str, UUID] = {}
    for chunk in chunks(list(wanted)):
        statement = select(PersonLookupRow.digest, PersonLookupRow.resident_id).where(
            PersonLookupRow.kind == ID_NUMBER, PersonLookupRow.digest.in_(chunk)
        )
        found.update({wanted[row.digest]: row.resident_id for row in reader.execute(statement)})
    return found


def find_person(reader: Reader, id_number: str) -> UUID | None:
    """The resident with this id number in any spelling; None when there is none or it cannot be one."""
    number = rules.normal_id_number(id_number, clock.today())
    return find_people(reader, [number]).get(number) if number else None


def ensure_person(session: Session, name: str, id_number: str) -> UUID:
    """The resident with this id number, made at first sight. Raises FieldError when name or number cannot be one.

    A known person's name stays as it was first given: a record does not rename anybody.
    """
    return _ensure(session, [normal("", name, id_number)])[0]


def ensure_people(session: Session, rows: Sequence[tuple[str, str]]) -> list[UUID]:
    """``ensure_person`` for many (name, id number) at once, in their order; thousands take a second or two."""
    return _ensure(session, [normal(f"/{index}", *row) for index, row in enumerate(rows)])


def _ensure(session: Session, wanted: list[tuple[str, str]]) -> list[UUID]:
    names = {number: name for name, number in reversed(wanted)}
    found = find_people(session, names)
    for chunk in chunks([number for number in sorted(names) if number not in found]):  # one order, no deadlock
        found.update(_make(session, {number: names[number] for number in chunk}))
    _write_lookups(session, found)
    return [found[number] for _, number in wanted]


def normal(at: str, name: str, id_number: str) -> tuple[str, str]:
    """Name and id number in normal form. Raises FieldError below the JSON pointer ``at``."""
    found = rules.normal_name(name), rules.normal_id_number(id_number, clock.today())
    if found[0] is None:
        raise FieldError.at(f"{at}/name", NOT_A_NAME, "Not a Chinese name of 2 to 50 characters.")
    if found[1] is None:
        raise FieldError.at(f"{at}/id_number", NOT_AN_ID_NUMBER, "Not a valid resident id number.")
    return found[0], found[1]


def _make(session: Session, names: dict[str, str]) -> dict[str, UUID]:
    """Make people for id numbers. The look-up row decides who was first; whoever lost adopts the winner's person."""
    numbers = {seal.digest(ID_NUMBER, number): number for number in names}
    ids = {number: new_id() for number in names}
    values = [dict(kind=ID_NUMBER, key_id=key[0], digest=key[1], resident_id=ids[n]) for key, n in numbers.items()]
    statement = db.insert(session, PersonLookupRow).values(values).on_conflict_do_nothing()
    won = session.execute(statement.returning(PersonLookupRow.key_id, PersonLookupRow.digest)).all()
    made = [numbers[(row.key_id, row.digest)] for row in won]
    if made:
        session.execute(insert(PersonRow), [_row(ids[number], names[number], number) for number in made])
    result = {number: ids[number] for number in made}
    return result | find_people(session, [number for number in names if number not in result])


def _row(resident_id: UUID, name: str, id_number: str) -> dict[str, Any]:
    key = seal.new_data_key(resident_id)
    return dict(
        resident_id=resident_id, data_key=key, status="active", created_at=clock.now(), phone_sealed=None,
        name_sealed=seal_field(key, "name_sealed", resident_id, name),
        id_number_sealed=seal_field(key, "id_number_sealed", resident_id, id_number),
        wechat_account_id=None, bound_at=None,
    )  # fmt: skip


def _write_lookups(session: Session, found: dict[str, UUID]) -> None:
    """While one hash key replaces another, whoever is met again gets the rows of both."""
    values = [
        dict(kind=ID_NUMBER, key_id=key_id, digest=digest, resident_id=resident_id)
        for number, resident_id in found.items()
        for key_id, digest in seal.digests(ID_NUMBER, number)
    ]
    if len(values) > len(found):
        for chunk in chunks(values):
            session.execute(db.insert(session, PersonLookupRow).values(chunk).on_conflict_do_nothing())


def remember_phone(session: Session, resident_id: UUID, phone: str) -> None:
    """Point a verified phone at its holder; a number that changed hands points at the newest."""
    for key_id, digest in seal.digests(PHONE, phone):
        values = dict(kind=PHONE, key_id=key_id, digest=digest, resident_id=resident_id)
        statement = db.insert(session, PersonLookupRow).values(**values)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["digest", "kind", "key_id"], set_={"resident_id": statement.excluded.resident_id}
            )
        )


def chunks(items: list[Any]) -> Iterable[list[Any]]:
    """The items in lists of as many as one statement takes."""
    return (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))
