"""Register, use and end that somebody acts for another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.delegation import rules
from backend.delegation.errors import DelegationRefused
from backend.delegation.looks import BASES, CARD, CODE, Clerk, Desk
from backend.delegation.models import DelegationActorRow, DelegationRow
from backend.delegation.proof import CardProof, person_before_us, read_code
from backend.identity.errors import IdentityNotVerified
from backend.kit import city, clock, operations, outbox, trail
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation

REGISTERED, ENDED = "delegation.registered", "delegation.ended"
REGISTERING, FINDING, ENDING = "窗口登记监护人", "窗口办理代办登记", "窗口结束代办"
HELPING = "窗口代办"
_COLUMNS = tuple(DelegationRow.__table__.c)


class Guardianship(NamedTuple):
    """What a clerk registers: both cards in hand, the document, and the last day. ``kind``: guardian or ward."""

    kind: str
    guardian: CardProof
    represented: CardProof
    basis: str
    document_no: str
    ends_on: date | None


@dataclass(frozen=True)
class Delegation:
    """Who acts for whom. Names are masked; ``mine``: as which side the reader sees it (actor or represented)."""

    id: UUID
    kind: str
    mine: str
    resident_id: UUID
    represented: str
    actor: str
    basis: str
    document_no: str | None
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    stands: bool


def lint_city(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``city.toml`` that the composition root registers."""
    return rules.lint_limits(content.get("delegations", {}))


def _limit(reader: Reader, name: str, default: int) -> int:
    return int(city.get(reader, "city").content.get("delegations", {}).get(name, default))


def _standing(now: datetime) -> tuple[Any, ...]:
    return DelegationRow.ended_at.is_(None), DelegationRow.starts_at <= now, DelegationRow.ends_at > now


# --- registering -------------------------------------------------------------------------------------------------


def register_guardian(session: Session, clerk: Clerk, wanted: Guardianship, operation: Operation) -> Delegation:
    """Register a guardian, both of whose cards a clerk holds; an earlier registration of the two ends with it.

    Both are told, and every other guardian of the same person. The looks at both are written down first. Raises
    IdentityNotVerified where a card names somebody whom we know by another name, DelegationRefused, FieldError.
    """
    delegation_id, desk = new_id(), Desk(clerk, REGISTERING)
    done = operations.begin(session, operation, kind="delegation.register", makes=delegation_id)
    guardian_id = person_before_us(session, desk, wanted.guardian)
    resident_id = person_before_us(session, desk, wanted.represented)
    if done is not None:
        return delegation(session, resident_id, done, mine="actor")
    if clerk.person_id in (guardian_id, resident_id):
        raise DelegationRefused.because("own-affair")
    accounts.lock_people(session, {resident_id})
    starts_at = clock.now()
    ends_at = _guardian_until(session, wanted, guardian_id, resident_id)
    others = _guardians(session, resident_id)
    sealed = accounts.seal_for(session, resident_id, "delegations", "document_no_sealed", wanted.document_no)
    _end_where(session, "renewed", DelegationRow.resident_id == resident_id, DelegationRow.actor_id == guardian_id)
    row = dict(kind=wanted.kind, basis=wanted.basis, document_no_sealed=sealed, starts_at=starts_at, ends_at=ends_at)
    _write(session, clerk, delegation_id, resident_id, guardian_id, row)
    _tell_registered(session, wanted.kind, ends_at, {resident_id, guardian_id, *others}, resident_id)
    return delegation(session, resident_id, delegation_id, mine="actor")


def _guardian_until(session: Session, wanted: Guardianship, guardian_id: UUID, resident_id: UUID) -> datetime:
    """When it ends: after the last day asked for, or the latest that is allowed. Raises DelegationRefused."""
    today = clock.today()
    people = accounts.people_by_id(session, {guardian_id, resident_id})
    sides = rules.Sides(guardian_id == resident_id, people[guardian_id].birth_on, people[resident_id].birth_on)
    if why := rules.may_register(wanted.kind, sides, today):
        raise DelegationRefused.because(why)
    latest = rules.last_day(wanted.kind, sides.born_on, today, _limit(session, "longest_days", rules.LONGEST_DAYS))
    ends_on = wanted.ends_on or latest
    if not today <= ends_on <= latest:
        raise DelegationRefused.because("too-long", latest_on=latest.isoformat())
    return clock.end_of_day(ends_on)


def start_helping(session: Session, clerk: Clerk, proof: CardProof | str, operation: Operation) -> Delegation:
    """Let a clerk act, for half an hour, for the person who stands there: her card in hand, or the code she shows.

    A code works once: the delegation's id is made of it. She is told at once. The look is written down first. Raises
    IdentityNotVerified, DelegationRefused, FieldError, TooManyAttempts.
    """
    desk = Desk(clerk, HELPING)
    if (done := operations.begin(session, operation, kind="delegation.help")) is not None:
        return _shown(session, desk, _represented(session, clerk.account_id, done), done)
    accounts.count_attempt(session, "help", str(clerk.account_id), rules.HELPS_PER_CLERK)
    resident_id, delegation_id, basis = _before_counter(session, desk, proof)
    if clerk.person_id == resident_id:
        raise DelegationRefused.because("own-affair")
    accounts.lock_people(session, {resident_id})
    _end_where(session, "renewed", DelegationRow.resident_id == resident_id, DelegationRow.actor_id == clerk.account_id)
    now = clock.now()
    ends_at = now + timedelta(minutes=_limit(session, "help_minutes", rules.HELP_MINUTES))
    row = dict(kind=rules.HELPER, basis=basis, document_no_sealed=None, starts_at=now, ends_at=ends_at)
    _write(session, clerk, delegation_id, resident_id, clerk.account_id, row)
    _tell_registered(session, rules.HELPER, ends_at, {resident_id}, resident_id)
    operations.finish(session, operation, delegation_id)
    return delegation(session, resident_id, delegation_id, mine="actor")


def _before_counter(session: Session, desk: Desk, proof: CardProof | str) -> tuple[UUID, UUID, str]:
    """Who stands there, the id of the delegation that follows, and on what it rests."""
    if isinstance(proof, str):
        shown = read_code(session, proof)
        desk.look(session, shown.resident_id, CODE)
        return shown.resident_id, shown.delegation_id, BASES[CODE]
    return person_before_us(session, desk, proof), new_id(), BASES[CARD]


def _write(
    session: Session, clerk: Clerk, delegation_id: UUID, resident_id: UUID, actor_id: UUID, row: dict[str, Any]
) -> None:
    """One row for the person acted for, one by which the actor finds it, one in the trail of staff."""
    values = dict(
        resident_id=resident_id, id=delegation_id, actor_id=actor_id, registered_by=clerk.account_id,
        organisation_id=clerk.organisation_id, created_at=clock.now(), ended_at=None, ended_by="", **row,
    )  # fmt: skip
    if not insert_if_absent(session, DelegationRow, values, ("resident_id", "id")):
        raise IdentityNotVerified()
    session.execute(insert(DelegationActorRow).values(actor_id=actor_id, id=delegation_id, resident_id=resident_id))
    detail = {"kind": row["kind"], "ends_at": row["ends_at"].isoformat()}
    trail.note(session, clerk.account_id, clerk.role, "delegation.register", "delegation", delegation_id, detail)


def has_acted_for(reader: Reader, resident_id: UUID, actor_ids: Collection[UUID]) -> bool:
    """Whether one of these, a person or a staff account, is or was registered to act for somebody."""
    hers = select(DelegationRow.id).where(
        DelegationRow.resident_id == resident_id, DelegationRow.actor_id.in_(actor_ids)
    )
    return reader.execute(hers.limit(1)).first() is not None


def _guardians(reader: Reader, resident_id: UUID) -> set[UUID]:
    """The guardians who stand now."""
    now, kinds = clock.now(), (rules.GUARDIAN_OF_CHILD, rules.GUARDIAN_OF_WARD)
    mine = (DelegationRow.resident_id == resident_id, DelegationRow.kind.in_(kinds), *_standing(now))
    return set(reader.execute(select(DelegationRow.actor_id).where(*mine)).scalars())


def _tell_registered(session: Session, kind: str, ends_at: datetime, tell: Collection[UUID], resident_id: UUID) -> None:
    told = {"who": rules.TITLES[kind], "ends_at": ends_at.isoformat(), "tell": sorted(str(one) for one in tell)}
    outbox.tell(session, REGISTERED, told, shard=resident_id)


# --- ending ------------------------------------------------------------------------------------------------------


def end_own(session: Session, resident_id: UUID, delegation_id: UUID) -> Delegation:
    """End a delegation as one of its two sides; it counts from the next request on. Raises NotFound for others'.

    Ending what has ended changes nothing.
    """
    represented, side = resident_id, "represented"
    if _row(session, resident_id, delegation_id) is None:
        represented, side = _represented(session, resident_id, delegation_id), "actor"
    _end(session, represented, delegation_id, side)
    return delegation(session, represented, delegation_id, mine=side)


def end_at_counter(session: Session, clerk: Clerk, resident_id: UUID, delegation_id: UUID) -> Delegation:
    """End a delegation at a counter; the looks at both sides are written down first. Raises NotFound."""
    if _row(session, resident_id, delegation_id) is None:
        raise NotFound()
    _end(session, resident_id, delegation_id, "clerk")
    trail.note(session, clerk.account_id, clerk.role, "delegation.end", "delegation", delegation_id)
    return _shown(session, Desk(clerk, ENDING), resident_id, delegation_id)


def _shown(session: Session, desk: Desk, resident_id: UUID, delegation_id: UUID) -> Delegation:
    """A delegation for a counter's eyes. Raises NotFound."""
    row = _row(session, resident_id, delegation_id)
    desk.look_at_sides(session, [row] if row else [])
    return delegation(session, resident_id, delegation_id, mine="actor")


def _end(session: Session, resident_id: UUID, delegation_id: UUID, ended_by: str) -> None:
    this = (DelegationRow.resident_id == resident_id, DelegationRow.id == delegation_id)
    _end_where(session, ended_by, *this, tell=True)


def _end_where(session: Session, ended_by: str, *this: Any, tell: bool = False) -> None:
    """End what stands among these; whoever is a person on either side is told, unless something new takes its place."""
    ended = session.execute(
        update(DelegationRow)
        .where(*this, DelegationRow.ended_at.is_(None), DelegationRow.ends_at > clock.now())
        .values(ended_at=clock.now(), ended_by=ended_by)
        .returning(DelegationRow.resident_id, DelegationRow.actor_id, DelegationRow.kind)
    ).all()
    for row in ended if tell else ():
        people = {row.resident_id} if row.kind == rules.HELPER else {row.resident_id, row.actor_id}
        told = {"who": rules.TITLES[row.kind], "tell": sorted(str(one) for one in people)}
        outbox.tell(session, ENDED, told, shard=row.resident_id)


# --- using -------------------------------------------------------------------------------------------------------


def act_for(
    session: Session, actor_id: UUID, resident_id: UUID, title: str, may: Collection[str], kinds: Collection[str]
) -> str | None:
    """As what ``actor_id`` may act for a resident now, after writing it into her access log.

    ``title``: the action in words. ``kinds``: of delegation that this caller can hold. ``may``: as what the action may
    be done. Raises NotFound where nothing stands; None where it stands but does not reach so far.
    """
    this = (DelegationRow.resident_id == resident_id, DelegationRow.actor_id == actor_id, DelegationRow.kind.in_(kinds))
    row = session.execute(select(*_COLUMNS).where(*this, *_standing(clock.now())).limit(1)).first()
    if row is None:
        raise NotFound()
    acts_as = rules.ACTS_AS[row.kind]
    if acts_as not in may:
        return None
    consents.record_look(
        session, resident_id, actor_id, acts_as, f"代办：{title.replace('自己的', '其')}", [title],
        f"代办登记（{row.basis}）", row.organisation_id if row.kind == rules.HELPER else None,
        authorisation=f"delegation:{row.id}",
    )  # fmt: skip
    return acts_as


def still_acts(session: Session, actor_id: UUID, resident_id: UUID, acts_as: str) -> bool:
    """Whether such a delegation stands now; none that does ends before this transaction has."""
    kinds = [kind for kind, name in rules.ACTS_AS.items() if name == acts_as]
    this = (DelegationRow.resident_id == resident_id, DelegationRow.actor_id == actor_id, DelegationRow.kind.in_(kinds))
    standing = select(DelegationRow.id).where(*this, *_standing(clock.now())).limit(1)
    return session.execute(standing.with_for_update(read=True)).first() is not None


# --- reading -----------------------------------------------------------------------------------------------------


def _row(reader: Reader, resident_id: UUID, delegation_id: UUID) -> Row[Any] | None:
    this = (DelegationRow.resident_id == resident_id, DelegationRow.id == delegation_id)
    return reader.execute(select(*_COLUMNS).where(*this)).first()


def delegation(reader: Reader, resident_id: UUID, delegation_id: UUID, *, mine: str) -> Delegation:
    """One delegation as one side sees it. Raises NotFound."""
    row = _row(reader, resident_id, delegation_id)
    if row is None:
        raise NotFound()
    return _views(reader, [(row, mine)])[0]


def _represented(reader: Reader, actor_id: UUID, delegation_id: UUID) -> UUID:
    """The person for whom an actor acts by this delegation. Raises NotFound for others'."""
    this = (DelegationActorRow.actor_id == actor_id, DelegationActorRow.id == delegation_id)
    found: UUID | None = reader.execute(select(DelegationActorRow.resident_id).where(*this)).scalar()
    if found is None:
        raise NotFound()
    return found


def delegations(reader: Reader, resident_id: UUID) -> list[Delegation]:
    """Who acts for a person and for whom she acts, what stands first, then the newest."""
    return _in_order(reader, _of(reader, resident_id))


def _of(reader: Reader, resident_id: UUID) -> list[tuple[Row[Any], str]]:
    mine = select(*_COLUMNS).where(DelegationRow.resident_id == resident_id)
    rows = [(row, "represented") for row in reader.execute(mine)]
    return rows + [(row, "actor") for row in _acted(reader, resident_id)]


def _in_order(reader: Reader, rows: Sequence[tuple[Row[Any], str]]) -> list[Delegation]:
    return sorted(_views(reader, rows), key=lambda one: (not one.stands, -one.starts_at.timestamp(), str(one.id)))


def helping(session: Session, clerk: Clerk) -> list[Delegation]:
    """Whom a clerk helps now; the look at each is written down first."""
    now = clock.now()
    rows = [row for row in _acted(session, clerk.account_id) if _stands(row, now)]
    Desk(clerk, HELPING).look_at_sides(session, rows)
    return _views(session, [(row, "actor") for row in rows])


def _acted(reader: Reader, actor_id: UUID) -> list[Row[Any]]:
    """The newest hundred by the actor's look-up, each read under the person it belongs to."""
    found = select(DelegationActorRow.resident_id, DelegationActorRow.id).where(DelegationActorRow.actor_id == actor_id)
    rows = [_row(reader, *key) for key in reader.execute(found.order_by(DelegationActorRow.id.desc()).limit(100)).all()]
    return [row for row in rows if row is not None]


def find_at_counter(session: Session, clerk: Clerk, card: CardProof) -> list[Delegation]:
    """The delegations of the person whose card a clerk holds, as represented or as guardian; the looks at her and at
    the other sides are written down first. Raises IdentityNotVerified.
    """
    desk = Desk(clerk, FINDING)
    resident_id = person_before_us(session, desk, card)
    rows = _of(session, resident_id)
    desk.look_at_sides(session, [row for row, _ in rows], {resident_id})
    return _in_order(session, rows)


def _views(reader: Reader, rows: Sequence[tuple[Row[Any], str]]) -> list[Delegation]:
    ids = {row.resident_id for row, _ in rows} | {row.actor_id for row, _ in rows}
    people, staff = accounts.people_by_id(reader, ids), accounts.display_names(reader, ids)
    names = {key: known.display_name for key, known in people.items()} | staff
    now = clock.now()
    return [
        Delegation(
            row.id, row.kind, mine, row.resident_id, names.get(row.resident_id, "（已注销）"),
            names.get(row.actor_id, "（已注销）"), row.basis, _document_no(reader, row, row.resident_id in people),
            row.starts_at, row.ends_at, row.ended_at, _stands(row, now),
        )
        for row, mine in rows
    ]  # fmt: skip


def _stands(row: Row[Any], now: datetime) -> bool:
    return row.ended_at is None and bool(row.starts_at <= now < row.ends_at)


def _document_no(reader: Reader, row: Row[Any], living: bool) -> str | None:
    """The document's number, masked but for its last four characters."""
    if row.document_no_sealed is None or not living:
        return None
    known = accounts.open_for(reader, row.resident_id, "delegations", "document_no_sealed", row.document_no_sealed)
    return "*" * max(0, len(known) - 4) + known[-4:] if len(known) > 4 else "*" * len(known)


__all__ = [
    "ENDED",
    "REGISTERED",
    "CardProof",
    "Clerk",
    "Delegation",
    "Guardianship",
    "act_for",
    "delegations",
    "end_at_counter",
    "end_own",
    "find_at_counter",
    "helping",
    "lint_city",
    "register_guardian",
    "start_helping",
]
