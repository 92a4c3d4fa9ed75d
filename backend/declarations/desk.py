"""The desk of those who verify: what awaits them, and deciding it.

A department's data officer sees what was declared of the items whose source her department is, the programme office
everything; whatever else there is, is not found. Every look at a resident's declaration is written into her access
log before it is answered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.catalogue import service as catalogue
from backend.consents import service as consents
from backend.declarations import models, rules, service, shelves, views
from backend.declarations.errors import EvidenceGone, OwnDeclaration
from backend.declarations.shelves import PEOPLE, Declaration
from backend.declarations.views import View
from backend.delegation import service as delegation
from backend.kit import clock, files, operations, outbox, trail
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.kit.seal import mask_id_number
from backend.records import service as records

OFFICE = "office"
LOOK_PURPOSE = "核实自主申报"
LOOK_BASIS = "本人自主申报，并在真实性承诺书中同意核实"


class Reviewer(NamedTuple):
    """Who sits at the desk. ``held``: (role, organisation) by which she may; ``organisations``: all she works for.

    ``person_id``: the reviewer's own person, where the account is tied to one.
    """

    account_id: UUID
    held: tuple[tuple[str, UUID], ...]
    organisations: frozenset[UUID]
    person_id: UUID | None = None


class Reach(NamedTuple):
    """What a reviewer may decide, and on whose behalf: everything for an office, else by the item's code."""

    role: str
    office: UUID | None
    by_item: Mapping[str, UUID]

    def acts_for(self, item_code: str) -> UUID | None:
        """The organisation for which she decides what is declared of an item; None where she does not."""
        return self.office or self.by_item.get(item_code)


def reach(reader: Reader, reviewer: Reviewer) -> Reach:
    """What a reviewer may see and decide."""
    for role, organisation_id in reviewer.held:
        if role == OFFICE:
            return Reach(role, organisation_id, {})
    mine = {organisation_id for _, organisation_id in reviewer.held}
    by_item = {code: one for one in sorted(mine) for code in catalogue.items_of_departments(reader, [one])}
    return Reach(reviewer.held[0][0], None, by_item)


# --- seeing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QueueItem:
    """What awaits a decision. ``declarer``: a person's masked name, or a legal entity's."""

    id: UUID
    subject: str
    declarer: str
    entity_code: str | None
    item_code: str
    item_title: str
    declared_at: datetime
    due_on: date
    overdue: bool


def review_queue(
    session: Session, reviewer: Reviewer, limit: int, after: tuple[Any, ...] | None = None
) -> tuple[list[QueueItem], tuple[date, UUID] | None]:
    """The ``limit`` that are due first, the overdue before all, and the position after them if more wait.

    It writes one line into the access log of each resident shown.
    """
    mine = reach(session, reviewer)
    entry = models.queue.c
    query = select(models.queue).where(entry.closed_at.is_(None)).order_by(entry.due_on, entry.declaration_id)
    if mine.office is None:
        query = query.where(entry.item_code.in_(mine.by_item))
    if after is not None:
        query = query.where(tuple_(entry.due_on, entry.declaration_id) > after)
    entries = session.execute(query.limit(limit + 1)).all()
    shown = entries[:limit]
    for one in shown:
        _look(session, reviewer, mine, one, ["masked_name"])
    more = (shown[-1].due_on, shown[-1].declaration_id) if len(entries) > limit else None
    return _items(session, shown), more


def _look(session: Session, reviewer: Reviewer, mine: Reach, entry: Row[Any], seen: Sequence[str]) -> None:
    """Write down a look at the resident whose declaration it is; a legal entity is nobody."""
    if entry.resident_id is not None:
        consents.record_look(
            session, entry.resident_id, reviewer.account_id, mine.role, LOOK_PURPOSE, seen, LOOK_BASIS,
            mine.acts_for(entry.item_code), authorisation=f"declaration:{entry.declaration_id}",
        )  # fmt: skip


def _items(reader: Reader, entries: Collection[Row[Any]]) -> list[QueueItem]:
    people = accounts.people_by_id(reader, {one.resident_id for one in entries if one.resident_id})
    named = {key: person.display_name for key, person in people.items()} | _entity_names(reader, entries)
    known, today = catalogue.items(reader), clock.today()
    return [
        QueueItem(
            id=one.declaration_id, subject=shelves.shelf_of(one)[0].subject,
            declarer=named.get(one.resident_id or one.declaration_id, "（已注销）"), entity_code=one.entity_code,
            item_code=one.item_code, item_title=known[one.item_code].title if one.item_code in known else one.item_code,
            declared_at=one.declared_at, due_on=one.due_on,
            overdue=rules.is_overdue(rules.PENDING, one.due_on, today),
        )
        for one in entries
    ]  # fmt: skip


def _entity_names(reader: Reader, entries: Collection[Row[Any]]) -> dict[UUID, str]:
    wanted = [(one.entity_code, one.declaration_id) for one in entries if one.entity_code]
    table = models.entity_declarations.c
    query = select(table.id, table.entity_name).where(tuple_(table.entity_code, table.id).in_(wanted))
    return {row.id: row.entity_name for row in reader.execute(query)} if wanted else {}


@dataclass(frozen=True)
class Shown:
    """A declaration as those who verify see it: who, what, on which pledge, and what may be done with it.

    A person's name stands in full, for it is compared with the register; her id number is masked. ``own``: the
    reviewer stands on the declarer's side and may not decide.
    """

    declaration: View
    declarer: str
    id_number: str | None
    entity_code: str | None
    legal_basis: str
    may_feed_score: bool
    photos: list[str]
    pledge_title: str
    pledge_text: str
    decisions: list[str]
    own: bool


def show(session: Session, reviewer: Reviewer, declaration_id: UUID) -> Shown:
    """One declaration in full, after the look is written down. Raises NotFound."""
    mine = reach(session, reviewer)
    entry = _entry(session, mine, declaration_id)
    _look(session, reviewer, mine, entry, ["name", "id_number", "declaration"])
    shelf, key = shelves.shelf_of(entry)
    one = shelves.one(session, shelf, key, declaration_id)
    item = views.items_at(session, one.policy_version)[one.item_code]
    pledge = views.pledge_at(session, one.policy_version, one.subject)
    person = accounts.open_person(session, key) if shelf is PEOPLE else None
    return Shown(
        declaration=views.views(session, [one])[0], declarer=person.name if person else str(one.entity_name),
        id_number=mask_id_number(person.id_number) if person else None, entity_code=one.entity_code,
        legal_basis=item.legal_basis, may_feed_score=item.may_feed_score,
        photos=[f"/api/v1/declarations/{one.id}/photos/{photo.file_id}" for photo in one.pictures],
        pledge_title=pledge.title, pledge_text=pledge.text, own=_is_own(session, reviewer, one),
        decisions=[act for act in rules.DECISIONS if (one.status, act) in rules.BECOMES],
    )  # fmt: skip


def photo(session: Session, reviewer: Reviewer, declaration_id: UUID, file_id: UUID) -> tuple[str, bytes]:
    """``(media type, bytes)`` of a picture, after the look is written down. Raises NotFound."""
    mine = reach(session, reviewer)
    entry = _entry(session, mine, declaration_id)
    found = shelves.picture(session, *shelves.shelf_of(entry), declaration_id, file_id)
    _look(session, reviewer, mine, entry, ["declaration_photo"])
    return files.open_image(session, found.owner_id, found.file_id)


def _entry(reader: Reader, mine: Reach, declaration_id: UUID) -> Row[Any]:
    """The queue's entry, if the reviewer may see it. Raises NotFound."""
    query = select(models.queue).where(models.queue.c.declaration_id == declaration_id)
    entry = reader.execute(query).first()
    if entry is None or mine.acts_for(entry.item_code) is None:
        raise NotFound("没有这条申报。", "There is no such declaration.")
    return entry


# --- deciding --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decided:
    """What stands after a decision. ``record_id``: what a confirmed declaration has become."""

    declaration_id: UUID
    declaration_status: str
    record_id: UUID | None
    reason: str | None
    at: datetime | None

    @property
    def status_text(self) -> str:
        return rules.STATUS_TEXT[self.declaration_status]


def decide(
    session: Session, reviewer: Reviewer, declaration_id: UUID, decision: str, reason: str, operation: Operation
) -> Decided:
    """Confirm or reject a declaration, or revoke a confirmation that turned out wrong; the declarer reads the reason.

    A confirmed one becomes a record at once, and whatever is computed from the archive follows. Raises NotFound,
    OwnDeclaration, DeclarationDecided, EvidenceGone, RecordRefused, RecordExists, EntityNameMismatch; a refusal leaves
    all as it was.
    """
    mine = reach(session, reviewer)
    done = operations.begin(session, operation, kind="declarations.decide")
    entry = _entry(session, mine, declaration_id)
    shelf, key = shelves.shelf_of(entry)
    if shelf is PEOPLE and done is None:
        accounts.require_standing(session, key)
    _look(session, reviewer, mine, entry, ["declaration"])
    if done is not None:
        return _decided(shelves.one(session, shelf, key, declaration_id))
    held = shelves.locked(session, shelf, key, declaration_id)
    if _is_own(session, reviewer, held):
        raise OwnDeclaration()
    status = service.becomes(held, decision)
    if decision == "revoke":
        _revoke(session, reviewer, held, status, reason)
    else:
        _settle(session, reviewer, mine, held, status, reason)
    service.close_entry(session, held)
    _tell(session, reviewer, mine.role, held, decision)
    operations.finish(session, operation, declaration_id)
    return _decided(shelves.one(session, shelf, key, declaration_id))


def _is_own(reader: Reader, reviewer: Reviewer, one: Declaration) -> bool:
    """Whether the reviewer is the declarer, acts or has acted for her, or works for the declaring organisation."""
    if one.resident_id is not None:
        sides = [reviewer.account_id, *([reviewer.person_id] if reviewer.person_id else [])]
        return reviewer.person_id == one.resident_id or delegation.has_acted_for(reader, one.resident_id, sides)
    assert one.declared_by is not None
    declarers = [one.declared_by, accounts.person_of_staff(reader, one.declared_by), one.organisation_id, one.key]
    codes = service.codes_of(reader, reviewer.organisations)
    return rules.own_affair(declarers, [reviewer.account_id, reviewer.person_id, *reviewer.organisations, *codes])


def _settle(session: Session, reviewer: Reviewer, mine: Reach, held: Declaration, status: str, reason: str) -> None:
    where = mine.acts_for(held.item_code)
    assert where is not None  # the entry was found by it
    record_id = _file(session, reviewer, where, held) if status == rules.CONFIRMED else None
    shelf = shelves.shelf_for(held.subject)
    shelves.change(
        session, shelf, held.key, held.id, status=status, reason=reason, record_id=record_id, decided_at=clock.now(),
        decided_by=reviewer.account_id, decided_for=where,
    )  # fmt: skip


def _file(session: Session, reviewer: Reviewer, where: UUID, held: Declaration) -> UUID:
    """The record that it becomes, with who vouches for it."""
    known = catalogue.items(session).get(held.item_code)
    if held.content is None or known is None:
        raise EvidenceGone()
    by = rules.Confirmer(where, accounts.organisation(session, where).name)
    new = rules.record(known, held.content, held.id, by)
    if held.resident_id is not None:
        return records.add_record(session, held.resident_id, new, by=reviewer.account_id)
    return records.add_entity_record(session, str(held.key), str(held.entity_name), new, by=reviewer.account_id)


def _revoke(session: Session, reviewer: Reviewer, held: Declaration, status: str, reason: str) -> None:
    service.withdraw_record(session, held, reviewer.account_id, reason)
    shelf = shelves.shelf_for(held.subject)
    shelves.change(
        session, shelf, held.key, held.id, status=status, end_reason=reason, ended_at=clock.now(),
        ended_by=reviewer.account_id,
    )  # fmt: skip


def _tell(session: Session, reviewer: Reviewer, role: str, held: Declaration, decision: str) -> None:
    """The trail's line, and the news for a resident."""
    detail = {"decision": decision, "item_code": held.item_code}
    trail.note(session, reviewer.account_id, role, "declarations.decide", "declaration", held.id, detail)
    if held.resident_id is not None:
        news = {"resident_id": str(held.resident_id), "declaration_id": str(held.id), "decision": decision}
        outbox.tell(session, "declarations.decided", news, shard=held.resident_id)


def _decided(one: Declaration) -> Decided:
    ended = one.status == rules.REVOKED
    return Decided(
        one.id, one.status, one.record_id, one.end_reason if ended else one.reason,
        one.ended_at if ended else one.decided_at,
    )  # fmt: skip
